"""People's work: brush masks, annotations in and out, agreement, ratings. Files in Label Studio's own form."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from typer.testing import CliRunner

from iqa_spider.core import CATEGORIES, DatasetError, RegionError, SubTask, Task, generator
from iqa_spider.dataset.check import check_dataset
from iqa_spider.dataset.load import read_samples
from iqa_spider.dataset.people import (
    ANNOTATION_CONFIG,
    DIMENSIONS,
    RATING_CONFIG,
    agreement_of,
    annotation_tasks,
    choose_samples,
    decode_brush,
    encode_brush,
    import_annotations,
    rating_tasks,
    read_annotations,
    read_ratings,
    report_ratings,
)
from iqa_spider.dataset.people.ratings import Rating
from iqa_spider.dataset.sources import find_photos
from iqa_spider.serving.cli import app

# What Label Studio's own converter makes of a 9 x 13 mask with a bar and a dot.
OF_LABEL_STUDIO = [0, 0, 1, 212, 57, 27, 254, 115, 0, 195, 255, 248, 76, 3, 15, 255, 225, 48, 12, 63, 255, 132, 192, 48, 255, 254, 107, 0, 143, 255, 25, 128, 0]  # fmt: skip


def _bar():
    mask = np.zeros((9, 13), bool)
    mask[2:6, 3:11] = True
    mask[7, 12] = True
    return mask


def test_brush_masks_are_read_as_label_studio_writes_them():
    """Read as COCO's RLE, or with rows and columns changed over, this mask would be another."""
    assert (decode_brush(OF_LABEL_STUDIO, 9, 13) == _bar()).all()
    assert (decode_brush(encode_brush(_bar()), 9, 13) == _bar()).all()


@given(arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40))))
@settings(max_examples=60, deadline=None)
def test_brush_masks_survive_a_round_trip(mask):
    assert (decode_brush(encode_brush(mask), *mask.shape) == mask).all()


def test_long_runs_survive_a_round_trip():
    """A run longer than its 16 bits can say has to be split."""
    mask = np.zeros((300, 400), bool)
    mask[:200] = True
    assert (decode_brush(encode_brush(mask), 300, 400) == mask).all()


@pytest.mark.parametrize("data", [OF_LABEL_STUDIO[:12], [], ["x"], [999]])
def test_broken_brush_masks_are_refused(data):
    with pytest.raises(RegionError, match="brush mask"):
        decode_brush(data, 9, 13)


def test_configs_are_xml_and_hold_every_category():
    root = ElementTree.fromstring(ANNOTATION_CONFIG)
    for tag in ("BrushLabels", "PolygonLabels"):
        labels = {label.get("value") for label in root.find(tag)}
        assert labels == {str(c) for c in CATEGORIES}
    ratings = ElementTree.fromstring(RATING_CONFIG).iter("Rating")
    assert {r.get("name") for r in ratings} == set(DIMENSIONS)


def _region(mask, label, severity, id="r1", name=None, polygon=None):
    height, width = mask.shape
    size = {"original_height": height, "original_width": width, "image_rotation": 0, "id": id}
    kind = "brushlabels" if polygon is None else "polygonlabels"
    value = {"format": "rle", "rle": encode_brush(mask)} if polygon is None else {"points": polygon}
    items = [
        {**size, "from_name": kind[:-6], "type": kind, "value": {**value, kind: [label]}},
        {**size, "from_name": "severity", "type": "rating", "value": {"rating": severity}},
    ]
    if name:
        items.append({**size, "from_name": "name", "type": "textarea", "value": {"text": [name]}})
    return items


def _choice(name, *values):
    return {"id": name, "from_name": name, "type": "choices", "value": {"choices": list(values)}}


def _says(text):
    return {"id": "d", "from_name": "description", "type": "textarea", "value": {"text": [text]}}


def _entry(person, *results, **extra):
    return {"id": person, "completed_by": person, "result": list(results), **extra}


