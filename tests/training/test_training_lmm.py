"""Training of large backbones on small random Qwen checkpoints: what trains, what is lost, what resumes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from conftest import textured
from lmm_helpers import small_recipe
from PIL import Image
from tiny_models import save_llava, save_qwen
from transformers import TrainerCallback

from iqa_spider.core import CheckpointError, ConfigError, DatasetError, TrainingError
from iqa_spider.models import load_spider
from iqa_spider.models.chat_prompt import load_prompt
from iqa_spider.training.conversations import (
    IGNORE,
    Collator,
    Conversations,
    Mixture,
    read_dialogues,
)
from iqa_spider.training.lmm import build_trainer, train_lmm
from iqa_spider.training.lmm_model import group_of
from iqa_spider.training.run import load_recipe, run_recipe

SPOTS = ("top left", "bottom right", "top right", "bottom left")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return save_qwen(tmp_path_factory.mktemp("base"), seed=1)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Eight dialogues in the exporter's layout, of one and of two rounds."""
    root = tmp_path_factory.mktemp("data")
    (root / "images").mkdir()
    made = []
    for i in range(8):
        Image.fromarray(textured(64 + 16 * (i % 3), 80, i)).save(root / "images" / f"{i}.png")
        turns = [
            {"from": "human", "value": "Where is it worst?\n<image>"},
            {"from": "gpt", "value": f"The region at the {SPOTS[i % 4]}."},
        ]
        if i % 2:
            turns += [
                {"from": "human", "value": "Why?"},
                {"from": "gpt", "value": "It is blurred and then compressed."},
            ]
        made.append({"id": f"r{i}", "image": f"{i}.png", "conversations": turns})
    (root / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))
    (root / "rows.json").write_text(json.dumps(made[:4]))
    return root


def _recipe(base, rows, out, **changes):
    own = {
        "steps": 4,
        "accumulate": 2,
        "rates": {"language": 5e-3, "vision": 1e-3, "projector": 2e-3},
        "save_every": 100,
    }
    return small_recipe(base, rows / "rows.jsonl", rows / "images", out, **{**own, **changes})


def _losses(out):
    logs = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [row["loss"] for row in logs if "loss" in row]


def test_loss_is_taken_of_answers_alone(base, rows):
    """Labels decode to the answers and the token that ends each, and to nothing else."""
    from transformers import AutoConfig

    prompt = load_prompt(str(base), AutoConfig.from_pretrained(base))
    mix = [Mixture(rows / "rows.jsonl", rows / "images")]
    data = Conversations([(d,) for d in sorted(read_dialogues(mix, 0), key=lambda d: d.id)], prompt)
    item = data[1]
    told = [int(i) for i in item["labels"] if i != IGNORE]
    assert prompt.tokenizer.decode(told) == (
        "The region at the bottom right.<|im_end|>It is blurred and then compressed.<|im_end|>"
    )
    seen = item["labels"] != IGNORE
    assert (item["input_ids"][seen] == item["labels"][seen]).all()
    batch = Collator(0)([data[0], item])
    assert batch["labels"].shape == batch["input_ids"].shape == batch["mm_token_type_ids"].shape
    assert (batch["labels"][batch["attention_mask"] == 0] == IGNORE).all()
    assert len(batch["image_grid_thw"]) == 2


def test_training_and_asking_write_the_same_prompt(base, rows):
    """A model that is asked otherwise than it was taught answers worse, and nothing would tell."""
    from transformers import AutoConfig

    prompt = load_prompt(str(base), AutoConfig.from_pretrained(base))
    mix = [Mixture(rows / "rows.json", rows / "images")]
    data = Conversations([(d,) for d in read_dialogues(mix, 0)], prompt)
    item = data[0]
    asked = int((item["labels"] != IGNORE).nonzero()[0])
    picture = prompt.open(np.asarray(Image.open(data.rows[0][0].image)))
    assert item["input_ids"][:asked].tolist() == [*picture.ids, *prompt.ask("Where is it worst?")]


