"""Named regions: from the cache on disk into facts, questions and answers."""

from __future__ import annotations

import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from iqa_spider.core import DatasetError, Task
from iqa_spider.dataset.build import BuildSettings, build_dataset
from iqa_spider.dataset.check import check_dataset
from iqa_spider.dataset.load import read_samples
from iqa_spider.dataset.named import write_regions
from iqa_spider.dataset.sources import find_photos
from iqa_spider.regions import decode_rle
from iqa_spider.tasks import route

NAMES = ("tall hedge", "stone path", "pond")


@pytest.fixture
def named(small_photos, tmp_path):
    """Three vertical strips with a name each, for every photo."""
    folder = tmp_path / "regions"
    folder.mkdir()
    for photo in find_photos(small_photos):
        height, width = cv2.imread(photo.path).shape[:2]
        strip = np.broadcast_to(np.arange(width) * 3 // width, (height, width))
        regions = [(strip == i, name) for i, name in enumerate(NAMES)]
        write_regions(folder, photo.id, regions, (height, width))
    return folder


def test_names_reach_facts_questions_and_answers(named, small_photos, tmp_path):
    """A region must bear the name of the strip that it is, not of its neighbour."""
    out = tmp_path / "set"
    build_dataset(small_photos, out, BuildSettings(seed=5, size=160), regions=named)
    samples = [s for split in ("train", "test") for s in read_samples(out, split)]
    placed = 0
    for sample in samples:
        rle, region = sample.mask or sample.region, sample.facts.region
        if rle is None or region is None or region.name not in NAMES:
            continue
        columns = np.flatnonzero(decode_rle(rle).any(0))
        assert NAMES[int(columns.mean() * 3 // decode_rle(rle).shape[1])] == region.name
        placed += 1
        if sample.task is Task.GROUNDING:
            assert region.name in sample.answer
    assert placed > 50 and any("the tall hedge" in s.question for s in samples)
    assert check_dataset(out, small_photos).problems == ()


def test_missing_and_broken_names_are_errors(named, small_photos, tmp_path):
    """A build that goes on without them would mix two ways of naming."""
    photo = find_photos(small_photos)[3].id
    (named / f"{photo}.json").write_text("[")
    with pytest.raises(DatasetError, match=f"{photo}.json: no table of names"):
        build_dataset(small_photos, tmp_path / "a", BuildSettings(seed=5, size=160), regions=named)
    (named / f"{photo}.json").unlink()
    with pytest.raises(DatasetError, match=f"no regions of photo {photo}"):
        build_dataset(small_photos, tmp_path / "b", BuildSettings(seed=5, size=160), regions=named)


def test_the_main_object_is_named_where_the_photo_is_spoken_of(small_photos, small_set, tmp_path):
    """Never as a region's name, never against the router, and nothing else of the set changes."""
    rows = ["id,object_name,split,has_regions"]
    (tmp_path / "photos").mkdir()
    names = ["axolotl, mud puppy", "sunglasses", "blurry screen", "", "goldfish"]
    for number, photo in enumerate(find_photos(small_photos)):
        cv2.imwrite(str(tmp_path / "photos" / f"{photo.id}.jpg"), cv2.imread(photo.path))
        rows.append(f'{photo.id},"{names[number % 5]}",{photo.split},0')
    (tmp_path / "photos.csv").write_text("\n".join(rows) + "\n")
    sets = []
    for number, table in enumerate((rows, [re.sub('".*"', "", row) for row in rows])):
        (tmp_path / "photos.csv").write_text("\n".join(table) + "\n")
        out = tmp_path / f"set{number}"
        build_dataset(tmp_path, out, BuildSettings(seed=5, size=160))
        sets.append([s for split in ("train", "test") for s in read_samples(out, split)])
    changed = [(a, b) for a, b in zip(*sets, strict=True) if a != b]
    assert 1 <= len(changed) < 12
    for named, plain in changed:
        assert (named.task, named.tags) == (Task.GLOBAL, ())
        assert replace(named, question=plain.question) == plain
        assert re.search("of (an axolotl|sunglasses|a goldfish)", named.question)
        assert route(named.question) == route(plain.question)