def _part(height, width, top):
    mask = np.zeros((height, width), bool)
    mask[: height // 2 if top else height, : width // 2] = True
    if not top:
        mask[: height // 2] = False
    return mask


@pytest.fixture
def export(small_photos):
    """Three photos: one with two regions and two annotators, one distorted all over, one sound."""
    tasks = annotation_tasks(find_photos(small_photos))[:3]
    size = tasks[0]["data"]["height"], tasks[0]["data"]["width"]
    top, bottom = _part(*size, True), _part(*size, False)
    local = [_choice("extent", "local"), _choice("level", "poor")]
    square = [[0, 50], [50, 50], [50, 100], [0, 100]]
    first = _entry(
        1, *_region(top, "blur", 4, "a", "stone wall"),
        *_region(bottom, "noise", 2, "b", polygon=square), *local, _says("Blur at the top left."),
    )  # fmt: skip
    second = _entry(2, *_region(top, "blur", 3, "c"), *local)
    uniform = _entry(
        1, _choice("extent", "uniform"), _choice("types", "noise", "darken"), _choice("level", "bad"),
        {"id": "s", "from_name": "strength", "type": "rating", "value": {"rating": 4}},
        _says("Covered with blur."),
    )  # fmt: skip
    sound = _entry(1, _choice("extent", "none"), _choice("level", "excellent"))
    skipped = _entry(3, was_cancelled=True)
    entries = [[first, second, skipped], [uniform], [sound]]
    return [
        {"id": i, **t, "annotations": e}
        for i, (t, e) in enumerate(zip(tasks, entries, strict=True))
    ]


def test_annotations_become_a_sound_set(export, small_photos, tmp_path):
    out = tmp_path / "set"
    summary = import_annotations(list(read_annotations(export)), find_photos(small_photos), out)
    samples = [s for split in ("train", "test") for s in read_samples(out, split)]
    by_photo = {
        p["data"]["photo"]: [s for s in samples if s.photo == p["data"]["photo"]] for p in export
    }
    local, uniform, sound = by_photo.values()
    assert {s.task for s in local} == set(Task)
    assert all(s.subtask is not SubTask.DAO and s.source == "authentic" for s in samples)
    names = {r.name for r in local[0].facts.regions}
    assert "stone wall" in names and local[0].facts.regions[0].terms == ("top", "left")
    assert {s.task for s in uniform} == {s.task for s in sound} == {Task.GLOBAL}
    assert check_dataset(out, small_photos).problems == ()
    assert summary.described == 1 and "Blur at the top left" in local[0].answer


def test_descriptions_against_the_marks_are_not_used_and_named(export, small_photos, tmp_path):
    """ "Covered with blur" on a picture marked as noisy and dark must not be taught."""
    summary = import_annotations(
        list(read_annotations(export)), find_photos(small_photos), tmp_path
    )
    photo = export[1]["data"]["photo"]
    assert [name for name, _ in summary.contradicting] == [photo]
    answers = [
        s.answer
        for split in ("train", "test")
        for s in read_samples(tmp_path, split)
        if s.photo == photo
    ]
    assert not any("blur" in answer for answer in answers)
    assert " and darkening" in answers[0] and "then" not in answers[0]  # no order was seen


def test_agreement_compares_people_photo_by_photo(export):
    agreement = agreement_of(list(read_annotations(export)))
    assert (agreement.photos, agreement.shared, agreement.pairs) == (3, 1, 1)
    assert agreement.extent == agreement.level == 1.0
    assert agreement.iou == pytest.approx(0.5)  # the same blur; the noise that one alone saw
    assert agreement.worst == ((export[0]["data"]["photo"], 0.5),)


def test_polygons_are_read_in_percent(export):
    region = next(iter(read_annotations(export))).regions[1]
    assert abs(region.mask.mean() - 0.25) < 0.02 and region.mask[-5, 5] and not region.mask[5, 5]


def _without(name):
    return lambda results: [r for r in results if r["from_name"] != name]


@pytest.mark.parametrize(
    "change, words",
    [
        (_without("extent"), "extent was not chosen"),
        (_without("level"), "level was not chosen"),
        (_without("severity"), "has no severity"),
        (lambda r: [x for x in r if x["type"] == "choices"], "marks no region"),
        (lambda r: [x | {"original_width": 9} for x in r], "of a 9 x"),
        (lambda r: [x | {"image_rotation": 90} for x in r], "rotated"),
    ],
)
def test_incomplete_annotations_are_named(export, change, words):
    entry = export[0]["annotations"][0]
    entry["result"] = change(entry["result"])
    photo = export[0]["data"]["photo"]
    with pytest.raises(DatasetError, match=rf"task 0, annotation 1 \(photo {photo}\): .*{words}"):
        list(read_annotations(export))


def test_the_commands_go_there_and_back(export, small_photos, tmp_path):
    run = CliRunner().invoke
    result = run(
        app, ["dataset", "annotate", "export", str(small_photos), "--out", str(tmp_path / "p")]
    )
    assert result.exit_code == 0 and (tmp_path / "p" / "config.xml").exists()
    tasks = json.loads((tmp_path / "p" / "tasks.json").read_text())
    assert len(tasks) == 12 and tasks[0]["data"]["image"].startswith("data:image/png;base64,")
    (tmp_path / "export.json").write_text(json.dumps(export))
    result = run(app, ["dataset", "annotate", "import", str(small_photos), "--out", str(tmp_path / "set"),
                       "--annotations", str(tmp_path / "export.json")])  # fmt: skip
    assert result.exit_code == 0 and "IoU 0.50" in result.stdout
    (tmp_path / "mini.json").write_text('[{"brush": []}]')
    result = run(app, ["dataset", "annotate", "import", str(small_photos), "--out", str(tmp_path / "x"),
                       "--annotations", str(tmp_path / "mini.json")])  # fmt: skip
    assert isinstance(result.exception, DatasetError) and "not JSON-MIN" in str(result.exception)


def test_the_choice_is_stratified_seeded_and_of_the_right_size(small_set):
    """Chance alone would leave rare sub-tasks out of a small choice."""
    samples = [s for split in ("train", "test") for s in read_samples(small_set, split)]
    chosen = choose_samples(samples, 0.4, 1)
    assert abs(len(chosen) / len(samples) - 0.4) < 0.05
    assert {(s.task, s.subtask, s.split) for s in chosen} == {
        (s.task, s.subtask, s.split) for s in samples
    }
    assert chosen == choose_samples(samples, 0.4, 1) != choose_samples(samples, 0.4, 2)
    assert len({s.id for s in chosen}) == len(chosen)


def _rating(sample, rater, scores, task="global"):
    result = [
        {"id": n, "from_name": n, "type": "rating", "value": {"rating": s}}
        for n, s in zip(DIMENSIONS, scores, strict=True)
    ]
    return {"id": sample, "data": {"sample": sample, "task": task},
            "annotations": [_entry(rater, *result)]}  # fmt: skip


def _panel(noise):
    rng = generator("panel", str(noise))
    truth = rng.integers(1, 6, 40)
    return [
        Rating(f"s{i}", "global", str(rater), tuple(int(np.clip(round(t + rng.normal(0, noise)), 1, 5)) for _ in range(4)))
        for i, t in enumerate(truth)
        for rater in range(3)
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_reliability_is_high_where_raters_agree_and_low_where_they_guess():
    pytest.importorskip("pingouin")
    agreeing, guessing = report_ratings(_panel(0.45)), report_ratings(_panel(9.0))
    for part in agreeing.dimensions:
        assert (
            part.icc[0] > 0.8
            and part.icc[1] < part.icc[0] < part.icc[2]
            and part.icc_mean[0] >= part.icc[0]
        )
    assert report_ratings(_panel(0.0)).dimensions[0].icc == (1.0, 1.0, 1.0)
    for part in guessing.dimensions:
        assert abs(part.icc[0]) < 0.4 and part.icc[1] < 0.1


def test_shares_count_fours_and_fives():
    rows = [_rating("a", 1, (5, 4, 3, 1)), _rating("b", 1, (4, 4, 5, 2), "local")]
    report = report_ratings(read_ratings(rows))
    assert [d.share for d in report.dimensions] == [1.0, 1.0, 0.5, 0.0]
    assert report.dimensions[2].counts == (0, 0, 1, 0, 1)
    assert report.by_task["local"]["distortion"] == 1.0
    assert report.dimensions[0].icc is None and "two raters" in report.dimensions[0].note


def test_incomplete_ratings_are_named():
    row = _rating("a", 1, (5, 4, 3, 1))
    row["annotations"][0]["result"].pop()
    with pytest.raises(DatasetError, match=r"task a, annotation 1: no score 1-5 for clarity"):
        read_ratings([row])


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_the_verify_commands(small_set, tmp_path):
    pytest.importorskip("pingouin")
    run = CliRunner().invoke
    result = run(
        app,
        [
            "dataset",
            "verify",
            "sample",
            str(small_set),
            "--share",
            "0.2",
            "--out",
            str(tmp_path / "r"),
        ],
    )
    assert result.exit_code == 0
    tasks = json.loads((tmp_path / "r" / "tasks.json").read_text())
    rows = []
    for task in tasks:
        data = task["data"]
        scores = [
            _rating(data["sample"], rater, (4 + rater % 2, 4, 3 + rater % 2, 5))
            for rater in (1, 2, 3)
        ]
        rows.append(task | {"id": 1, "annotations": [s["annotations"][0] for s in scores]})
    (tmp_path / "export.json").write_text(json.dumps(rows))
    result = run(
        app,
        [
            "dataset",
            "verify",
            "report",
            "--ratings",
            str(tmp_path / "export.json"),
            "--out",
            str(tmp_path / "v"),
        ],
    )
    assert result.exit_code == 0, result.output
    assert (
        "semantic: 100.0% are 4 or 5" in result.stdout
        and "every sample has the same score" in result.stdout
    )
    for name in ("scores.png", "tasks.png"):
        assert (tmp_path / "v" / name).stat().st_size > 5000


def test_rating_tasks_outline_the_region_on_a_copy(small_set):
    samples = [s for s in read_samples(small_set) if s.mask is not None][:2]
    bare = [replace(s, mask=None) for s in samples]
    marked, plain = rating_tasks(small_set, samples), rating_tasks(small_set, bare)
    assert all(a["data"]["image"] != b["data"]["image"] for a, b in zip(marked, plain, strict=True))


def test_one_incomplete_annotation_does_not_hold_up_the_others(export, small_photos, tmp_path):
    """A tired annotator among thousands: all are named at once, and the rest can be taken."""
    for row in export[:2]:
        row["annotations"][0]["result"] = []
    (tmp_path / "export.json").write_text(json.dumps(export))
    command = ["dataset", "annotate", "import", str(small_photos), "--out", str(tmp_path / "set"),
               "--annotations", str(tmp_path / "export.json")]  # fmt: skip
    refused = CliRunner().invoke(app, command)
    assert isinstance(refused.exception, DatasetError) and not (tmp_path / "set").exists()
    said = str(refused.exception)
    assert "task 0, annotation 1" in said and "2 annotations are incomplete" in said
    taken = CliRunner().invoke(app, [*command, "--skip-broken"])
    assert taken.exit_code == 0 and taken.output.count("left out: ") == 2
    found = {s.photo for name in ("train", "test") for s in read_samples(tmp_path / "set", name)}
    assert found and found <= {row["data"]["photo"] for row in export}
