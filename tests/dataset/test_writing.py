"""Answers by a model behind a real HTTP server: what it may say, and what becomes of what it may not."""

from __future__ import annotations

import json
import re
import time
from collections import Counter

import pytest
from endpoint_server import EndpointServer, Gauge, Reply
from typer.testing import CliRunner

from iqa_spider.core import DatasetError, EndpointError, SubTask, Task, open_picture
from iqa_spider.dataset.check import check_dataset
from iqa_spider.dataset.load import read_samples
from iqa_spider.dataset.renaming import clean_label
from iqa_spider.dataset.validate import contradictions
from iqa_spider.dataset.writing import WriteSettings, write_set
from iqa_spider.models.endpoint import Endpoint, picture_url
from iqa_spider.serving.cli import app
from iqa_spider.tasks import write_answer

SETTINGS = WriteSettings("writer", concurrency=4)


def _text(message):
    content = message["content"]
    return content if isinstance(content, str) else content[-1]["text"]


def _good(body):
    """A model that does as it is told: reads the facts from the dialogue and answers in its own words."""
    said = [_text(message) for message in body["messages"]]
    if "noun phrase" in said[-1]:
        return "A wooden fence."
    told = next((t for t in said if t.startswith("The truth about")), None)
    if told is None or said[-1] is told:
        return "Planks in the sun."
    facts = re.search(r"The truth about .*?: (.*?) Say for each", told).group(1)
    level = re.search(r"the overall quality is (\w+)", said[-1] + said[-3])
    if level:
        return f"Planks in the sun. {facts} In short, the overall quality is {level.group(1)}."
    return f"Planks in the sun: {facts.split(': ', 1)[-1]}"


def _is_last(body):
    return any("uestion: " in _text(m) for m in body["messages"])


def _model(server, **options):
    return Endpoint(server.url, "writer", **({"retries": 3, "timeout": 5} | options))


def _look(path):
    return picture_url(open_picture(path))


def _write(server, folder, out, settings=SETTINGS, **options):
    return write_set(folder, out, _model(server, **options), settings, _look)


def _rows(folder):
    return {s.id: s for split in ("train", "test") for s in read_samples(folder, split)}


def test_good_replies_become_answers_and_the_set_stays_sound(small_set, small_photos, tmp_path):
    """Words change, facts do not: the written set passes the check that the built one passes."""
    with EndpointServer(lambda body, n: Reply(_good(body))) as server:
        summary = _write(server, small_set, tmp_path / "out")
        assert summary.rejected == summary.fallen == summary.waiting == 0
        assert summary.written > 50 and summary.requests == len(server.requests)
        seen = [m for r in server.requests for m in r["messages"] if isinstance(m["content"], list)]
        assert all(m["content"][0]["image_url"]["url"].startswith("data:image/png") for m in seen)
    before, after = _rows(small_set), _rows(tmp_path / "out")
    assert before.keys() == after.keys()
    for id, sample in after.items():
        fixed = sample.subtask is SubTask.SHORT or "rating" in sample.tags
        assert ("lmm" in sample.tags) != fixed
        if sample.task is Task.GROUNDING and sample.facts.region is not None:
            assert sample.answer.startswith("The region at the ")  # the spatial part, from facts
        assert before[id].facts.target == sample.facts.target
    assert check_dataset(tmp_path / "out", small_photos).problems == ()


def test_labels_are_corrected_in_facts_question_and_answer(small_set, tmp_path):
    with EndpointServer(lambda body, n: Reply(_good(body))) as server:
        summary = _write(server, small_set, tmp_path / "out")
    renamed = [s for s in _rows(tmp_path / "out").values() if s.facts.region is not None]
    assert summary.renamed and all(s.facts.region.name == "wooden fence" for s in renamed)
    assert any("the wooden fence" in s.question for s in renamed)
    assert all("the wooden fence" in s.answer for s in renamed if s.task is Task.GROUNDING)


@pytest.mark.parametrize(
    "reply, name",
    [
        ("Grass", "grass"),
        ("It is a red brick wall.", "red brick wall"),
        ("unknown", None),
        ("blurry grass", None),
        ("sky at the top left", None),
        ("the whole picture", None),
        ("I believe that this may be a wall", None),
        ("", None),
        ("wall <b>", None),
    ],
)
def test_labels_that_leak_place_or_quality_are_refused(reply, name):
    """A region called "blurry grass" would give the answer away in the question."""
    assert clean_label(reply) == name


def test_contradicting_replies_are_told_why_and_asked_again(small_set, tmp_path):
    """First a lie, then the truth: counted as rejected, not as fallen; the transcript holds both."""

    def script(body, n):
        told_off = any("That answer is wrong" in _text(m) for m in body["messages"])
        if _is_last(body) and not told_off:
            return Reply("Severe pixelation and oversharpening at the top left and quantization.")
        return Reply(_good(body))

    with EndpointServer(script) as server:
        summary = _write(server, small_set, tmp_path / "out")
    assert summary.rejection_rate == 1 and summary.fallen == 0
    transcripts = [json.loads(p.read_text()) for p in (tmp_path / "out" / "transcripts").iterdir()]
    for transcript in transcripts:
        first, second = transcript["attempts"]
        assert first["reasons"] and not second["reasons"]
        assert "That answer is wrong" in transcript["messages"][-1]["content"]
        assert "data:image" not in json.dumps(transcript)


