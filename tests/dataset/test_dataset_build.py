"""The build: deterministic, resumable, honest about what it skipped."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from conftest import textured

from iqa_spider.core import DatasetError, Task, open_picture
from iqa_spider.dataset.build import BuildSettings, build_dataset
from iqa_spider.dataset.load import read_samples
from iqa_spider.dataset.recipe import Recipe
from iqa_spider.dataset.scenes import Photo
from iqa_spider.regions import decode_rle
from iqa_spider.tasks import parse_answer

SETTINGS = BuildSettings(seed=3, size=192)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pristine")
    for i in range(14):
        cv2.imwrite(str(folder / f"p{i:02d}.png"), textured(120, 160, i))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 no")
    return folder


@pytest.fixture(scope="module")
def built(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("set")
    return out, build_dataset(photos, out, SETTINGS)


def _files(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def test_broken_photos_are_skipped_counted_and_named(built):
    out, summary = built
    assert (summary.photos, summary.skipped) == (14, 1)
    assert "broken.jpg" in (out / "skipped.tsv").read_text()


def test_workers_do_not_change_a_byte(photos, built, tmp_path):
    build_dataset(photos, tmp_path, SETTINGS, workers=2)
    assert _files(tmp_path) == _files(built[0])


def test_a_killed_build_goes_on_and_loses_nothing(photos, built, tmp_path):
    """Killed after five photos, with a torn file lying about."""
    build_dataset(photos, tmp_path, SETTINGS, limit=5)
    (tmp_path / "shards" / ".p09.json.123").write_text("{half")
    build_dataset(photos, tmp_path, SETTINGS)
    assert _files(tmp_path) == _files(built[0])


def test_other_settings_are_refused_rather_than_mixed(photos, built):
    with pytest.raises(DatasetError, match="other settings"):
        build_dataset(photos, built[0], BuildSettings(seed=4, size=192))


def test_shares_of_uniform_and_clean_pictures_are_settings(photos, tmp_path):
    """A benchmark wants more undistorted pictures than training does."""
    for name, shares in {"clean": (0.0, 1.0), "uniform": (1.0, 0.0), "regions": (0.0, 0.0)}.items():
        uniform, clean = shares
        out = tmp_path / name
        build_dataset(photos, out, BuildSettings(3, 160, uniform=uniform, clean=clean), limit=4)
        samples = [*read_samples(out), *read_samples(out, "test")]
        assert samples
        for sample in samples:
            hurt = [r for r in sample.facts.regions if r.findings]
            found = "clean" if not hurt else "uniform" if sample.facts.whole_image else "regions"
            if sample.task is Task.GLOBAL:
                assert found == name


def test_shares_that_are_none_are_refused():
    with pytest.raises(DatasetError, match="--clean"):
        BuildSettings(uniform=0.7, clean=0.5)
    with pytest.raises(DatasetError, match="--uniform"):
        BuildSettings(uniform=-0.1)


def test_a_set_begun_before_a_setting_existed_goes_on(photos, tmp_path):
    build_dataset(photos, tmp_path, SETTINGS, limit=2)
    path = tmp_path / "settings.json"
    old = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in old.items() if k not in ("uniform", "clean")}))
    assert build_dataset(photos, tmp_path, SETTINGS, limit=4).photos == 3


def test_recipes_render_the_stored_pictures(photos, built):
    """The recipe is the data set: the picture is only its copy."""
    out, _ = built
    for line in (out / "recipes.jsonl").read_text().splitlines()[:6]:
        recipe = Recipe.from_json(json.loads(line))
        photo = Photo(recipe.photo, open_picture(photos / f"{recipe.photo}.png"), None, "")
        stored = open_picture(out / "images" / f"{recipe.photo}.png")
        assert (recipe.render(photo).picture == stored).all()


def test_samples_cover_the_tasks_and_agree_with_their_facts(built):
    out, summary = built
    samples = [*read_samples(out), *read_samples(out, "test")]
    assert {s.task for s in samples} == set(Task)
    assert len({s.id for s in samples}) == len(samples) == summary.samples
    for sample in samples:
        region = sample.facts.region
        parsed = parse_answer(sample.answer)
        if sample.task in (Task.REFERRING, Task.GROUNDING) and region is not None:
            assert parsed.categories == region.categories
        if sample.mask is not None:
            size = open_picture(out / sample.image).shape[:2]
            assert decode_rle(sample.mask).shape == size


def test_a_photo_lies_in_one_split(built):
    train = {s.photo for s in read_samples(built[0])}
    assert not train & {s.photo for s in read_samples(built[0], "test")}


def test_broken_rows_are_named_by_file_and_line(built, tmp_path):
    (tmp_path / "samples").mkdir()
    good = (built[0] / "samples" / "train.jsonl").read_text().splitlines()[0]
    (tmp_path / "samples" / "train.jsonl").write_text(f'{good}\n{{"id": 1}}\n')
    with pytest.raises(DatasetError, match=r"train\.jsonl:2"):
        list(read_samples(tmp_path))
    assert np.isfinite(len(good))
