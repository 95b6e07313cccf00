"""The files of the embedded model: where they lie, whether they are whole, and loading them strictly."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from iqa_spider.core import CheckpointError

__all__ = ["FILES", "ModelCard", "catalog", "load_weights", "weights_folder"]

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
