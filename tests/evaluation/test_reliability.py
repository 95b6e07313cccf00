"""The reliability study: tasks out, ratings in, and figures that a hand-made crowd must give."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from bench_helpers import Scripted, execute
from endpoint_server import EndpointServer
from endpoint_server import Reply as Said
from scipy.stats import pearsonr, spearmanr
from typer.testing import CliRunner

from iqa_spider.core import ConfigError, DatasetError
from iqa_spider.evaluation.bench.items import Reply
from iqa_spider.evaluation.judges import RUBRICS, JudgeOptions, make_judge
from iqa_spider.evaluation.metrics import icc, statistic
from iqa_spider.evaluation.reliability import build_study, sample_tasks, write_tasks
from iqa_spider.evaluation.reliability.agreement import judge_marks
from iqa_spider.evaluation.store import read_lines
from iqa_spider.serving.cli import app


@pytest.fixture(scope="module")
def run(items, built, tmp_path_factory):
    """A run whose answers are right on some photos and half right on others: marks that vary."""
    out = tmp_path_factory.mktemp("run")

    def answer(item):
        words = item.reference.split()
        return Reply(" ".join(words[: len(words) * (1 + int(item.photo[-1])) // 8]))

    execute(items, built, out, Scripted(answer))
    return out


def _fill(path, marks):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["score"] = str(marks[row["id"]])
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_tasks_hold_what_people_need_and_not_the_judges_marks(run, built, tmp_path):
    tasks = sample_tasks(run, 6, seed=3)
    assert tasks == sample_tasks(run, 6, seed=3) != sample_tasks(run, 6, seed=4)
    assert {t.rubric for t in tasks} == {"global", "local", "grounding"} and len(tasks) <= 18
    write_tasks(tasks, tmp_path, built, raters=2)
    with (tmp_path / "ratings-2.csv").open(newline="") as file:
        row = next(csv.DictReader(file))
    assert row["score"] == "" and row["reference"] and (tmp_path / row["image"]).exists()
    judged = {r["id"]: r["score"] for r in read_lines(run / "judgements.jsonl")}
    assert judged and "verdict" not in (tmp_path / "tasks.jsonl").read_text()
    with pytest.raises(ConfigError, match="not overwritten"):
        write_tasks(tasks, tmp_path, None, raters=2)


def test_figures_are_those_of_scipy_and_of_the_icc(run, tmp_path):
    tasks = sample_tasks(run, 30)
    write_tasks(tasks, tmp_path, None, raters=3)
    name, marks = judge_marks(run, tasks)
    rng = np.random.default_rng(0)
    people = []
    for number in (1, 2, 3):
        tops = np.array([RUBRICS[t.rubric].top for t in tasks])
        own = np.clip(np.array(marks) + rng.normal(0, 1, len(tasks)), 0, tops).round(2)
        people.append(own)
        _fill(
            tmp_path / f"ratings-{number}.csv", {t.id: v for t, v in zip(tasks, own, strict=True)}
        )
    report = build_study(tmp_path, sorted(tmp_path.glob("ratings-*.csv")), [run], rounds=30)
    rows = {(r[0], r[1]): r for r in report.sheets[0].rows}
    keep = [i for i, t in enumerate(tasks) if t.rubric == "grounding"]
    crowd, judge = np.array(people)[:, keep].T, np.array(marks)[keep]
    row = rows[(f"{name} and people", "grounding")]
    assert float(row[3].split()[0]) == pytest.approx(
        spearmanr(judge, crowd.mean(1)).statistic, abs=5e-4
    )
    assert float(row[4].split()[0]) == pytest.approx(
        pearsonr(judge, crowd.mean(1)).statistic, abs=5e-4
    )
    among = rows[("one person and another", "grounding")]
    assert float(among[2].split()[0]) == pytest.approx(icc(crowd, "2,1"), abs=5e-4)
    assert "[" in row[2] and int(row[5]) == len(keep)
    assert report.sheets[1].rows[0][2] == "0.78"


def test_two_judges_of_the_same_answers_are_compared(run, items, built, tmp_path):
    with EndpointServer(lambda body, n: Said(json.dumps({"reason": "", "score": n % 5}))) as server:
        judge = make_judge("openai:other", JudgeOptions(endpoint=server.url, rounds=1))
        answers = {r["id"]: r["reply"]["text"] for r in read_lines(run / "answers.jsonl")}
        execute(
            items, built, tmp_path / "r2", Scripted(lambda i: Reply(answers[i.id])), judge=judge
        )
    write_tasks(sample_tasks(run, 20), tmp_path / "study", None, raters=0)
    report = build_study(tmp_path / "study", [], [run, tmp_path / "r2"], rounds=20)
    assert any(r[0] == "rules and other" for r in report.sheets[0].rows)


def test_interval_of_an_icc_holds_its_value():
    rng = np.random.default_rng(0)
    true = rng.normal(size=(60, 1))
    found = statistic(lambda r: icc(r, "2,1"), true + 0.5 * rng.normal(size=(60, 3)),
                      [str(i) for i in range(60)], rounds=200)  # fmt: skip
    assert found.low < found.value < found.high and found.value == pytest.approx(0.8, abs=0.1)


def test_marks_that_are_missing_or_off_the_scale_are_named(run, tmp_path):
    tasks = sample_tasks(run, 2)
    write_tasks(tasks, tmp_path, None, raters=1)
    path = tmp_path / "ratings-1.csv"
    with pytest.raises(DatasetError, match=r"ratings-1\.csv:2: the score of .* is '', no number"):
        build_study(tmp_path, [path], [run])
    _fill(path, {t.id: 11 for t in tasks})
    with pytest.raises(DatasetError, match=r":2: the score of .* is 11, off 0 to"):
        build_study(tmp_path, [path], [run])
    path.write_text("id,score\n")
    with pytest.raises(DatasetError, match="has no score of"):
        build_study(tmp_path, [path], [run])
    path.write_text("id,score\nzzz,1\n")
    with pytest.raises(DatasetError, match="'zzz' is no task"):
        build_study(tmp_path, [path], [run])
    path.write_text("id score\nzzz,1\n")
    with pytest.raises(DatasetError, match="lacks the column id, score"):
        build_study(tmp_path, [path], [run])
    path.write_bytes(b"id,score,remark\nzzz,1,\xfc\n")
    with pytest.raises(DatasetError, match="CSV in UTF-8"):
        build_study(tmp_path, [path], [run])
    with pytest.raises(ConfigError, match="two judges"):
        build_study(tmp_path, [], [run])


def test_constant_marks_are_undefined_and_semicolons_are_read(run, tmp_path):
    """No finding is "nan [nan, nan]", and half of Europe's spreadsheets write semicolons."""
    tasks = sample_tasks(run, 4)
    write_tasks(tasks, tmp_path, None, raters=1)
    path = tmp_path / "ratings-1.csv"
    path.write_text("id;score\r\n" + "".join(f"{t.id};3\r\n" for t in tasks))
    (rows, _) = (sheet.rows for sheet in build_study(tmp_path, [path], [run], rounds=20).sheets)
    assert rows and all(row[3] == row[4] == "undefined" for row in rows)


