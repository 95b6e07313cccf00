"""What a recipe will need, on paper: parameters that train, memory a GPU, steps.

Weights, gradients and optimiser state are counted, not guessed. Activations are estimated from the widths of
the layers; a test holds the estimate against what small runs of both Qwen families keep. Data parallelism is
assumed: every GPU holds the whole model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from iqa_spider.models.chat_prompt import FAMILIES, Family
from iqa_spider.training.conversations import Mixture, read_dialogues
from iqa_spider.training.lmm_bases import skeleton
from iqa_spider.training.lmm_model import group_of, prepare
from iqa_spider.training.lmm_recipe import LmmStage
from iqa_spider.training.packing import group

__all__ = [
    "Counts",
    "Load",
    "Plan",
    "Widths",
    "count",
    "kept_bytes",
    "passing_bytes",
    "plan",
]


@dataclass(frozen=True, slots=True)
class Counts:
    """Parameters: all of the base, and those that train a group."""

    base: int
    trained: dict[str, int]

    @property
    def training(self) -> int:
        return sum(self.trained.values())

    @property
    def frozen(self) -> int:
        """LoRA is added to the base; the rest of what trains is part of it."""
        return self.base - self.trained["vision"] - self.trained["projector"]


@dataclass(frozen=True, slots=True)
class Widths:
    """Sizes that activations depend on."""

    layers: int
    hidden: int
    inner: int
    attention: int
    vocabulary: int
    vision_layers: int
    vision_hidden: int
    vision_inner: int
    merge: int
    """Patches that make one picture token."""
    patch: int
    """Numbers of one patch."""

    @classmethod
    def of(cls, config: Any) -> Widths:
        text, vision = config.get_text_config(), config.vision_config
        head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        return cls(
            text.num_hidden_layers,
            text.hidden_size,
            text.intermediate_size,
            head * (2 * text.num_attention_heads + 2 * text.num_key_value_heads),
            text.vocab_size,
            vision.num_hidden_layers,
            vision.hidden_size,
            vision.intermediate_size,
            int(getattr(vision, "spatial_merge_size", 1)) ** 2,
            3 * int(getattr(vision, "temporal_patch_size", 1)) * int(vision.patch_size) ** 2,
        )


@dataclass(frozen=True, slots=True)
class Load:
    """A batch: rows, tokens of a row, how many of them are of its picture, and places with a logit."""

    rows: int
    tokens: int
    picture: int
    answers: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Bytes a GPU and steps of a recipe."""

    counts: Counts
    weights: int
    gradients: int
    optimiser: int
    activations: int
    dialogues: int | None
    steps: int | None

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.optimiser + self.activations

    def lines(self, gpus: int, memory: float) -> list[str]:
        """The plan in words; ``memory`` is that of one GPU in GB (1e9 bytes)."""
        giga = {
            "weights": self.weights,
            "gradients": self.gradients,
            "optimiser state": self.optimiser,
            "activations, about": self.activations,
        }
        trained = ", ".join(f"{name} {n:,}" for name, n in self.counts.trained.items() if n)
        found = [
            f"base: {self.counts.base:,} parameters",
            f"train: {self.counts.training:,} ({trained})",
            *(f"{name}: {value / 1e9:.2f} GB a GPU" for name, value in giga.items()),
            f"together: {self.total / 1e9:.2f} GB a GPU, of {memory:g}",
        ]
        if self.steps is None:
            found.append("steps: the data is not here; set `steps`, or put the files in place")
        else:
            told = "" if self.dialogues is None else f" for {self.dialogues:,} dialogues an epoch"
            found.append(f"steps: {self.steps:,} on {gpus} GPU(s){told}")
        if self.total > 0.92 * memory * 1e9:
            found.append(
                "does not fit: lower batch (and raise accumulate), max_side or rank; checkpointing: true; "
                "dtype: bfloat16; train_vision: false"
            )
        return found


def count(model: Any, family: Family, recipe: LmmStage) -> Counts:
    """Count parameters of a model, which may lie on the meta device."""
    base = sum(parameter.numel() for parameter in model.parameters())
    full = recipe.train_vision
    with torch.device("meta"):
        wrapped = prepare(model, family, rank=recipe.rank, alpha=recipe.alpha, dropout=0, full=full)
    trained = dict.fromkeys(("language", "vision", "projector"), 0)
    for name, parameter in wrapped.named_parameters():
        if parameter.requires_grad:
            trained[str(group_of(name, family))] += parameter.numel()
    return Counts(base, trained)


def kept_bytes(widths: Widths, load: Load, *, unit: int, checkpointing: bool) -> int:
    """What a forward pass keeps for the backward pass; ``unit`` is the bytes of an activation, 2 or 4.

    With checkpointing only the layers' inputs are kept. The coefficients count what norms, projections and
    gates of both Qwen families save a token; fused attention keeps no square of the length.
    """
    patches = load.picture * widths.merge
    language, vision = _layer(widths)
    if checkpointing:
        language, vision = widths.hidden, widths.vision_hidden
    kept = widths.layers * load.tokens * language + widths.vision_layers * patches * vision
    # The patches themselves, and the softmax over the vocabulary in 32 bits.
    kept += patches * widths.patch
    return load.rows * (kept * unit + load.answers * widths.vocabulary * 4)


def passing_bytes(widths: Widths, load: Load, *, unit: int, checkpointing: bool) -> int:
    """What lives for a moment on top: logits with copy and gradient, or the layer being recomputed."""
    language, vision = _layer(widths)
    logits = load.answers * widths.vocabulary * (unit + 8)
    layer = max(load.tokens * language, load.picture * widths.merge * vision) * unit
    return load.rows * max(logits, layer if checkpointing else 0)


def _layer(widths: Widths) -> tuple[int, int]:
    """Numbers that one layer keeps a token, of the language model and of the vision encoder."""
    language = 8 * widths.hidden + 2 * widths.attention + 4 * widths.inner
    return language, 10 * widths.vision_hidden + 3 * widths.vision_inner


def plan(recipe: LmmStage, *, gpus: int = 1) -> Plan:
    """Plan a recipe; the data is counted where it is here. Answers are taken as 200 tokens at most."""
    config, model = skeleton(recipe.base)
    counts = count(model, FAMILIES[config.model_type], recipe)
    unit = 4 if recipe.dtype == "float32" else 2
    tokens = min(recipe.max_tokens, 4096)
    widths = Widths.of(config)
    load = Load(recipe.batch, tokens, max(0, tokens - 512), 200)
    saved = recipe.checkpointing
    kept = kept_bytes(widths, load, unit=unit, checkpointing=saved)
    kept += passing_bytes(widths, load, unit=unit, checkpointing=saved)
    dialogues, rows = _dialogues(recipe)
    size = recipe.batch * recipe.accumulate * gpus
    steps = recipe.steps
    if steps is None and rows is not None:
        steps = math.ceil(rows / size) * math.ceil(recipe.epochs)
    return Plan(
        counts,
        counts.frozen * unit + counts.training * 4,
        counts.training * 4,
        counts.training * 8,
        kept,
        dialogues,
        steps,
    )


def _dialogues(recipe: LmmStage) -> tuple[int | None, int | None]:
    """Dialogues of an epoch, and the sequences they make once packed."""
    if not all(part.file.exists() for part in recipe.data):
        return None, None
    parts = [Mixture(part.file, part.images, part.repeat) for part in recipe.data]
    dialogues = read_dialogues(parts, recipe.seed)
    return len(dialogues), len(group(dialogues, recipe.pack, recipe.max_tokens))
