"""Recipes for large backbones; no torch is imported to read one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["DataStage", "LmmStage", "Part", "Rates"]


class Part(BaseModel):
    """One source of the mix: conversation file, its picture folder, and how often a row comes."""

    model_config = ConfigDict(extra="forbid")
    file: Path
    images: Path
    repeat: float = Field(1.0, gt=0)


class Rates(BaseModel):
    """Learning rates: of LoRA on the language model, of the vision encoder and of the projector."""

    model_config = ConfigDict(extra="forbid")
    language: float = Field(1e-4, gt=0)
    vision: float = Field(2e-6, gt=0)
    projector: float = Field(1e-5, gt=0)


class _Mixed(BaseModel):
    """What every stage on conversations has."""

    model_config = ConfigDict(extra="forbid")
    data: list[Part] = Field(min_length=1)
    out: Path
    seed: int = 0


class DataStage(_Mixed):
    """Write the mix for another trainer, where transformers lacks the backbone's class."""

    stage: Literal["lmm-data"]
    base: str
    """Backbone the mix is meant for; only told in the note beside it."""


class LmmStage(_Mixed):
    """Adapt a chat model of transformers: LoRA on the language model, vision and projector in full.

    The batch of a step is ``batch`` (sequences a process) x ``accumulate`` x processes; with another
    number of processes change ``accumulate``, so that the product, and the loss curve, stay.
    """

    stage: Literal["lmm"]
    base: str
    epochs: float = Field(1.0, gt=0)
    steps: int | None = Field(None, ge=1)
    """Stop after so many steps; None trains ``epochs``."""
    batch: int = Field(1, ge=1)
    accumulate: int = Field(8, ge=1)
    rates: Rates = Rates()
    warmup: float = Field(0.03, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    clip: float = Field(1.0, gt=0)
    rank: int = Field(64, ge=1)
    alpha: int = Field(128, ge=1)
    dropout: float = Field(0.05, ge=0, lt=1)
    train_vision: bool = True
    """False leaves vision encoder and projector as they are."""
    checkpointing: bool = True
    """Recompute activations in the backward pass: a third more time for a fraction of the memory."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    attention: str | None = None
    pack: int = Field(1, ge=1)
    """Most dialogues about one picture that share a sequence, each seeing the picture and itself alone."""
    max_tokens: int = Field(4096, ge=16)
    max_side: int | None = Field(None, ge=32)
    save_every: int = Field(200, ge=1)
    keep: int = Field(2, ge=1)
    workers: int = Field(0, ge=0)
    threads: int = Field(1, ge=1)
