"""Two processes, killed with kill -9 between two checkpoints: the curve goes on as if nothing had been."""

from __future__ import annotations

import json

import pytest
import torch
from conftest import textured
from lmm_helpers import small_recipe
from many_processes import losses, train_on
from PIL import Image
from safetensors.torch import load_file
from tiny_models import save_llava, save_qwen

from iqa_spider.training.lmm import train_lmm


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    made = []
    for i in range(8):
        Image.fromarray(textured(48 + 16 * (i % 3), 64, i)).save(root / f"{i}.png")
        turns = [
            {"from": "human", "value": "Where is it worst?"},
            {"from": "gpt", "value": f"The region {'far ' * (i % 4)}at the top left."},
        ]
        made.append({"id": f"r{i}", "image": f"{i}.png", "conversations": turns})
    (root / "rows.json").write_text(json.dumps(made))
    return root


def _recipe(base, rows, out, **changes):
    own = {
        "steps": 5,
        "rates": {"language": 5e-3, "vision": 1e-3, "projector": 2e-3},
        "save_every": 2,
    }
    return small_recipe(base, rows / "rows.json", rows, out, **{**own, **changes})


@pytest.mark.parametrize("sharded", [False, True], ids=["ddp", "fsdp"])
def test_two_killed_processes_continue_the_curve_of_one(tmp_path, rows, sharded):
    """Reference: one uninterrupted process with the same four dialogues a step."""
    base = save_qwen(tmp_path / "q", seed=1)
    one = _recipe(base, rows, tmp_path / "one", accumulate=2, save_every=100)
    train_lmm(one)
    torn = _recipe(base, rows, tmp_path / "torn")
    assert train_on(torn, killed=3, sharded=sharded) == [-9, -9]
    assert [p.name for p in torn.out.glob("checkpoint-*")] == ["checkpoint-2"]
    assert not (torn.out / "adapter").exists()
    assert train_on(torn, sharded=sharded) == [0, 0], (torn.out / "said-0.txt").read_text()
    assert losses(torn.out) == pytest.approx(losses(one.out), abs=5e-4)
    # Sharded or not, what is written is whole, and the same.
    for name in ("adapter_model.safetensors", "full.safetensors"):
        whole, found = (load_file(r.out / "adapter" / name) for r in (one, torn))
        assert whole.keys() == found.keys()
        for key, value in whole.items():
            assert torch.allclose(found[key], value, atol=5e-3), key


def test_a_family_that_reads_an_inner_layer_trains_on_two_processes(tmp_path, rows):
    """Data parallelism waits for the gradient of every parameter that trains."""
    base = save_llava(tmp_path / "llava")
    recipe = _recipe(base, rows, tmp_path / "run", steps=3, save_every=100)
    assert train_on(recipe) == [0, 0], (recipe.out / "said-0.txt").read_text()
    assert len(losses(recipe.out)) == 3
