"""Several dialogues about a picture in one sequence: each answer as likely as in a sequence of its own."""

from __future__ import annotations

import json

import pytest
import torch
from conftest import textured
from lmm_helpers import small_recipe
from PIL import Image
from tiny_models import save_llava, save_qwen

from iqa_spider.core import ConfigError, DatasetError
from iqa_spider.training.conversations import SEGMENTS, Mixture, read_dialogues
from iqa_spider.training.lmm import build_trainer, train_lmm
from iqa_spider.training.lmm_plan import plan
from iqa_spider.training.packing import check_attention, group, segment_mask, segment_positions

SAVERS = {
    "qwen3_vl": save_qwen,
    "qwen2_5_vl": lambda folder: save_qwen(folder, "qwen2_5_vl"),
    "llava": save_llava,
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Two pictures of different size, asked three times and twice, once in two rounds."""
    root = tmp_path_factory.mktemp("data")
    said = [
        "It is blurred.",
        "The region at the top left, which is noisy.",
        "Fair.",
        "No.",
        "Dark.",
    ]
    made = []
    for i, text in enumerate(said):
        Image.fromarray(textured(64, 80 + 32 * (i % 2), i % 2)).save(root / f"{i % 2}.png")
        turns = [
            {"from": "human", "value": f"Question {'really ' * i}number {i}?"},
            {"from": "gpt", "value": text},
        ]
        if i == 2:
            turns += [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "It is soft."}]
        made.append({"id": f"r{i}", "image": f"{i % 2}.png", "conversations": turns})
    (root / "rows.json").write_text(json.dumps(made))
    return root


def _recipe(base, rows, out, **changes):
    return small_recipe(base, rows / "rows.json", rows, out, **{"steps": 2, **changes})


def _loss_and_gradients(trainer):
    """Mean over all answer tokens of the data set, and its gradients."""
    model = trainer.model.train()
    for name, parameter in sorted(model.named_parameters()):
        if "lora_B" in name:
            torch.manual_seed(len(name))
            torch.nn.init.normal_(parameter, std=0.05)
    batch = trainer.data_collator(
        [trainer.train_dataset[i] for i in range(len(trainer.train_dataset))]
    )
    loss = trainer.compute_loss(model, batch)
    loss.backward()
    found = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    return float(loss.detach()), found, batch


@pytest.mark.parametrize(
    ("kind", "attention"),
    [("qwen3_vl", None), ("qwen3_vl", "eager"), ("qwen2_5_vl", None), ("llava", None)],
)
def test_packed_loss_and_gradients_are_those_of_single_rows(tmp_path, rows, kind, attention):
    """One batch of all rows, packed and not: the mean over the same answer tokens."""
    base = SAVERS[kind](tmp_path / kind)
    found = []
    for pack in (1, 3):
        recipe = _recipe(base, rows, tmp_path / str(pack), pack=pack, attention=attention)
        found.append(_loss_and_gradients(build_trainer(recipe)))
    (alone, single, plain), (together, packed, batch) = found
    assert len(plain["labels"]) == 5 and len(batch["labels"]) == 2
    assert batch[SEGMENTS].max() == 3 and batch[SEGMENTS].min() == -1
    assert together == pytest.approx(alone, abs=1e-4)
    assert single.keys() == packed.keys()
    for name, gradient in single.items():
        scale = float(gradient.abs().max())
        assert torch.allclose(packed[name], gradient, atol=1e-3 * scale + 1e-6), name


def test_without_the_mask_the_loss_would_be_another(tmp_path, rows, monkeypatch):
    """The tests above would be worth nothing if seeing the other dialogues made no difference."""
    base = save_qwen(tmp_path / "q")
    right = _loss_and_gradients(build_trainer(_recipe(base, rows, tmp_path / "a", pack=3)))[0]
    causal = lambda segments: segment_mask(segments.clamp_max(1).where(segments != 0, 1))  # noqa: E731
    monkeypatch.setattr("iqa_spider.training.packing.segment_mask", causal)
    seeing = _loss_and_gradients(build_trainer(_recipe(base, rows, tmp_path / "b", pack=3)))[0]
    monkeypatch.undo()
    run_on = lambda positions, segments: positions  # noqa: E731
    monkeypatch.setattr("iqa_spider.training.packing.segment_positions", run_on)
    late = _loss_and_gradients(build_trainer(_recipe(base, rows, tmp_path / "c", pack=3)))[0]
    assert abs(seeing - right) > 1e-3 and abs(late - right) > 1e-3


def test_who_sees_whom_and_where_each_begins():
    segments = torch.tensor([[0, 0, 1, 1, 2, 2, -1]])
    told = segment_mask(segments)[0, 0].int().tolist()
    assert told == [
        [1, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0],
        [1, 1, 0, 0, 1, 0, 0],
        [1, 1, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
    ]
    run = torch.tensor([[[0, 0, 1, 2, 3, 4, 1]]])  # a picture of two tokens that takes one position
    assert segment_positions(run, segments).tolist() == [[[0, 0, 1, 2, 1, 2, 1]]]


def test_rows_hold_one_picture_and_no_more_than_fits(rows):
    dialogues = read_dialogues([Mixture(rows / "rows.json", rows)], 0)
    packed = group(dialogues, 2, 4096)
    assert sorted(len(row) for row in packed) == [1, 2, 2]
    assert all(len({d.image for d in row}) == 1 for row in packed)
    assert sorted(d.id for row in packed for d in row) == [f"r{i}" for i in range(5)]
    assert len(group(dialogues, 3, 16)) == 5
    assert group(dialogues, 1, 4096) == [(d,) for d in dialogues]


def test_a_packed_run_trains_and_is_planned_in_sequences(tmp_path, rows):
    base = save_qwen(tmp_path / "q")
    recipe = _recipe(base, rows, tmp_path / "run", pack=3, steps=None, epochs=2, batch=1)
    found = plan(recipe)
    assert (found.dialogues, found.steps) == (5, 4)
    assert train_lmm(recipe)["steps"] == found.steps
    assert "up to 3 dialogues" in (recipe.out / "adapter" / "README.md").read_text()


def test_what_cannot_be_packed_says_so(tmp_path, rows):
    base = save_qwen(tmp_path / "q")
    trainer = build_trainer(_recipe(base, rows, tmp_path / "run", pack=3, max_tokens=60))
    with pytest.raises(DatasetError, match="lower pack"):
        [trainer.train_dataset[i] for i in range(2)]
    model = trainer.model.get_base_model()
    model.config.get_text_config()._attn_implementation = "flash_attention_2"
    with pytest.raises(ConfigError, match="attention: sdpa"):
        check_attention(model)
