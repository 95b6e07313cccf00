"""The doors: command line, batch and report, with the real model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from iqa_spider.core import ConfigError, StorageError
from iqa_spider.regions import decode_rle
from iqa_spider.serving.batch import run_batch
from iqa_spider.serving.files import write_text
from iqa_spider.serving.report import ReportRow, write_index, write_report


@pytest.fixture
def images(tmp_path, picture):
    folder = tmp_path / "images"
    folder.mkdir()
    Image.fromarray(picture).save(folder / "a.png")
    Image.fromarray(picture[:100]).save(folder / "b.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff oops")
    return folder


def _command(*words):
    return subprocess.run(
        [sys.executable, "-c", "from iqa_spider.serving.cli import main; main()", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "COLUMNS": "200"},
    )


ROWS = [
    {"id": 1, "image": "a.png", "question": "Which region is the most degraded?"},
    {"id": 2, "image": "b.png", "question": "Rate the quality of this picture."},
    {"id": 3, "image": "a.png", "question": "What is wrong here?", "box": [10, 10, 90, 90]},
    {"id": 4, "image": "missing.png", "question": "How is it?"},
    {"id": 5, "image": "broken.jpg", "question": "How is it?"},
    {"id": 6, "image": "a.png", "question": ""},
    {"id": 7, "image": "a.png", "question": "What?", "box": [50, 50, 10, 10]},
    {"id": 1, "image": "a.png", "question": "Which id is this?"},
    {"image": "a.png"},
]


def _requests(tmp_path):
    path = tmp_path / "requests.jsonl"
    path.write_text("\n".join([*(json.dumps(r) for r in ROWS), "{not json"]) + "\n")
    return path


def test_batch_answers_each_row_once_and_survives_bad_ones(spider, tmp_path, images):
    out = tmp_path / "answers.jsonl"
    summary = run_batch(spider, _requests(tmp_path), images, out)
    rows = {row["line"]: row for row in map(json.loads, out.read_text().splitlines())}
    assert sorted(rows) == list(range(1, 11))
    assert (summary.answered, summary.failed) == (3, 7)
    assert rows[1]["error"] is None
    assert decode_rle(rows[1]["mask"]).shape == (160, 224)
    assert rows[2]["point"] is None
    assert 0 <= rows[2]["score"] <= 100
    for line, word in {
        4: "no such file",
        5: "broken.jpg",
        6: "empty",
        7: "inverted",
        8: "twice",
        9: "'id'",
        10: "not JSON",
    }.items():
        assert word in rows[line]["error"]
        assert rows[line]["text"] is None


def test_batch_goes_on_after_a_kill(spider, tmp_path, images):
    """A torn last line is asked again, finished ones are not."""
    requests, out = _requests(tmp_path), tmp_path / "answers.jsonl"
    run_batch(spider, requests, images, out)
    whole = out.read_text().splitlines(keepends=True)
    out.write_text("".join(whole[:4]) + whole[4][:25])
    summary = run_batch(spider, requests, images, out)
    lines = [json.loads(line)["line"] for line in out.read_text().splitlines()]
    assert sorted(lines) == list(range(1, 11))
    assert summary.skipped == 4


def test_batch_refuses_a_file_that_is_not_its_own(spider, tmp_path, images):
    out = tmp_path / "notes.txt"
    out.write_text("my notes\nkeep them\n")
    with pytest.raises(ConfigError, match="not ours"):
        run_batch(spider, _requests(tmp_path), images, out)
    assert out.read_text() == "my notes\nkeep them\n"


def test_report_needs_no_other_file(spider, tmp_path, picture):
    row = write_report(picture, "pic", spider.open(picture).assess(), tmp_path)
    bad = ReportRow("x.jpg", None, "", None, "", None, "x.jpg: truncated")
    page, index = (tmp_path / "pic.html").read_text(), write_index([row, bad], tmp_path).read_text()
    assert "data:image/jpeg;base64," in page
    assert 'src="http' not in page + index
    assert "x.jpg: truncated" in index
    record = json.loads((tmp_path / "pic.json").read_text())
    assert decode_rle(record["regions"][0]["mask"]).shape == picture.shape[:2]
    assert np.asarray(Image.open(tmp_path / "pic.png")).shape == picture.shape


def test_a_file_is_whole_or_not_there(tmp_path):
    """A report folder that is a file: the error names it, and nothing is left behind."""
    (tmp_path / "taken").write_text("x")
    with pytest.raises(StorageError, match="taken"):
        write_text(tmp_path / "taken" / "a.html", "page")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def test_help_is_quick():
    """Help that waits for torch to load is help nobody asks for."""
    _command("--help")
    start = time.perf_counter()
    result = _command("ask", "--help")
    assert result.returncode == 0
    assert "iqa-spider ask photo.jpg" in result.stdout
    assert time.perf_counter() - start < 2.0


def test_ask_prints_json_and_saves_the_mask(tmp_path, images):
    out = tmp_path / "mask.png"
    result = _command(
        "ask", images / "a.png", "Which region is worst?", "--json", "--save-mask", out
    )
    assert result.returncode == 0, result.stderr
    record = json.loads(result.stdout)
    assert record["task"] == "grounding"
    assert np.asarray(Image.open(out)).shape[:2] == (160, 224)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ask", "none.png", "What?"], "none.png: no such file"),
        (["ask", "a.png", " "], "question is empty"),
        (["ask", "a.png", "What?", "--box", "9,9,1,1"], "inverted"),
        (["ask", "a.png", "What?", "--box", "0,0,900,10"], "leaves the picture"),
        (["batch", "none.jsonl", "--images", ".", "--out", "o"], "none.jsonl: no such file"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(monkeypatch, images, words, message):
    monkeypatch.chdir(images)
    result = _command(*words)
    assert result.returncode == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
