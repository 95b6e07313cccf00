"""Answer files of other models, in the very forms their scripts write."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from bench_helpers import execute
from typer.testing import CliRunner

from iqa_spider.core import ConfigError, DatasetError
from iqa_spider.evaluation.bench.questions import write_questions
from iqa_spider.evaluation.bench.registry import load_benchmark
from iqa_spider.evaluation.bench.runs import read_run
from iqa_spider.evaluation.examinees import make_examinee
from iqa_spider.evaluation.examinees.formats import FORMATS, picture_name
from iqa_spider.regions import decode_rle, encode_rle
from iqa_spider.serving.cli import app

BENCH = load_benchmark("spider-bench")


def _figure(folder, name):
    return read_run(folder).estimate(BENCH.metric(name), rounds=10)


@pytest.fixture
def asked(items):
    return [i for i in items if i.photo in ("p0", "p1", "p2", "p3")]


def test_run_together_objects_are_read_and_matched_by_picture_and_question(asked, built, tmp_path):
    """Q-Instruct's script forgets the line break; a reader by lines would read one object or none."""
    rows = [
        {
            "img_path": i.image.split("/")[-1],
            "question": i.question,
            "response": f"{i.reference}</s>",
        }
        for i in asked
    ]
    (tmp_path / "a.jsonl").write_text("".join(map(json.dumps, rows)))
    shorts = [i for i in asked if i.kind in ("short", "global")]
    unique = [
        i for i in shorts if sum((j.image, j.question) == (i.image, i.question) for j in asked) == 1
    ]
    (tmp_path / "a.jsonl").write_text(
        "".join(json.dumps(r) for r, i in zip(rows, asked, strict=True) if i in unique)
    )
    examinee = make_examinee(f"answers:q-instruct:{tmp_path / 'a.jsonl'}", unique)
    execute(unique, built, tmp_path / "run", examinee)
    assert _figure(tmp_path / "run", "short").value == 1


@pytest.mark.parametrize("copies", [False, True])
def test_answers_to_the_questions_that_were_written_are_all_matched(asked, built, tmp_path, copies):
    """Scripts that keep no ids repeat picture and question: with the box in words, and the copy's name."""
    path = write_questions(asked, built, tmp_path / "q", copies=copies)
    told = [json.loads(line) for line in path.read_text().splitlines()]
    rows = [
        {"img_path": r["image"].split("/")[-1], "question": r["text"], "response": i.reference}
        for r, i in zip(told, asked, strict=True)
    ]
    (tmp_path / "a.jsonl").write_text("".join(map(json.dumps, rows)))
    examinee = make_examinee(f"answers:q-instruct:{tmp_path / 'a.jsonl'}", asked)
    assert {k: r.text for k, r in examinee.replies.items()} == {i.id: i.reference for i in asked}


def test_items_that_share_picture_and_question_are_not_mixed_up(asked, tmp_path):
    """The answer about one region must not be taken for that about another."""
    one = next(i for i in asked if i.kind == "global")
    pair = [one, replace(one, id="another")]
    row = {"img_path": one.image.split("/")[-1], "question": one.question, "response": "blur"}
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    with pytest.raises(DatasetError, match="no answer fits an item"):
        make_examinee(f"answers:q-instruct:{tmp_path / 'a.jsonl'}", pair)


@pytest.mark.parametrize("form, key", [("depictqa", "id"), ("co-instruct", "question_id")])
def test_lists_and_lines_with_ids_are_read(asked, built, tmp_path, form, key):
    rows = [{key: i.id, "text": i.reference, "prob": None} for i in asked]
    whole = json.dumps(rows) if form == "depictqa" else "\n".join(map(json.dumps, rows))
    (tmp_path / "a.json").write_text(whole)
    execute(
        asked,
        built,
        tmp_path / "run",
        make_examinee(f"answers:{form}:{tmp_path / 'a.json'}", asked),
    )
    assert _figure(tmp_path / "run", "short").value == 1
    assert _figure(tmp_path / "run", "iou").items > 0  # words are grounded by a click


def test_an_item_that_the_file_leaves_out_has_failed(asked, built, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([{"id": i.id, "text": "blur"} for i in asked[:-1]]))
    examinee = make_examinee(f"answers:depictqa:{tmp_path / 'a.json'}", asked)
    assert execute(asked, built, tmp_path / "run", examinee).failed == 1


