"""The builder: the one place that knows which files make a model and in what sizes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from iqa_spider.core import CheckpointError, ConfigError
from iqa_spider.models.encoder import QualityEncoder
from iqa_spider.models.language import load_language
from iqa_spider.models.pocket import PocketBackbone
from iqa_spider.models.segmenter import ClickNet, PocketSegmenter
from iqa_spider.models.spider import Spider
from iqa_spider.models.vision import PocketVision

__all__ = ["ModelCard", "catalog", "load_spider", "load_weights", "weights_folder"]

FILES = ("encoder.safetensors", "segmenter.safetensors", "language.safetensors")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One model: where it lies, its size in bytes, and whether all of its files are there."""

    name: str
    path: Path
    bytes: int
    ready: bool
    licence: str
    summary: str


def weights_folder(name: str = "pocket") -> Path:
    """Folder of a model that ships with the package."""
    return Path(str(resources.files("iqa_spider.models"))) / "weights" / name


def catalog() -> list[ModelCard]:
    """The models of this installation."""
    folder = weights_folder()
    files = [folder / name for name in (*FILES, "config.json", "tokenizer.json")]
    ready = all(file.exists() for file in files)
    size = sum(file.stat().st_size for file in files if file.exists())
    card = folder / "card.json"
    details = json.loads(card.read_text()) if card.exists() else {}
    return [
        ModelCard(
            "pocket",
            folder,
            size,
            ready,
            details.get("licence", "research only"),
            "embedded: runs on a CPU, ships with the package, needs no network",
        )
    ]


def load_weights(module: nn.Module, path: Path) -> None:
    """Load a safetensors file into a module, strictly; 16-bit values become 32-bit.

    Raises:
        CheckpointError: the file is missing, damaged, or its keys are not the module's.
    """
    if not path.exists():
        raise CheckpointError(f"{path}: missing; reinstall iqa-spider or name --checkpoint")
    try:
        state = {key: value.float() for key, value in load_file(str(path)).items()}
        result = module.load_state_dict(state, strict=False)
    except Exception as error:  # safetensors raises its own type, torch a RuntimeError
        raise CheckpointError(f"{path}: damaged or of another model ({error})") from error
    if result.missing_keys or result.unexpected_keys:
        raise CheckpointError(
            f"{path}: missing keys {result.missing_keys[:5]}, unknown {result.unexpected_keys[:5]}"
        )


def load_spider(
    name: str = "pocket",
    *,
    checkpoint: Path | None = None,
    temperature: float | None = None,
    threads: int | None = None,
) -> Spider:
    """Load a model once; it then answers about any number of pictures.

    Args:
        name: `pocket`, the embedded model.
        checkpoint: another folder with the same files.
        temperature: of text-to-point; None takes the value chosen on the training photos.
        threads: CPU threads for torch; None leaves torch's choice.
    """
    if name != "pocket":
        known = ", ".join(card.name for card in catalog())
        raise ConfigError(f"unknown model {name!r}; known: {known}")
    if threads:
        torch.set_num_threads(threads)
    folder = checkpoint or weights_folder(name)
    encoder, net = QualityEncoder(), ClickNet()
    load_weights(encoder, folder / FILES[0])
    load_weights(net, folder / FILES[1])
    segmenter = PocketSegmenter(net)
    backbone = PocketBackbone(PocketVision(encoder, segmenter), load_language(folder, FILES[2]))
    card = folder / "card.json"
    chosen = json.loads(card.read_text()).get("temperature", 1.0) if card.exists() else 1.0
    return Spider(backbone, segmenter, temperature=temperature or chosen)