def test_a_model_that_keeps_lying_is_overruled_by_the_facts(small_set, small_photos, tmp_path):
    def script(body, n):
        return Reply("It shows severe pixelation, oversharpening and quantization at the top left."
                     if _is_last(body) else _good(body))  # fmt: skip

    with EndpointServer(script) as server:
        summary = _write(server, small_set, tmp_path / "out")
    assert summary.written == 0 and summary.fallen > 50
    assert check_dataset(tmp_path / "out", small_photos).problems == ()
    report = json.loads((tmp_path / "out" / "writing.json").read_text())
    assert report["rejection_rate"] == 1.0 and report["model"] == "writer"


def test_truncated_replies_count_as_attempts(small_set, tmp_path):
    """A reply cut off in the middle must not become an answer, nor stop the run."""
    cut: Counter[str] = Counter()

    def script(body, n):
        if _is_last(body):
            key = _text(body["messages"][1]) + _text(body["messages"][5])
            cut[key] += 1
            if cut[key] == 1:
                return Reply("It shows stro", finish="length")
        return Reply(_good(body))

    with EndpointServer(script) as server:
        summary = _write(server, small_set, tmp_path / "out")
    assert summary.written > 50 and summary.rejected > 40 and summary.fallen == 0


@pytest.mark.parametrize("fault", [Reply(status=429), Reply(status=500), Reply("slow", delay=1.2)])
def test_passing_faults_of_the_server_cost_nothing(copied_set, tmp_path, fault):
    _shorten(copied_set, 4)
    with EndpointServer(lambda body, n: fault if n in (2, 5) else Reply(_good(body))) as server:
        summary = _write(server, copied_set, tmp_path / "out", timeout=0.8)
    assert summary.waiting == summary.fallen == 0 and summary.written >= 2


def _shorten(folder, rows):
    for path in (folder / "samples").glob("*.jsonl"):
        lines = path.read_text().splitlines()[:rows]
        path.write_text("".join(f"{line}\n" for line in lines))


def test_a_dead_endpoint_stops_the_run_and_the_next_goes_on(small_set, tmp_path):
    """Finished work is kept; only what is missing is asked for again, and the result is the same."""
    alive = lambda body, n: Reply(_good(body))  # noqa: E731
    dying = lambda body, n: Reply(_good(body)) if n < 120 else Reply(status=500)  # noqa: E731
    with EndpointServer(dying) as server:
        with pytest.raises(EndpointError, match="run the same command to go on"):
            _write(server, small_set, tmp_path / "out", retries=0)
    done = len(list((tmp_path / "out" / "transcripts").iterdir()))
    assert done > 5
    with EndpointServer(alive) as server:
        _write(server, small_set, tmp_path / "out")
        resumed = len(server.requests)
    with EndpointServer(alive) as server:
        _write(server, small_set, tmp_path / "whole")
        assert resumed <= len(server.requests) - 3 * done
    assert _rows(tmp_path / "out") == _rows(tmp_path / "whole")


def test_the_budget_holds_and_the_rest_waits(copied_set, tmp_path):
    """Used up but for less than one dialogue: half a dialogue would be paid for and thrown away."""
    _shorten(copied_set, 30)
    settings = WriteSettings("writer", concurrency=3, requests=40)
    with EndpointServer(lambda body, n: Reply(_good(body))) as server:
        summary = _write(server, copied_set, tmp_path / "out", settings)
        assert len(server.requests) == summary.requests
    assert 40 - settings.dialogue < summary.requests <= 40
    assert summary.waiting > 0 and summary.written >= 8
    assert len(_rows(tmp_path / "out")) == len(_rows(copied_set))


def test_no_more_requests_than_the_limit_are_under_way(copied_set, tmp_path):
    _shorten(copied_set, 60)  # of five photos and more: they are what runs side by side
    gauge = Gauge()

    def script(body, n):
        with gauge:
            time.sleep(0.02)
        return Reply(_good(body))

    with EndpointServer(script) as server:
        _write(server, copied_set, tmp_path / "out", WriteSettings("writer", concurrency=3))
    assert gauge.most == 3


def test_other_settings_and_the_set_itself_are_refused(copied_set, tmp_path):
    _shorten(copied_set, 1)
    with EndpointServer(lambda body, n: Reply(_good(body))) as server:
        _write(server, copied_set, tmp_path / "out")
        with pytest.raises(DatasetError, match="other settings"):
            _write(server, copied_set, tmp_path / "out", WriteSettings("other"))
        with pytest.raises(DatasetError, match="the set itself"):
            _write(server, copied_set, copied_set)


def test_the_command_reports_the_rejection_rate(copied_set, tmp_path):
    _shorten(copied_set, 3)
    with EndpointServer(lambda body, n: Reply(_good(body))) as server:
        arguments = ["--endpoint", server.url, "--model", "writer", "--out", str(tmp_path / "out")]
        result = CliRunner().invoke(app, ["dataset", "write", str(copied_set), *arguments])
    assert result.exit_code == 0, result.output
    assert "contradicted the facts at first: 0 (0.0%)" in result.stdout


def test_the_judge_of_answers_is_not_asleep(small_set):
    """Every answer of the set is true of its own facts and most are false of another sample's."""
    samples = [s for s in _rows(small_set).values() if s.task is not Task.GLOBAL]
    caught = 0
    half = len(samples) // 2  # far enough away to speak of another photo
    for sample, other in zip(samples, samples[half:] + samples[:half], strict=True):
        answer = write_answer(sample.task, sample.subtask, sample.facts)
        assert contradictions(sample.task, sample.subtask, sample.facts, answer) == ()
        caught += bool(contradictions(sample.task, sample.subtask, sample.facts, other.answer))
    assert caught > 0.8 * len(samples)