@pytest.mark.parametrize("form", ["lisa", "pixellm", "q-ground"])
def test_mask_pictures_are_united_and_survive_jpeg(asked, built, tmp_path, form):
    """Grey 100 in a JPEG rings at its edges: any threshold near 0 would mark the ringing."""
    for item in asked:
        if not item.wants_mask or item.truth["mask"] is None:
            continue
        mask = decode_rle(item.truth["mask"])
        half = np.zeros_like(mask)
        half[: mask.shape[0] // 2] = True
        for number, part in enumerate((mask & half, mask & ~half)):
            path = tmp_path / "m" / f"{picture_name(item)}_mask_{number}.jpg"
            path.parent.mkdir(exist_ok=True)
            cv2.imwrite(str(path), part.astype(np.uint8) * 100)
        cv2.imwrite(
            str(path).replace("_mask_", "_masked_img_"), np.full((*mask.shape, 3), 200, np.uint8)
        )
    execute(
        asked, built, tmp_path / "run", make_examinee(f"answers:{form}:{tmp_path / 'm'}", asked)
    )
    assert _figure(tmp_path / "run", "iou").value > 0.97
    assert _figure(tmp_path / "run", "short").items == 0


@pytest.mark.parametrize("form", ["lisa", "sa2va"])
def test_masks_in_other_pixels_than_the_pictures_are_an_error(asked, tmp_path, form):
    """They would count as empty masks: a good model would stand in the table with an IoU of 0."""
    item = next(i for i in asked if i.wants_mask and i.truth["mask"])
    small = np.ones((32, 32), np.uint8)
    cv2.imwrite(str(tmp_path / f"{picture_name(item)}_mask_0.jpg"), small * 100)
    row = {"caption": "blur", "pred_masks": [encode_rle(small > 0)]}
    (tmp_path / f"{picture_name(item)}.json").write_text(json.dumps(row))
    with pytest.raises(DatasetError, match="differ in size"):
        make_examinee(f"answers:{form}:{tmp_path}", asked)


def test_answers_without_a_mask_are_counted(asked, built, tmp_path):
    """A model that marks one region in three has an IoU of 0 on the rest: the report must say why."""
    wanted = [i for i in asked if i.wants_mask and i.truth["mask"]]
    mask = decode_rle(wanted[0].truth["mask"]).astype(np.uint8)
    cv2.imwrite(str(tmp_path / f"{picture_name(wanted[0])}_mask_0.png"), mask * 100)
    summary = execute(
        asked, built, tmp_path / "run", make_examinee(f"answers:lisa:{tmp_path}", asked)
    )
    assert summary.unparsed == len(wanted) - 1 > 0


def test_records_with_caption_and_masks_are_read(asked, built, tmp_path):
    (tmp_path / "s").mkdir()
    for item in asked:
        mask = item.truth["mask"]
        row = {
            "image_id": item.id,
            "caption": item.reference,
            "phrases": [],
            "pred_masks": [mask] if mask else [],
        }
        (tmp_path / "s" / f"{picture_name(item)}.json").write_text(json.dumps(row))
    execute(asked, built, tmp_path / "run", make_examinee(f"answers:sa2va:{tmp_path / 's'}", asked))
    assert _figure(tmp_path / "run", "iou").value == _figure(tmp_path / "run", "short").value == 1


def test_errors_name_file_and_what_is_wrong(asked, tmp_path):
    bad = tmp_path / "bad.json"
    for text, words in (
        ("[{]", r"bad\.json:1: not JSON"),
        ('[{"id": "x", "answer": "y"}]', "answer 1 has no text"),
        ('[{"id": "x", "text": "y"}]', "no answer fits an item"),
        ("[3]", "answer 1 is no JSON object"),
        (json.dumps([{"id": asked[0].id, "text": "y"}] * 2), "answered twice"),
    ):
        bad.write_text(text)
        with pytest.raises(DatasetError, match=words):
            make_examinee(f"answers:depictqa:{bad}", asked)
    (tmp_path / f"{picture_name(asked[0])}.json").write_text("[{}, {}]")
    with pytest.raises(DatasetError, match="holds 2 records, expected one"):
        make_examinee(f"answers:sa2va:{tmp_path}", asked)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="holds no NAME_mask_0"):
        make_examinee(f"answers:lisa:{tmp_path / 'empty'}", asked)
    with pytest.raises(ConfigError, match="FORMAT one of q-instruct"):
        make_examinee("answers:other:x", asked)
    assert set(FORMATS) == set(
        "q-instruct co-instruct depictqa q-ground lisa sa2va pixellm".split()
    )


def test_questions_carry_no_answer_and_copies_are_named_by_item(asked, built, tmp_path):
    path = write_questions(asked, built, tmp_path / "q", copies=True)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [r["question_id"] for r in rows] == [i.id for i in asked]
    assert len({r["image"] for r in rows}) == len(asked)
    assert all((tmp_path / "q" / r["image"]).exists() for r in rows)
    marked = next(r for r, i in zip(rows, asked, strict=True) if i.region)
    assert "inside the box (" in marked["text"]
    assert not any("reference" in r or "truth" in r for r in rows)


def test_command_line_writes_questions(built, tmp_path):
    args = [
        "bench",
        "questions",
        "spider-bench",
        "--data",
        str(built),
        "--out",
        str(tmp_path / "q"),
        "--limit",
        "5",
    ]
    found = CliRunner().invoke(app, args)
    assert found.exit_code == 0 and found.output.startswith("5 questions")