SAVERS = {
    "qwen3_vl": save_qwen,
    "qwen2_5_vl": lambda folder: save_qwen(folder, "qwen2_5_vl"),
    "llava": save_llava,
}

UNREAD = ("encoder.layers.2.", "post_layernorm")
"""LLaVA reads the last layer but one of its three."""


@pytest.mark.parametrize("kind", SAVERS)
@pytest.mark.parametrize("checkpointing", [False, True])
def test_what_should_train_gets_a_gradient_and_nothing_else(tmp_path, rows, kind, checkpointing):
    """With checkpointing, layers behind frozen embeddings can silently lose theirs."""
    folder = SAVERS[kind](tmp_path / kind)
    recipe = _recipe(folder, rows, tmp_path / "run", checkpointing=checkpointing)
    trainer = build_trainer(recipe)
    model = trainer.model.train()
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # it starts at zero, which hides the gradient of lora_A
            torch.nn.init.normal_(parameter, std=0.02)
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(2)])
    trainer.compute_loss(model, batch).backward()
    for name, parameter in model.named_parameters():
        group = group_of(name, trainer.family)
        wanted = "lora_" in name if group == "language" else group in ("vision", "projector")
        wanted = wanted and not (kind == "llava" and any(part in name for part in UNREAD))
        assert parameter.requires_grad == wanted, name
        assert (parameter.grad is not None) == wanted, name
        if wanted and not name.endswith("k_proj.bias"):  # which a softmax takes no notice of
            assert parameter.grad.abs().max() > 0, name
    assert not any("lora_" in n for n, _ in model.named_parameters() if "vis" in n)


def test_checkpointing_changes_memory_and_not_the_loss(tmp_path, base, rows):
    losses = []
    for flag in (False, True):
        trainer = build_trainer(_recipe(base, rows, tmp_path / str(flag), checkpointing=flag))
        batch = trainer.data_collator([trainer.train_dataset[i] for i in range(3)])
        losses.append(float(trainer.compute_loss(trainer.model.train(), batch).detach()))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_loss_is_the_plain_one_of_the_model(tmp_path, base, rows):
    """Reference: transformers' own loss on all logits."""
    trainer = build_trainer(_recipe(base, rows, tmp_path / "run"))
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(3)])
    ours = float(trainer.compute_loss(trainer.model.eval(), dict(batch)).detach())
    plain = float(trainer.model(**batch).loss.detach())
    assert ours == pytest.approx(plain, rel=1e-4)


@pytest.mark.parametrize("kind", ["qwen3_vl", "qwen2_5_vl"])
def test_sixteen_bits_keep_what_trains_in_thirty_two(tmp_path, rows, kind):
    """The mix of precisions that accelerators run: frozen weights in bfloat16, trained ones in float32."""
    folder = save_qwen(tmp_path / kind, kind, seed=1)
    recipes = [
        _recipe(folder, rows, tmp_path / d, dtype=d, steps=1) for d in ("float32", "bfloat16")
    ]
    whole, half = (build_trainer(recipe) for recipe in recipes)
    for name, parameter in half.model.named_parameters():
        assert parameter.dtype == (torch.float32 if parameter.requires_grad else torch.bfloat16), (
            name
        )
    batch = whole.data_collator([whole.train_dataset[i] for i in range(2)])
    expected = float(whole.compute_loss(whole.model, dict(batch)).detach())
    with half.compute_loss_context_manager():
        loss = half.compute_loss(half.model, dict(batch))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(expected, rel=0.02)


def test_each_part_has_its_own_rate(tmp_path, base, rows):
    trainer = build_trainer(_recipe(base, rows, tmp_path / "run"))
    rates = {}
    for group in trainer.create_optimizer().param_groups:
        for parameter in group["params"]:
            rates[id(parameter)] = group["lr"]
    for name, parameter in trainer.model.named_parameters():
        if parameter.requires_grad:
            group = group_of(name, trainer.family)
            assert rates[id(parameter)] == getattr(trainer.recipe.rates, group)


