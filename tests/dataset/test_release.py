"""Exports are read back by the tools they are for."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from pycocotools.coco import COCO
from typer.testing import CliRunner

from iqa_spider.core import ConfigError, DatasetError, Task, open_picture
from iqa_spider.dataset.load import read_samples
from iqa_spider.dataset.release import (
    Publication,
    count_samples,
    export_coco,
    export_conversations,
    export_parquet,
    subset_of,
    validate_croissant,
    write_card,
    write_croissant,
)
from iqa_spider.dataset.release.conversations import question_text
from iqa_spider.regions import decode_rle
from iqa_spider.serving.cli import app

# Libraries' own notices of what they will change; nothing here can mend them.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def release(small_set, tmp_path_factory):
    out = tmp_path_factory.mktemp("release")
    export_parquet(small_set, out, rows=40)
    write_card(small_set, out, count_samples(small_set), Publication(), "Checked.")
    write_croissant(out, Publication())
    return out


def _samples(folder):
    return [*read_samples(folder, "train"), *read_samples(folder, "test")]


@pytest.mark.parametrize("subset", ["instruction", "grounding"])
def test_parquet_is_read_back_by_datasets_with_the_same_pixels(
    release, small_set, subset, tmp_path
):
    """The card's configurations must find the files, and pictures and masks must survive."""
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(str(release), subset, cache_dir=str(tmp_path))
    known = {s.id: s for s in _samples(small_set) if subset_of(s) == subset}
    assert sum(len(part) for part in loaded.values()) == len(known)
    for row in loaded["train"]:
        sample = known.pop(row["id"])
        picture = open_picture(small_set / sample.image)
        assert (np.asarray(row["image"]) == picture).all() and row["answer"] == sample.answer
        assert json.loads(row["facts"]) == json.loads(json.dumps(sample.facts.to_json()))
        if subset == "grounding":
            mask = decode_rle(row["mask"])
            assert mask.shape == picture.shape[:2]
            assert mask.all() if sample.facts.whole_image else row["mask"] == sample.mask


def test_a_picture_is_stored_once_a_file(release, small_set):
    """Thirteen questions on one photo must not make its bytes thirteen."""
    written = sum(path.stat().st_size for path in release.glob("*/*.parquet"))
    stored = sum(path.stat().st_size for path in (small_set / "images").iterdir())
    assert written < 4 * stored


def test_croissant_is_valid_and_its_records_can_be_read(release, tmp_path):
    mlc = pytest.importorskip("mlcroissant")
    path = release / "croissant.json"
    assert validate_croissant(path) == []
    dataset = mlc.Dataset(jsonld=path)
    first = next(r for r in dataset.metadata.record_sets if r.id.startswith("grounding-train"))
    row = next(iter(dataset.records(first.id)))
    assert row[f"{first.id}/task"] == b"grounding" and row[f"{first.id}/image"].size[0] == 160
    data = json.loads(path.read_text())
    data["recordSet"][0]["field"][0]["source"]["fileObject"]["@id"] = "nowhere"
    (tmp_path / "bad.json").write_text(json.dumps(data))
    with pytest.raises(DatasetError, match="nowhere"):
        validate_croissant(tmp_path / "bad.json")
    with pytest.raises(DatasetError, match="holds no Parquet"):
        write_croissant(tmp_path, Publication())


def test_the_card_counts_like_table_7(release, small_set):
    text = (release / "README.md").read_text()
    front = yaml.safe_load(text.split("---")[1])
    assert {c["config_name"] for c in front["configs"]} == {"instruction", "grounding"}
    counts = count_samples(small_set)
    assert counts.table() in text
    assert counts.total == len(_samples(small_set)) and sum(counts.pictures.values()) == 12
    short = sum(str(s.subtask) == "short" for s in read_samples(small_set, "train"))
    assert counts.samples["train"]["ref short"] == short


@pytest.mark.parametrize("form", ["llava", "sharegpt", "swift"])
def test_conversations_hold_every_sample_and_one_image_mark(small_set, tmp_path, form):
    written = export_conversations(small_set, tmp_path, form)
    assert sum(written.values()) == len(_samples(small_set))
    name = f"{form}_train"
    path = tmp_path / (f"{name}.jsonl" if form == "swift" else f"{name}.json")
    text = path.read_text()
    rows = [json.loads(x) for x in text.splitlines()] if form == "swift" else json.loads(text)
    for row, sample in zip(rows, read_samples(small_set), strict=True):
        if form == "swift":
            question, answer = (message["content"] for message in row["messages"])
        else:
            question, answer = (turn["value"] for turn in row["conversations"])
        assert question.count("<image>") == 1 and answer == sample.answer
        image = row["image"] if form == "llava" else row["images"][0]
        assert (small_set / image).is_file()
    if form == "sharegpt":
        info = json.loads((tmp_path / "dataset_info.json").read_text())
        assert (tmp_path / info[f"iqa_spider_{name}"]["file_name"]).is_file()


def test_a_region_that_only_a_mask_shows_gets_its_box(small_set):
    """ "What is wrong with this region?" without a box has no answer."""
    marked = [s for s in _samples(small_set) if s.task is Task.REFERRING]
    texts = [question_text(s) for s in marked]
    assert any("Region: [" in text for text in texts)
    for sample, text in zip(marked, texts, strict=True):
        placed = all(t in sample.question.lower() for t in sample.facts.region.terms)
        assert ("Region: [" in text) != placed


def test_subsets_part_the_set(small_set, tmp_path):
    parts = [
        sum(export_conversations(small_set, tmp_path, "llava", subset=name).values())
        for name in ("instruction", "grounding")
    ]
    assert sum(parts) == len(_samples(small_set)) and min(parts) > 0
    with pytest.raises(ConfigError, match="--subset"):
        export_conversations(small_set, tmp_path, "llava", subset="all")
    with pytest.raises(ConfigError, match="--format"):
        export_conversations(small_set, tmp_path, "tfrecord")


def test_coco_loads_and_masks_agree_with_areas(small_set, tmp_path):
    written = export_coco(small_set, tmp_path)
    coco = COCO(str(tmp_path / "instances_train.json"))
    assert len(coco.anns) == written["train"] > 0 and len(coco.cats) == 12
    for annotation in coco.anns.values():
        assert coco.annToMask(annotation).sum() == annotation["area"]
    twice = [a for a in coco.anns.values() if a["attributes"]["order"] == 2]
    assert twice, "no region with two distortions: the order is untested"


def test_the_command_writes_a_release(small_set, tmp_path):
    result = CliRunner().invoke(app, ["dataset", "export", str(small_set), "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "croissant.json is valid" in result.stdout and (tmp_path / "README.md").exists()
    stats = CliRunner().invoke(app, ["dataset", "stats", str(small_set)])
    assert "| train |" in stats.stdout
