"""The plan on paper against small runs that were measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from conftest import textured
from lmm_helpers import small_recipe
from PIL import Image
from tiny_models import save_qwen

from iqa_spider.core import CheckpointError
from iqa_spider.models.chat_prompt import FAMILIES
from iqa_spider.training.lmm import build_trainer
from iqa_spider.training.lmm_bases import KNOWN, skeleton
from iqa_spider.training.lmm_plan import Load, Widths, count, kept_bytes, plan
from iqa_spider.training.run import load_recipe

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    made = []
    for i in range(4):
        Image.fromarray(textured(160, 160, i)).save(root / f"{i}.png")
        turns = [
            {"from": "human", "value": "Where is it worst? " * 12},
            {"from": "gpt", "value": "The region at the top left. " * 8},
        ]
        made.append({"id": f"{i}", "image": f"{i}.png", "conversations": turns})
    (root / "rows.json").write_text(json.dumps(made))
    return root


def _recipe(base, rows, out, **changes):
    return small_recipe(base, rows / "rows.json", rows, out, **{"dtype": "float32", **changes})


@pytest.mark.parametrize("kind", ["qwen3_vl", "qwen2_5_vl"])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_the_plan_holds_against_a_measured_run(tmp_path, rows, kind, checkpointing):
    """State to the byte; activations within a factor of 1.5 of what autograd really kept."""
    base = save_qwen(tmp_path / "base", kind)
    recipe = _recipe(base, rows, tmp_path / "run", checkpointing=checkpointing)
    found = plan(recipe)
    trainer = build_trainer(recipe)
    model = trainer.model.train()
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(2)])
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    labels, types = batch["labels"], batch["mm_token_type_ids"]
    load = Load(2, labels.shape[1], int(types[0].sum()), int((labels[:, 1:] != -100).any(0).sum()))
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = trainer.compute_loss(model, batch)
    loss.backward()
    optimiser = trainer.create_optimizer()
    optimiser.step()
    sizes = [p.numel() * p.element_size() for p in model.parameters()]
    grads = [p.grad.numel() * 4 for p in model.parameters() if p.grad is not None]
    state = [v.numel() * 4 for s in optimiser.state.values() for v in s.values() if v.ndim]
    assert (found.weights, found.gradients, found.optimiser) == (sum(sizes), sum(grads), sum(state))
    told = kept_bytes(Widths.of(trainer.model.config), load, unit=4, checkpointing=checkpointing)
    assert 1 / 1.5 < told / sum(kept.values()) < 1.5
    assert found.steps == 2
    assert found.dialogues == 4


def test_the_papers_bases_have_their_published_size():
    """8.77 and 8.29 billion parameters, as the files on the hub add up to."""
    for name, billions in (
        ("Qwen/Qwen3-VL-8B-Instruct", 8.767),
        ("Qwen/Qwen2.5-VL-7B-Instruct", 8.292),
    ):
        assert name in KNOWN
        config, model = skeleton(name)
        recipe = load_recipe(RECIPES / "qwen3-vl-8b.yaml")
        counts = count(model, FAMILIES[config.model_type], recipe)
        assert counts.base / 1e9 == pytest.approx(billions, abs=0.001)
        assert counts.trained["vision"] > 4e8 and counts.trained["language"] > 1e8


def test_what_does_not_fit_is_told_with_what_helps(tmp_path, rows):
    found = plan(_recipe("Qwen/Qwen3-VL-8B-Instruct", rows, tmp_path))
    assert "does not fit" in found.lines(1, 24)[-1]
    assert "dtype: bfloat16" in found.lines(1, 24)[-1]
    assert "does not fit" not in found.lines(1, 400)[-1]
    assert plan(_recipe("Qwen/Qwen3-VL-8B-Instruct", rows, tmp_path), gpus=2).steps == 1
    with pytest.raises(CheckpointError, match="base:"):
        plan(_recipe("/nowhere/at/all", rows, tmp_path))


TRAINED = [path for path in sorted(RECIPES.glob("*.yaml")) if not path.stem.startswith("ablate-")]
"""Recipes of `train`; those of `bench ablate` are read by the tests of the ablation."""


@pytest.mark.parametrize("path", TRAINED, ids=lambda path: path.stem)
def test_every_recipe_reads(path):
    """A recipe that does not parse is found by whoever rented the machine."""
    assert load_recipe(path).out
