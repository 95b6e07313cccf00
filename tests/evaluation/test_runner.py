"""The framework: kills, caches, bytes, errors, counts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from bench_helpers import Scripted, execute, truthful

from iqa_spider.core import ConfigError, DatasetError, SpiderError
from iqa_spider.evaluation.bench.items import Item, Reply
from iqa_spider.evaluation.bench.registry import BENCHMARKS, load_benchmark
from iqa_spider.evaluation.bench.runs import read_items, read_run
from iqa_spider.evaluation.bench.session import draw_items
from iqa_spider.evaluation.examinees import make_examinee

SCORED = (
    "settings.json",
    "items.jsonl",
    "answers.jsonl",
    "judgements.jsonl",
    "scores.jsonl",
    "summary.json",
)


def test_same_run_twice_gives_the_same_bytes(items, built, tmp_path):
    """A figure that nobody can reproduce to the byte is a rumour."""
    for name in ("a", "b"):
        execute(items, built, tmp_path / name, Scripted(truthful))
    for name in SCORED:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert "seconds" not in (tmp_path / "a" / "answers.jsonl").read_text()


def test_a_killed_run_loses_nothing_and_ends_in_the_same_bytes(items, built, tmp_path):
    def dies(item: Item) -> Reply:
        if item.id == items[7].id:
            raise KeyboardInterrupt
        return truthful(item)

    execute(items, built, tmp_path / "whole", Scripted(truthful))
    with pytest.raises(KeyboardInterrupt):
        execute(items, built, tmp_path / "killed", Scripted(dies))
    answers = tmp_path / "killed" / "answers.jsonl"
    assert len(answers.read_text().splitlines()) == 7
    with answers.open("a") as file:
        file.write('{"id": "torn')  # the disk saw half a line
    second = Scripted(truthful)
    summary = execute(items, built, tmp_path / "killed", second)
    assert second.asked == [item.id for item in items[7:]]
    assert summary.cached == 7
    for name in SCORED:
        whole, killed = ((tmp_path / run / name).read_bytes() for run in ("whole", "killed"))
        assert whole == killed, name


def test_a_changed_question_is_asked_again(items, built, tmp_path):
    """A cache keyed by id alone would serve stale answers after a change of the data."""
    execute(items, built, tmp_path, Scripted(truthful))
    changed = [replace(items[0], question="Another question?"), *items[1:]]
    again = Scripted(truthful)
    execute(changed, built, tmp_path, again)
    assert again.asked == [items[0].id]


def test_a_folder_of_another_model_is_refused(items, built, tmp_path):
    execute(items[:3], built, tmp_path, Scripted(truthful))
    with pytest.raises(ConfigError, match=r"scripted before, other now.*--out"):
        execute(items[:3], built, tmp_path, Scripted(truthful, "other"))


def test_failed_items_are_counted_unscored_and_asked_again(items, built, tmp_path):
    broken = items[4].id
    flaky = Scripted(lambda i: Reply(error="time-out") if i.id == broken else truthful(i))
    assert execute(items, built, tmp_path, flaky).failed == 1
    row = next(i for i in read_run(tmp_path).items if i.id == broken)
    assert (row.error, row.values) == ("time-out", {})
    again = Scripted(truthful)
    assert execute(items, built, tmp_path, again).failed == 0
    assert again.asked == [broken]


def test_five_failures_in_a_row_stop_the_run_with_the_reason(items, built, tmp_path):
    """A server that is down must not become a table of dashes an hour later."""
    dead = Scripted(lambda item: Reply(error="refused"))
    with pytest.raises(SpiderError, match="5 items in a row failed, the last with: refused"):
        execute(items, built, tmp_path, dead)
    assert len(dead.asked) == 5


def test_unparsed_answers_are_wrong_where_declared_and_always_counted(items, built, tmp_path):
    mute = Scripted(lambda item: Reply(text="I like cats."))
    summary = execute(items, built, tmp_path, mute)
    assert summary.unparsed == len(items)
    run, bench = read_run(tmp_path), load_benchmark("spider-bench")
    assert run.estimate(bench.metric("short")).value == 0
    assert run.estimate(bench.metric("judge-global")).value == 0
    assert run.estimate(bench.metric("false-alarm-region")).items == 0
    counts = json.loads((tmp_path / "summary.json").read_text())["counts"]
    assert sum(counts["unparsed"].values()) == len(items)


def test_items_come_back_from_a_run_folder_as_they_were(items, built, tmp_path):
    execute(items, built, tmp_path, Scripted(truthful))
    assert read_items(tmp_path) == items


def test_limit_draws_all_kinds_and_a_larger_limit_keeps_the_smaller(items):
    """The first N rows would be a few photos' worth of one or two kinds."""
    few, more = draw_items(items, 20), draw_items(items, 30)
    assert len(few) == 20
    assert {i.id for i in few} <= {i.id for i in more}
    assert [i.id for i in few] == [i.id for i in items if i.id in {f.id for f in few}]
    assert len({i.photo for i in few}) > 4
    with pytest.raises(ConfigError, match="--limit"):
        draw_items(items, 0)


def test_an_item_that_stands_twice_is_refused(items, built, tmp_path):
    with pytest.raises(ConfigError, match="stands twice"):
        execute([items[0], items[0]], built, tmp_path, Scripted(truthful))


def test_errors_name_file_and_mend(built, tmp_path):
    with pytest.raises(ConfigError, match="unknown benchmark 'nope'; known: spider-bench"):
        load_benchmark("nope")
    with pytest.raises(ConfigError, match="finish the run"):
        read_run(tmp_path)
    with pytest.raises(
        DatasetError, match=r"other\.jsonl: no such file; run `iqa-spider dataset build`"
    ):
        load_benchmark("spider-bench").read(tmp_path, "other")
    (tmp_path / "settings.json").write_text("{}")
    (tmp_path / "scores.jsonl").write_text("[1]\n")
    with pytest.raises((ConfigError, DatasetError), match=r"scores\.jsonl|not a run"):
        read_run(tmp_path)


def test_a_wrong_split_and_a_word_after_the_colon_are_told(built, tmp_path):
    """To be told to build sends a user away from a set that is there; "majority:x" ran as if all were well."""
    with pytest.raises(DatasetError, match=r"val\.jsonl: no such file; the splits here are test"):
        load_benchmark("spider-bench").read(built, "val")
    with pytest.raises(ConfigError, match="name majority alone"):
        make_examinee("majority:x", [])


def test_every_registered_benchmark_loads_and_its_tables_name_its_metrics():
    for name in BENCHMARKS:
        bench = load_benchmark(name)
        assert bench.name == name
        for metric in (c.metric for table in bench.tables for c in table.columns):
            bench.metric(metric)
        for metric in bench.sliced:
            bench.metric(metric)