class _Kill(TrainerCallback):
    """The process dies after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step + 1:
            raise KeyboardInterrupt


def test_a_killed_run_continues_the_same_curve(tmp_path, base, rows):
    whole = _recipe(base, rows, tmp_path / "whole", steps=5)
    train_lmm(whole)
    torn = _recipe(base, rows, tmp_path / "torn", steps=5, save_every=3)
    with pytest.raises(KeyboardInterrupt):
        train_lmm(torn, [_Kill(3)])
    assert not (torn.out / "adapter").exists()
    train_lmm(torn)
    expected, found = _losses(whole.out), _losses(torn.out)
    assert len(found) == 5
    assert found == pytest.approx(expected, abs=2e-4)
    assert expected[-1] < expected[0]


def test_two_processes_give_the_loss_of_one(tmp_path, base, rows):
    """`accelerate launch` on two CPU processes; the batch of a step is the same four dialogues."""
    one = _recipe(base, rows, tmp_path / "one", steps=3, batch=2, accumulate=2)
    train_lmm(one)
    two = _recipe(base, rows, tmp_path / "two", steps=3, batch=2, accumulate=1)
    recipe = tmp_path / "two.yaml"
    recipe.write_text(yaml.safe_dump(json.loads(two.model_dump_json())))
    words = [
        "--multi_gpu",
        "--num_processes",
        "2",
        "--num_machines",
        "1",
        "--mixed_precision",
        "no",
    ]
    words += ["--dynamo_backend", "no", "--main_process_port", "0"]
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "accelerate.commands.launch",
            *words,
            "-m",
            "iqa_spider",
            "train",
            recipe,
        ],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert "2 process(es)" in (two.out / "adapter" / "README.md").read_text()
    assert _losses(two.out) == pytest.approx(_losses(one.out), abs=2e-4)


def test_the_adapter_loads_by_path_and_merges(tmp_path, base, rows, picture):
    """What was trained must be what answers: through --adapter, and after merging without it."""
    from iqa_spider.serving.cli.merge import merge

    recipe = _recipe(base, rows, tmp_path / "run")
    trainer = build_trainer(recipe)
    trainer.train()
    trainer.save_model(str(recipe.out / "adapter"))
    adapter = recipe.out / "adapter"
    plain = load_spider(f"hf:{base}").open(picture).conversation
    put = load_spider(f"hf:{base}", adapter=str(adapter)).open(picture).conversation
    ids = torch.tensor([[*put.opened.ids, *put.backbone.prompt.ask("Where?")]])
    types = torch.nn.functional.pad(
        put.opened.tensors["mm_token_type_ids"], (0, ids.shape[1] - len(put.opened.ids))
    )
    with torch.inference_mode():
        inputs = {**put.opened.tensors, "mm_token_type_ids": types}
        trained = trainer.model.eval()(input_ids=ids, **inputs).logits[0, -1]
    found = put.backbone.reader.next_logits(put.prefix, put.backbone.prompt.ask("Where?"))
    assert torch.allclose(found, trained, atol=1e-3)
    before = plain.backbone.reader.next_logits(plain.prefix, plain.backbone.prompt.ask("Where?"))
    assert not torch.allclose(found, before, atol=1e-2)
    merge(adapter, tmp_path / "merged")
    joined = load_spider(f"hf:{tmp_path / 'merged'}").open(picture).conversation
    after = joined.backbone.reader.next_logits(joined.prefix, joined.backbone.prompt.ask("Where?"))
    assert torch.allclose(after, found, atol=1e-3)


def test_an_adapter_of_another_base_is_refused(tmp_path, base, rows):
    recipe = _recipe(base, rows, tmp_path / "run", steps=1)
    train_lmm(recipe)
    card = (recipe.out / "adapter" / "README.md").read_text()
    assert "1 steps of 4 dialogues" in card
    other = save_qwen(tmp_path / "other", seed=2, num_hidden_layers=4)
    with pytest.raises(CheckpointError, match="made for"):
        load_spider(f"hf:{other}", adapter=str(recipe.out / "adapter"))
    with pytest.raises(CheckpointError, match=r"no adapter_config\.json"):
        load_spider(f"hf:{base}", adapter=str(tmp_path))


def test_a_loss_that_is_no_number_stops_and_goes_on_from_before_it(tmp_path, base, rows):
    """The step that spoils the weights is saved before the next loss tells: that is no good checkpoint."""

    class Poison(TrainerCallback):
        def on_step_end(self, args, state, control, model=None, **kwargs):
            if state.global_step == 2:
                with torch.no_grad():
                    next(p for p in model.parameters() if p.requires_grad).fill_(float("nan"))

    whole = _recipe(base, rows, tmp_path / "whole")
    train_lmm(whole)
    recipe = _recipe(base, rows, tmp_path / "run", save_every=1)
    with pytest.raises(TrainingError, match=r"last good checkpoint is .*checkpoint-1\.") as caught:
        train_lmm(recipe, [Poison()])
    assert "rates" in str(caught.value)
    assert not (recipe.out / "adapter").exists()
    assert (recipe.out / "doubted-2" / "trainer_state.json").exists()
    train_lmm(recipe)
    assert _losses(recipe.out) == pytest.approx(_losses(whole.out), abs=2e-4)


def test_mixes_take_rows_as_often_as_asked(rows):
    parts = [
        Mixture(rows / "rows.jsonl", rows / "images", 0.5),
        Mixture(rows / "rows.json", rows / "images", 2.0),
    ]
    ids = [d.id for d in read_dialogues(parts, 0)]
    assert len(ids) == 12
    assert len(set(ids[:4])) == 4
    assert sorted(ids[4:]) == sorted([f"r{i}" for i in range(4)] * 2)
    assert ids == [d.id for d in read_dialogues(parts, 0)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": 1, "image": "0.png"}, "line 1: needs id"),
        ({"image": "0.png", "conversations": [{"from": "gpt", "value": "x"}] * 2}, "take turns"),
        (
            {
                "image": "0.png",
                "conversations": [{"from": f, "value": "x"} for f in ("human", "gpt", "human")],
            },
            "no answer",
        ),
        (
            {
                "image": "none.png",
                "conversations": [{"from": f, "value": "x"} for f in ("human", "gpt")],
            },
            "no such picture",
        ),
    ],
)
def test_bad_rows_name_file_and_line(tmp_path, rows, row, message):
    file = tmp_path / "bad.jsonl"
    file.write_text(json.dumps(row) + "\n")
    with pytest.raises(DatasetError, match=message):
        read_dialogues([Mixture(file, rows / "images")], 0)


def test_a_mix_is_written_for_other_trainers(tmp_path, rows):
    """Phi-3.5-Vision: transformers has no class for it, other trainers have."""
    recipe = tmp_path / "r.yaml"
    part = {"file": str(rows / "rows.jsonl"), "images": str(rows / "images")}
    recipe.write_text(
        yaml.safe_dump(
            {"stage": "lmm-data", "base": "x/y", "data": [part], "out": str(tmp_path / "out")}
        )
    )
    assert run_recipe(recipe)["dialogues"] == 8
    row = json.loads((tmp_path / "out" / "mix.jsonl").read_text().splitlines()[0])
    assert row["messages"][0]["content"].startswith("<image>Where")
    assert row["messages"][0]["content"].count("<image>") == 1


def test_recipe_mistakes_name_the_field(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("stage: lmm\nbase: x\nout: y\ndata: []\n")
    with pytest.raises(ConfigError, match="data"):
        load_recipe(path)
