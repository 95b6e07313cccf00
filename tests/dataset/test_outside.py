"""Loaders of other sets: what fits is read, what does not is named by file and row."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from iqa_spider.core import Category, DatasetError, Finding
from iqa_spider.dataset.outside import (
    KADID_TYPES,
    QGroundFormat,
    read_depictqa,
    read_kadid,
    read_koniq,
    read_qground,
    read_qinstruct,
)
from iqa_spider.regions import encode_rle


def _json(path, rows):
    path.write_text(json.dumps(rows))
    return path


KADID_HEAD = "dist_img,ref_img,dmos,var\n"


def test_kadid_rows_carry_type_level_and_category(tmp_path):
    """A shifted column would put the spread in the place of the score."""
    (tmp_path / "dmos.csv").write_text(KADID_HEAD + "I81_10_05.png,I81.png,1.27,0.63\n")
    (row,) = read_kadid(tmp_path, check_images=False)
    assert (row.dmos, row.spread, row.type, row.level) == (1.27, 0.63, 10, 5)
    assert row.category is Category.COMPRESSION and len(KADID_TYPES) == 25


@pytest.mark.parametrize(
    "line, words",
    [
        ("I01_26_01.png,I01.png,3,1", "type 26"),
        ("I01_01_01.png,I02.png,3,1", "expected I01.png"),
        ("I01_01_01.png,I01.png,74,1", "1 to 5"),
        ("I01_01_01.png,I01.png", "no field"),
        ("photo.png,I01.png,3,1", "no name like"),
        ("I01_01_01.png,I01.png,3,1", "missing"),
    ],
)
def test_kadid_refuses_rows_out_of_form(tmp_path, line, words):
    (tmp_path / "dmos.csv").write_text(f"{KADID_HEAD}{line}\n")
    with pytest.raises(DatasetError, match=rf"dmos\.csv: row 1 .*{words}"):
        list(read_kadid(tmp_path))


KONIQ_HEAD = "image_name,c1,c2,c3,c4,c5,c_total,MOS,SD,MOS_zscore\n"


def _koniq(folder, line):
    (folder / "koniq10k_scores_and_distributions.csv").write_text(KONIQ_HEAD + line + "\n")
    return read_koniq(folder, check_images=False)


def test_koniq_keeps_the_two_scales_apart(tmp_path):
    """A z-score taken for a MOS would pass unseen through a rank correlation."""
    (tmp_path / "koniq10k_distributions_sets.csv").write_text("image_name,set\na.jpg,test\n")
    (row,) = _koniq(tmp_path, "a.jpg,0,0,2,2,0,4,3.5,0.5,68.2")
    assert (row.mos, row.zscore, row.split, sum(row.votes)) == (3.5, 68.2, "test", 4)


@pytest.mark.parametrize(
    "line, words",
    [
        ("a.jpg,0,0,2,2,0,4,68.2,0.5,68.2", "z-score column"),
        ("a.jpg,0,0,2,2,0,4,2.5,0.5,68.2", "votes give 3.5"),
        ("a.jpg,0,0,2,2,0,9,3.5,0.5,68.2", "add up"),
    ],
)
def test_koniq_refuses_rows_out_of_form(tmp_path, line, words):
    with pytest.raises(DatasetError, match=rf"row 1 \(a\.jpg\): .*{words}"):
        list(_koniq(tmp_path, line))


def _talk(*texts):
    return [{"from": ("human", "gpt")[i % 2], "value": text} for i, text in enumerate(texts)]


def test_qinstruct_turns_are_paired_and_lose_the_mark(tmp_path):
    rows = [{"id": "1", "image": "spaq_koniq/1.jpg",
             "conversations": _talk("Is it sharp?\n<image>", "No.", "Why?", "Motion.")}]  # fmt: skip
    (row,) = read_qinstruct(_json(tmp_path / "q.json", rows), tmp_path, check_images=False)
    assert row.turns == (("Is it sharp?", "No."), ("Why?", "Motion."))


@pytest.mark.parametrize(
    "row, words",
    [
        ({"id": "7", "conversations": _talk("a <image>", "b")}, "no field 'image'"),
        ({"id": "7", "image": "a.jpg", "conversations": _talk("a", "b")}, "stands 0 times"),
        ({"id": "7", "image": "a.jpg", "conversations": _talk("a <image>")}, "in turns"),
        ({"id": "7", "image": "../a.jpg", "conversations": _talk("a <image>", "b")}, "inside"),
        ({"id": "7", "image": "a.jpg", "conversations": "x"}, "expected list"),
    ],
)
def test_qinstruct_refuses_rows_out_of_form(tmp_path, row, words):
    good = {"id": "1", "image": "a.jpg", "conversations": _talk("a <image>", "b")}
    path = _json(tmp_path / "q.json", [good, row])
    with pytest.raises(DatasetError, match=rf"q\.json: row 2 \(7\): .*{words}"):
        list(read_qinstruct(path, tmp_path, check_images=False))


def _depict(**changes):
    row = {
        "id": "x_0", "image_ref": None, "image_A": "d/x_0.png", "image_B": None,
        "task_type": "quality_single_A_noref", "distortion_classes": ["blur", "noise"],
        "distortion_names": ["blur_lens", "noise_impulse"], "severities": [2, 3],
        "query": "What?", "answer": "Blur and noise",
    }  # fmt: skip
    return row | changes


def test_depictqa_findings_keep_order_and_answers_become_sets(tmp_path):
    clean = _depict(distortion_classes=None, distortion_names=None, severities=0, answer="None")
    path = _json(tmp_path / "d.json", [_depict(), clean])
    first, second = read_depictqa(path, tmp_path, check_images=False)
    assert first.findings == (Finding(Category.BLUR, 2), Finding(Category.NOISE, 3))
    assert first.names == {"blur", "noise"} and first.single
    assert second.findings == () and second.names == {"none"}


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"severities": [2]}, "differ in length"),
        ({"severities": [2, 6]}, "severity"),
        ({"distortion_names": ["noise_impulse", "noise_impulse"]}, "function of noise"),
        ({"distortion_classes": ["smudge", "noise"]}, "smudge"),
        ({"image_A": None}, "image_A"),
        ({"distortion_classes": None}, "disagree"),
    ],
)
def test_depictqa_refuses_rows_out_of_form(tmp_path, changes, words):
    path = _json(tmp_path / "d.json", [_depict(**changes)])
    with pytest.raises(DatasetError, match=rf"row 1 \(x_0\): .*{words}"):
        list(read_depictqa(path, tmp_path, check_images=False))


@pytest.fixture
def ground(tmp_path):
    """A copy of the set in which the three spellings of a mask all mean the same rectangle."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.jpg"), np.full((40, 60, 3), 90, np.uint8))
    mask = np.zeros((40, 60), bool)
    mask[10:21, 5:31] = True
    coloured = np.zeros((40, 60, 3), np.uint8)
    coloured[mask] = (0, 0, 255)  # OpenCV writes BGR: this is red, the colour of blur
    coloured[30:, 40:] = (0, 255, 0)
    cv2.imwrite(str(tmp_path / "masks" / "a.png"), coloured)
    spellings = [encode_rle(mask), [[5, 10, 30, 10, 30, 20, 5, 20]], "a.png"]
    items = [{"label": "blur", "mask": spelling} for spelling in spellings]
    _json(tmp_path / "human.json", [{"id": "1_ann", "image": "a.jpg", "ann_list": items}])
    return tmp_path, mask