def test_answers_that_were_not_rated_are_refused(run, items, built, tmp_path):
    write_tasks(sample_tasks(run, 5), tmp_path / "study", None, raters=0)
    execute(items, built, tmp_path / "other", Scripted(lambda i: Reply("blur")))
    with pytest.raises(ConfigError, match="is not the one that was rated"):
        build_study(tmp_path / "study", [], [run, tmp_path / "other"])


def test_command_line_goes_the_whole_way(run, built, tmp_path):
    runner, study = CliRunner(), tmp_path / "study"
    base = ["bench", "reliability"]
    found = runner.invoke(
        app, [*base, "sample", str(run), "--out", str(study), "--count", "4", "--raters", "2"]
    )
    assert found.exit_code == 0, found.output
    tasks = sample_tasks(run, 4)
    for number in (1, 2):
        _fill(study / f"ratings-{number}.csv", {t.id: (len(t.answer) + number) % 5 for t in tasks})
    args = [*base, "report", str(study), "--run", str(run), "--out", str(tmp_path / "rel")]
    for number in (1, 2):
        args += ["--ratings", str(study / f"ratings-{number}.csv")]
    found = runner.invoke(app, args)
    assert found.exit_code == 0, found.output
    assert "rules and people" in (tmp_path / "rel.md").read_text()
