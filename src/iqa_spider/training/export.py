"""From checkpoints to the folder that ships: 16-bit safetensors, tokenizer, configuration and card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

from iqa_spider.core import CheckpointError

__all__ = ["export_pocket"]


def _minutes(checkpoint: Path) -> float:
    """Minutes that a stage and what it rests on were trained for, as its checkpoint counts them."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    return float(state["spent"]) / 60


def export_pocket(
    encoder: Path,
    segmenter: Path,
    language: Path,
    base: Path,
    out: Path,
    *,
    temperature: float = 1.0,
    stages: dict[str, Path] | None = None,
    earlier: dict[str, float] | None = None,
) -> None:
    """Write what `load_spider` reads.

    ``stages`` names further checkpoints for the card's times, ``earlier`` the minutes of the trainings that
    a stage went on from (its recipe's ``start``).
    """
    out.mkdir(parents=True, exist_ok=True)
    parts = {"encoder": encoder, "segmenter": segmenter, "language": language}
    for name, checkpoint in parts.items():
        if not checkpoint.exists():
            raise CheckpointError(f"{checkpoint}: no such checkpoint; train that stage first")
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)["model"]
        half = {key: value.to(torch.float16).contiguous() for key, value in state.items()}
        save_file(half, str(out / f"{name}.safetensors"))
    for name in ("config.json", "tokenizer.json"):
        shutil.copyfile(base / name, out / name)
    before = earlier or {}
    minutes = {
        name: round(_minutes(path) + before.get(name, 0.0), 1)
        for name, path in {**parts, **(stages or {})}.items()
    }
    card = {
        "name": "pocket",
        "licence": "research only (weights; trained in part on research-only photos)",
        "temperature": temperature,
        "training_minutes_wall": minutes,
        "base": "SmolLM2-135M-Instruct, first 8 layers, 16,384 vocabulary entries (Apache-2.0); "
        "EfficientNet-Lite0, ImageNet weights (Apache-2.0)",
        "photos": "BSDS500 and imagenet-sample-images (non-commercial research), free wallpapers",
    }
    (out / "card.json").write_text(json.dumps(card, indent=1) + "\n")