def test_qground_reads_masks_in_each_spelling(ground):
    folder, mask = ground
    (row,) = read_qground(folder, "human.json", QGroundFormat(palette=True))
    for annotation in row.annotations:
        assert (annotation.mask == mask).all()
    assert row.mask_of("noise") is None


def test_qground_format_comes_from_a_file(ground, tmp_path):
    """Class names of the set are unknown: one outside the file must be named, not dropped."""
    (tmp_path / "form.yaml").write_text("classes: {noise: [0, 255, 0]}\n")
    form = QGroundFormat.load(tmp_path / "form.yaml")
    with pytest.raises(DatasetError, match=r"row 1 \(1_ann\): class 'blur'"):
        list(read_qground(ground[0], "human.json", form))
    (tmp_path / "form.yaml").write_text("colours: {}\n")
    with pytest.raises(DatasetError, match="unknown field colours"):
        QGroundFormat.load(tmp_path / "form.yaml")


@pytest.mark.parametrize("text, words", [("{", "not JSON"), ("{}", "expected a list"), ("[3]", "row 1 is a int")])  # fmt: skip
def test_files_that_hold_something_else_are_named(tmp_path, text, words):
    (tmp_path / "q.json").write_text(text)
    with pytest.raises(DatasetError, match=words):
        list(read_qinstruct(tmp_path / "q.json", tmp_path))
