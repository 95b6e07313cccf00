"""Reports: the paper's rows, ours beside them, paired tests, slices, escaping; and the speed of scoring."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest
from bench_helpers import Scripted, execute, truthful
from typer.testing import CliRunner

from iqa_spider.core import ConfigError
from iqa_spider.evaluation.bench.items import Reply
from iqa_spider.evaluation.bench.render import to_html, to_markdown
from iqa_spider.evaluation.bench.report import build_report
from iqa_spider.evaluation.judges import make_judge
from iqa_spider.serving.cli import app


@pytest.fixture(scope="module")
def runs(items, built, tmp_path_factory):
    """A truthful run, one that is wrong on every other photo, and a baseline inside the first."""
    folder = tmp_path_factory.mktemp("runs")
    execute(items, built, folder / "good", Scripted(truthful, "good"))

    def half(item):
        return (
            truthful(item)
            if item.photo in ("p0", "p2", "p4", "p6")
            else Reply(text="<b>No</b>|idea")
        )

    execute(items, built, folder / "half", Scripted(half, "half"))
    mute = Scripted(lambda item: Reply(text="blur"), "mute")
    execute(items, built, folder / "good" / "baselines" / "mute", mute)
    return folder


def _sheet(report, title):
    return next(s for s in report.sheets if s.title == title)


def test_paper_rows_stand_below_ours(runs):
    report = build_report([runs / "good", runs / "half"])
    rows = _sheet(report, "Answers in words (Table 1)").rows
    assert [r[0] for r in rows[:3]] == ["good", "half", "mute (baseline)"]
    assert rows[-1] == ("IQA-Spider, Qwen3-VL (paper)", "7.12", "7.10", "2.41", "0.594", "0.484")
    assert rows[0][4].startswith("1.000 [1.000, 1.000]")
    grounding = _sheet(report, "Grounding, mIoU (Table 3)").rows
    assert grounding[-1][1:] == ("0.439", "0.396", "0.313", "0.408")


def test_paired_test_names_both_runs_and_finds_the_worse_one(runs):
    sheet = _sheet(build_report([runs / "good", runs / "half"]), "good minus half")
    row = next(r for r in sheet.rows if r[0].startswith("Referring, short"))
    assert re.match(r"\+0\.\d+ \[\+0\.\d+, \+\d\.\d+\]", row[1])
    assert row[2].endswith("*")


def test_each_metric_is_tested_against_the_best_baseline_there_is(runs, items, built, tmp_path):
    """Five tables of one baseline each would leave the reader to find the one that matters."""
    execute(items, built, tmp_path / "run", Scripted(truthful, "run"))
    for name, text in (("silent", "I see."), ("blurry", "Strong blur at the top left.")):
        folder = tmp_path / "run" / "baselines" / name
        execute(items, built, folder, Scripted(lambda i, t=text: Reply(text=t), name))
    sheet = _sheet(build_report([tmp_path / "run"]), "run against the best baseline")
    rows = {row[0]: row for row in sheet.rows}
    precision = rows["Categories, precision ↑"]
    assert precision[2] == "blurry" and precision[1].startswith("1.000")
    assert float(precision[1].split()[0]) - float(precision[3].split()[0]) == pytest.approx(
        float(precision[4].split()[0]), abs=2e-3
    )
    # Both name no mask: level, so the first in the alphabet stands there.
    assert rows["mIoU, all ↑"][2] == "blurry" and rows["mIoU, all ↑"][5].endswith("*")
    # What "moderate" throughout would have belongs to the questions: no model is better at it.
    assert not any("always" in name for name in rows)


def test_slices_show_groups_with_their_counts(runs):
    report = build_report([runs / "half"])
    for name in ("category", "severity", "position", "region size"):
        sheet = _sheet(report, f"half by {name}")
        assert len(sheet.rows) >= 2
        assert any(re.search(r"n \d+", cell) for row in sheet.rows for cell in row[1:])
    assert "rows overlap" in _sheet(report, "half by category").note
    assert "below 5 %" in _sheet(report, "half by region size").note


def test_marks_of_two_judges_in_one_table_are_warned_of(runs, items, built, tmp_path):
    """A difference between two judges would be read as one between two models."""
    (tmp_path / "marks.jsonl").write_text("")
    judge = make_judge(f"scripted:{tmp_path / 'marks.jsonl'}")
    execute(items, built, tmp_path / "other", Scripted(truthful, "other"), judge=judge)
    told = build_report([runs / "good", tmp_path / "other"]).lines
    assert any("not marked by one judge" in line for line in told)
    assert not any(
        "not marked by one judge" in line for line in build_report([runs / "good"]).lines
    )


def test_unparsed_and_left_out_answers_are_told(runs):
    report = build_report([runs / "half"])
    row = next(r for r in _sheet(report, "Runs").rows if r[0] == "half")
    assert int(row[4]) > 0
    assert any("severity" in r[1].lower() for r in _sheet(report, "Left out, with reasons").rows)


def test_report_is_the_same_each_time_and_escapes_what_models_said(runs, tmp_path, items, built):
    first, second = (to_markdown(build_report([runs / "good"])) for _ in range(2))
    assert first == second
    execute(items[:4], built, tmp_path, Scripted(truthful, "<script>|x"))
    report = build_report([tmp_path])
    assert "<script>" not in to_html(report)
    assert "<script>\\|x" in to_markdown(report)


def test_runs_that_do_not_belong_together_are_refused_or_marked(runs, items, built, tmp_path):
    execute(items[:9], built, tmp_path / "few", Scripted(truthful, "few"))
    report = build_report([runs / "good", tmp_path / "few"])
    assert any(
        line.startswith("Warning: the runs are not of the same items") for line in report.lines
    )
    execute(items[:9], built, tmp_path / "again", Scripted(truthful, "good"))
    with pytest.raises(ConfigError, match="two runs are called 'good'"):
        build_report([runs / "good", tmp_path / "again"])


def test_command_line_runs_resumes_and_reports(built, tmp_path):
    args = ["bench", "spider-bench", "--model", "random", "--data", str(built), "--out", str(tmp_path / "run"),
            "--limit", "25", "--baselines", "majority,full-mask"]  # fmt: skip
    runner = CliRunner()
    first = runner.invoke(app, args)
    assert first.exit_code == 0, first.output
    assert "random: 25 items, 0 were there already" in first.output
    assert "25 were there already" in runner.invoke(app, args).output
    out = tmp_path / "table"
    assert (
        runner.invoke(app, ["bench", "report", str(tmp_path / "run"), "--out", str(out)]).exit_code
        == 0
    )
    text = out.with_suffix(".md").read_text()
    assert "| **random** |" in text and "majority (baseline)" in text and "LISA-7B (paper)" in text
    assert (
        "Made by: iqa-spider bench spider-bench --data DATA --out RUN --limit 25 --model random"
        in text
    )
    assert str(tmp_path) not in text
    assert out.with_suffix(".html").exists()


def test_command_line_errors_name_the_flag(built, tmp_path):
    for extra, words in (
        (["--model", "nope"], "unknown model 'nope'"),
        (["--model", "openai:x"], "--endpoint"),
        (["--model", "random", "--baselines", "best"], "--baselines"),
    ):
        args = ["bench", "spider-bench", "--data", str(built), "--out", str(tmp_path / "r"), *extra]
        found = CliRunner().invoke(app, args)
        assert words in str(found.exception)


def test_scoring_ten_thousand_items_takes_less_than_a_minute(items, built, tmp_path):
    """Measured on 1,500 items: judge, scores, masks and intervals must take less than a seventh of 60 s."""
    many = [
        replace(item, id=f"{item.id}-{n}", photo=f"{item.photo}-{n}")
        for n in range(1500 // len(items) + 1)
        for item in items
    ][:1500]
    execute(many, built, tmp_path, Scripted(truthful))  # writes the answers
    start = time.process_time()
    execute(many, built, tmp_path, Scripted(truthful))
    assert time.process_time() - start < 9
