"""`dataset check`: each kind of damage, done on purpose, is found; a sound set is clean."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from dataset_fixtures import scenery
from typer.testing import CliRunner

from iqa_spider.core import DatasetError, open_picture
from iqa_spider.dataset.build import BuildSettings, build_dataset
from iqa_spider.dataset.check import check_dataset
from iqa_spider.dataset.likeness import fingerprint, near_duplicates
from iqa_spider.regions import decode_rle, encode_rle
from iqa_spider.serving.cli import app
from iqa_spider.tasks import terms_of


def _edit(folder, change, split="train"):
    """Apply ``change`` to the first row it takes; it returns True when it did something."""
    path = folder / "samples" / f"{split}.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert any(change(row) for row in rows), "no row to damage: the test is empty"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_sound_set_is_clean(small_set, small_photos):
    """A false alarm here would make every report worthless."""
    report = check_dataset(small_set, small_photos)
    assert report.problems == () and report.rendered == 12 and report.samples > 100


def test_a_photo_in_two_splits_is_a_leak(copied_set):
    lines = (copied_set / "samples" / "train.jsonl").read_text().splitlines()
    row = json.loads(lines[0]) | {"split": "test", "id": "other"}
    with (copied_set / "samples" / "test.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    report = check_dataset(copied_set)
    assert report.kinds == {"leak": 1} and report.problems[0].where == row["photo"]


def _changes(picture):
    ok, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 30])
    assert ok
    yield cv2.imdecode(data, cv2.IMREAD_COLOR)
    yield cv2.resize(picture, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    yield np.ascontiguousarray(picture[:, ::-1])
    yield cv2.convertScaleAbs(picture, alpha=0.8, beta=12)


def test_near_duplicates_are_told_from_other_pictures():
    """Recoded, resized, mirrored and brightened copies count; other pictures of one kind do not."""
    original = scenery(1, 160, 224)
    for copy in _changes(original):
        prints = [fingerprint(original), fingerprint(copy.astype(np.uint8))]
        assert near_duplicates(prints, ["train", "test"]) == [(0, 1)]
        assert near_duplicates(prints, ["train", "train"]) == []
    plain = [np.full((64, 64, 3), v, np.uint8) for v in (40, 200)]
    others = [fingerprint(p) for p in (*(scenery(i, 160, 224) for i in range(2, 14)), *plain)]
    assert near_duplicates(others, [str(i) for i in range(len(others))]) == []


def test_the_same_photo_under_two_names_is_a_leak(small_photos, tmp_path):
    photos = tmp_path / "photos"
    (photos / "photos").mkdir(parents=True)
    picture = cv2.imread(str(small_photos / "p00.png"))
    rows = ["id,split,has_regions"]
    for name, split in (("a", "train"), ("b", "test")):
        cv2.imwrite(str(photos / "photos" / f"{name}.jpg"), picture)
        rows.append(f"{name},{split},0")
    (photos / "photos.csv").write_text("\n".join(rows) + "\n")
    build_dataset(photos, tmp_path / "set", BuildSettings(size=160))
    report = check_dataset(tmp_path / "set", photos)
    assert [(p.kind, p.where) for p in report.problems] == [("leak", "a b")]


def _empty(row):
    if row["task"] != "grounding" or row["mask"] is None:
        return False
    row["mask"] = encode_rle(np.zeros(row["mask"]["size"], bool))
    return True


def _cut(row):
    if row["task"] != "grounding" or row["mask"] is None:
        return False
    row["mask"]["counts"] = row["mask"]["counts"][: len(row["mask"]["counts"]) // 2]
    return True


def _elsewhere(row):
    if row["task"] != "grounding" or row["mask"] is None:
        return False
    mask = decode_rle(row["mask"])
    v, h = terms_of(mask)
    row["mask"] = encode_rle(mask[::-1] if terms_of(mask[::-1])[0] != v else ~mask)
    return terms_of(decode_rle(row["mask"])) != (v, h)


def _drop(row):
    if row["task"] != "local" or row["mask"] is None:
        return False
    row["mask"] = None
    return True


def _resize(row):
    if row["task"] != "grounding" or row["mask"] is None:
        return False
    row["mask"]["size"] = [8, 8]
    return True


@pytest.mark.parametrize("damage", [_empty, _cut, _elsewhere, _drop, _resize])
def test_broken_masks_are_found(copied_set, damage):
    _edit(copied_set, damage)
    assert "mask" in check_dataset(copied_set).kinds


def test_an_answer_against_its_facts_is_found(copied_set):
    def lie(row):
        row["answer"] = "Pixelation and oversharpening."
        return row["task"] == "referring" and "pixel" not in str(row["facts"])

    _edit(copied_set, lie)
    assert "answer" in check_dataset(copied_set).kinds


def test_a_region_said_to_be_distorted_and_unchanged_is_found(copied_set, small_photos):
    """The stored picture is replaced by the pristine one: the facts stay, the distortion is gone."""
    image = sorted((copied_set / "images").iterdir())[3]
    pristine = open_picture(small_photos / image.name)
    stored = open_picture(image)
    size = stored.shape[1::-1]
    cv2.imwrite(str(image), cv2.resize(pristine, size, interpolation=cv2.INTER_AREA)[..., ::-1])
    assert check_dataset(copied_set, small_photos).kinds["pixels"] >= 1


def test_facts_other_than_the_recipe_are_found(copied_set, small_photos):
    path = copied_set / "recipes.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        for region in row["regions"]:
            if region["distortions"]:
                region["distortions"] = None
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert check_dataset(copied_set, small_photos).kinds["pixels"] >= 10


def test_pictures_too_plain_to_distort_are_skipped_with_the_reason(tmp_path):
    """JPEG on a plain card leaves it as it was: its facts would be untrue."""
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos" / "card.png"), np.zeros((80, 80, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "photos" / "good.png"), scenery(1, 80, 80))
    build_dataset(tmp_path / "photos", tmp_path / "set", BuildSettings(seed=1, size=80))
    report = check_dataset(tmp_path / "set", tmp_path / "photos")
    assert "pixels" not in report.kinds


def test_the_command_exits_with_1_and_names_the_problem(copied_set, tmp_path):
    _edit(copied_set, _drop)
    result = CliRunner().invoke(
        app, ["dataset", "check", str(copied_set), "--out", str(tmp_path / "r.json")]
    )
    assert result.exit_code == 1 and "no mask" in result.stdout
    assert json.loads((tmp_path / "r.json").read_text())["problems"][0]["kind"] == "mask"
    with pytest.raises(DatasetError, match="holds no samples"):
        check_dataset(tmp_path / "nothing")
