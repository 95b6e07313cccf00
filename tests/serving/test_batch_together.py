"""Rows asked together: the same answers as one by one, and a failing row fails alone."""

from __future__ import annotations

import json

import pytest
from conftest import textured
from endpoint_server import EndpointServer, Reply
from PIL import Image
from tiny_models import save_qwen

from iqa_spider.core import EndpointError, MemoryLimitError, PartlyAnsweredError
from iqa_spider.models import load_spider
from iqa_spider.serving.batch import run_batch

ROWS = [
    {"id": 1, "image": "a.png", "question": "Which region is the most degraded?"},
    {"id": 2, "image": "b.png", "question": "Rate the quality of this picture."},
    {"id": 3, "image": "a.png", "question": "What is wrong here?", "box": [10, 10, 90, 90]},
    {"id": 4, "image": "none.png", "question": "How is it?"},
    {"id": 5, "image": "a.png", "question": ""},
    {"id": 6, "image": "b.png", "question": "Describe it.", "box": [0, 0, 999, 9]},
    {"id": 7, "image": "b.png", "question": "Where is it noisy?"},
]


@pytest.fixture
def images(tmp_path):
    for name, seed in (("a", 1), ("b", 2)):
        Image.fromarray(textured(96, 64 + 32 * seed, seed)).save(tmp_path / f"{name}.png")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return tmp_path


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return load_spider(f"hf:{save_qwen(tmp_path_factory.mktemp('q'), seed=3)}")


def _rows(out):
    """Answers without their times, by line; how many there are is part of what is compared."""
    found = [json.loads(line) for line in out.read_text().splitlines()]
    for row in found:
        row.pop("seconds")
        row.pop("terms")
    assert len({row["line"] for row in found}) == len(found)
    return found


def _sizes(spider, monkeypatch):
    """How many questions each call of the backbone held."""
    sizes, many = [], spider.backbone.ask_many

    def counted(requests, **options):
        sizes.append(len(requests))
        return many(requests, **options)

    monkeypatch.setattr(spider.backbone, "ask_many", counted)
    return sizes


def test_rows_together_equal_rows_one_by_one(large, images, monkeypatch):
    run_batch(large, images / "rows.jsonl", images, images / "one.jsonl", together=1)
    sizes = _sizes(large, monkeypatch)
    summary = run_batch(large, images / "rows.jsonl", images, images / "all.jsonl", together=8)
    assert sizes == [4]
    assert (summary.answered, summary.failed) == (4, 3)
    together, one = _rows(images / "all.jsonl"), _rows(images / "one.jsonl")
    assert [row["line"] for row in together] == [row["line"] for row in one]
    assert [row["text"] for row in together] == [row["text"] for row in one]
    assert [row["error"] for row in together] == [row["error"] for row in one]
    assert [row["mask"] for row in together] == [row["mask"] for row in one]
    for a, b in zip(together, one, strict=True):
        assert a["score"] == pytest.approx(b["score"], abs=0.02)
        assert a["point"] == pytest.approx(b["point"], abs=0.1)


def test_a_group_is_on_disk_before_the_next_begins(large, images, monkeypatch):
    out = images / "out.jsonl"
    seen, many = [], large.backbone.ask_many

    def watched(requests, **options):
        seen.append(len(out.read_text().splitlines()))
        return many(requests, **options)

    monkeypatch.setattr(large.backbone, "ask_many", watched)
    run_batch(large, images / "rows.jsonl", images, out, together=3)
    assert seen == [0, 3]  # the third group is the row of the missing picture alone
    whole = out.read_text().splitlines(keepends=True)
    out.write_text("".join(whole[:2]) + whole[2][:20])
    assert run_batch(large, images / "rows.jsonl", images, out, together=3).skipped == 2
    assert sorted(row["line"] for row in _rows(out)) == list(range(1, 8))


def test_too_many_at_once_are_halved(large, images, monkeypatch):
    """Memory that holds two rows but not four: smaller groups, the same answers."""
    out, sizes, many = images / "out.jsonl", [], large.backbone.ask_many

    def small(requests, **options):
        sizes.append(len(requests))
        if len(requests) > 2:
            raise MemoryLimitError("out of memory")
        return many(requests, **options)

    monkeypatch.setattr(large.backbone, "ask_many", small)
    assert run_batch(large, images / "rows.jsonl", images, out, together=8).answered == 4
    assert sizes[0] == 4 and max(sizes[1:]) <= 2


def test_one_request_that_fails_fails_alone(images):
    """The questions of several pictures are under way at once; the server chokes on one of them."""

    def script(body, number):
        text = body["messages"][0]["content"][1]["text"]
        return Reply("no", 500) if "noisy" in text else Reply(f"Re: {text[:9]}", delay=0.05)

    with EndpointServer(script) as server:
        spider = load_spider("openai:x", endpoint=server.url, retries=0)
        talk = spider.backbone.open(textured(64, 64))
        with pytest.raises(PartlyAnsweredError, match="1 of 2") as caught:
            spider.backbone.ask_many([(talk, "Is it noisy?", None), (talk, "How?", None)])
        assert isinstance(caught.value.outcomes[0], EndpointError)
        assert caught.value.outcomes[1].text == "Re: How?"
        questions = ("Describe it.", "How noisy is it?", "Rate the quality of this picture.")
        rows = [
            {"id": i, "image": f"{'ab'[i % 2]}.png", "question": q} for i, q in enumerate(questions)
        ]
        (images / "few.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        summary = run_batch(spider, images / "few.jsonl", images, images / "out.jsonl")
    found = {row["id"]: row for row in _rows(images / "out.jsonl")}
    assert (summary.answered, summary.failed) == (2, 1)
    assert found[0]["text"] == "Re: Describe ".strip()
    assert server.url in found[1]["error"] and found[1]["text"] is None
