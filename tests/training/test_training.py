"""Training: targets, gradients and resumption, on networks of real shape and made-up photos."""

from __future__ import annotations

import csv
import itertools

import cv2
import numpy as np
import pytest
import torch
from conftest import textured

from iqa_spider.core import CATEGORIES, ConfigError, SubTask, Task, generator
from iqa_spider.dataset.scenes import Photo, load_photos, make_scene
from iqa_spider.models.build import weights_folder
from iqa_spider.models.encoder import QualityEncoder
from iqa_spider.models.language import END, load_language
from iqa_spider.tasks import parse_answer
from iqa_spider.training.encoder import EncoderRecipe, encoder_loss, scene_targets, train_encoder
from iqa_spider.training.language import answer_steps, batch_loss, symbolic_exercises
from iqa_spider.training.run import check_gate, load_recipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six photos in the layout of a training folder."""
    root = tmp_path_factory.mktemp("photos")
    (root / "photos").mkdir()
    with (root / "photos.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, ["id", "split", "has_regions"])
        table.writeheader()
        for i in range(40):
            table.writerow(
                {"id": f"p{i}", "split": "test" if i % 5 == 0 else "train", "has_regions": 0}
            )
            cv2.imwrite(str(root / "photos" / f"p{i}.jpg"), textured(96, 128, i))
    return root


def test_splits_never_meet(folder):
    """A photo that is trained on and measured on makes every figure a lie."""
    ids = {split: {p.id for p in load_photos(folder, split)} for split in ("fit", "dev", "test")}
    assert not ids["fit"] & ids["dev"]
    assert not (ids["fit"] | ids["dev"]) & ids["test"]
    assert sum(map(len, ids.values())) == 40


def test_scene_says_what_was_done(picture):
    """Targets must agree with pixels: distorted regions differ, the others do not."""
    for i in range(12):
        scene = make_scene(Photo("p", picture, None, ""), generator("scene", i))
        for index, accumulation in enumerate(scene.accumulations):
            inside = scene.labels == index + 1
            changed = (scene.picture != scene.pristine)[inside].any()
            assert changed or accumulation is None
        presence, severity, _, quality = scene_targets(scene)
        told = {c for a in scene.accumulations if a for c in a.categories}
        assert {CATEGORIES[c] for c in np.flatnonzero(presence.max((1, 2)) > 0)} == told
        assert severity.max() <= 5
        assert quality.max() <= 1.001


def test_every_parameter_of_the_encoder_learns(picture):
    model = QualityEncoder()
    scene = make_scene(Photo("p", picture, None, ""), generator("scene", 3), uniform=1.0, clean=0.0)
    columns = [torch.from_numpy(t)[None] for t in scene_targets(scene)]
    from iqa_spider.training.encoder import Targets

    loss, parts = encoder_loss(
        model(torch.from_numpy(scene.picture).permute(2, 0, 1)[None]), Targets(*columns)
    )
    loss.backward()
    assert np.isfinite(list(parts.values())).all()
    assert not [n for n, p in model.named_parameters() if p.grad is None]


def test_training_resumes_where_it_stopped(folder, tmp_path):
    """A killed run must not begin anew."""
    recipe = EncoderRecipe(folder, tmp_path, minutes=0.03, batch=2, crop=64)
    train_encoder(recipe)
    before = torch.load(tmp_path / "last.pt", weights_only=True)
    train_encoder(EncoderRecipe(folder, tmp_path, minutes=0.06, batch=2, crop=64))
    after = torch.load(tmp_path / "last.pt", weights_only=True)
    assert after["step"] > before["step"] > 0
    assert after["spent"] > before["spent"]


def test_exercises_have_one_right_answer():
    """Grounding facts must name the one region that the question asks for."""
    for item in itertools.islice(symbolic_exercises("test"), 300):
        region = item.facts.region
        if item.way.task is Task.GROUNDING and region is not None:
            totals = [r.total_severity for r in item.facts.regions]
            if item.way.subtask is SubTask.HYD:
                best = max(totals) if item.facts.extremum == "most" else min(totals)
                assert totals.count(best) == 1
                assert region.total_severity == best
            assert parse_answer(item.answer).terms == region.terms
        elif item.way.task is Task.REFERRING and region is not None:
            assert parse_answer(item.answer).categories == region.categories


def test_graded_targets_stand_at_the_terms_and_the_level():
    model = load_language(weights_folder())
    graded = 0
    for item in itertools.islice(symbolic_exercises("graded"), 60):
        ids, steps = answer_steps(model, item)
        assert len(ids) == len(steps)
        assert ids[-1] == END
        soft = [s for s in steps if s.first != s.second]
        if item.target is not None:
            assert len(soft) == 2
            graded += 1
            assert {model.tokenizer.decode([s.first]).strip() for s in soft} == {"top", "left"}
    assert graded > 10


def test_padding_does_not_change_the_loss():
    """Loss must be the same for items alone and in one padded batch, but for the weighting."""
    model = load_language(weights_folder())
    # Located answers are cut short in two places of three, so they would differ by design.
    plain = (item for item in symbolic_exercises("pad") if item.target is None)
    item, other = itertools.islice(plain, 2)
    with torch.no_grad():
        alone = batch_loss(model, [item])
        twice = batch_loss(model, [item, item])
        mixed = batch_loss(model, [item, other, item])
    assert float(alone) == pytest.approx(float(twice), rel=1e-4)
    assert np.isfinite(float(mixed))


def test_recipes_are_checked_before_anything_starts(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("stage: encoder\nphotos: p\nout: o\nminutes: -1\n")
    with pytest.raises(ConfigError, match="minutes"):
        load_recipe(path)
    path.write_text("stage: encoder\nphotos: p\nout: o\nminutes: 1\nlearning: 3\n")
    with pytest.raises(ConfigError, match="learning"):
        load_recipe(path)
    with pytest.raises(ConfigError, match="no such recipe"):
        load_recipe(tmp_path / "none.yaml")


def test_no_stage_starts_on_one_that_has_not_learned(tmp_path):
    """Hours are lost when a language model is trained on an encoder that sees nothing."""
    recipe, folder = tmp_path / "r.yaml", tmp_path / "encoder"
    with pytest.raises(ConfigError, match="has not finished"):
        check_gate(recipe, folder, {"exact": 0.5})
    folder.mkdir()
    (folder / "log.jsonl").write_text('{"step": 1, "exact": 0.9}\n')
    with pytest.raises(ConfigError, match="has not finished"):
        check_gate(recipe, folder, {"exact": 0.5})
    (folder / "log.jsonl").write_text('{"step": 2, "final": true, "exact": 0.4, "order": NaN}\n')
    check_gate(recipe, folder, {"exact": 0.4})
    for least in ({"exact": 0.5}, {"order": 0.1}, {"clean": 0.1}):
        with pytest.raises(ConfigError, match="ended with"):
            check_gate(recipe, folder, least)
