"""PEFT adapters over a large backbone, put on strictly.

A folder that `train` writes holds the low-rank matrices in PEFT's own files and, in ``full.safetensors``, the
modules that were trained in full (vision encoder and projector) under the names of the base model. Folders of
other tools lack the latter, and that is fine.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from iqa_spider.core import CheckpointError, MissingExtraError
from iqa_spider.models.checkpoints import memory_guard, refuse_keys

__all__ = ["BASE", "FULL", "base_of", "merge_adapter", "put_adapter", "quiet_peft", "shape_of"]

FULL: Final = "full.safetensors"
BASE: Final = "base.json"
"""Shape of the base model. An adapter for fewer layers would fit onto more of them without a word."""


def base_of(folder: Path) -> str | None:
    """The base model that an adapter's folder names."""
    file = folder / "adapter_config.json"
    if not file.exists():
        raise CheckpointError(f"{folder}: no adapter_config.json there; name the adapter's folder")
    found: str | None = json.loads(file.read_text()).get("base_model_name_or_path")
    return found


def shape_of(model: Any) -> dict[str, Any]:
    """What tells one base model from another, whatever its precision."""
    text = model.config.get_text_config()
    return {
        "model_type": model.config.model_type,
        "layers": text.num_hidden_layers,
        "width": text.hidden_size,
        "vocabulary": text.vocab_size,
    }


def put_adapter(model: Any, folder: str | Path) -> Any:
    """The model with an adapter's weights in place, still of its own class.

    Raises:
        CheckpointError: no adapter there, damaged, or made for another base; lists the keys.
    """
    return _wrap(model, Path(folder)).get_base_model()


def merge_adapter(model: Any, folder: str | Path) -> Any:
    """The model with the adapter folded into its own weights: loads anywhere, as vLLM wants it."""
    return _wrap(model, Path(folder)).merge_and_unload()


@contextmanager
def quiet_peft() -> Iterator[None]:
    """PEFT asks transformers by a name that transformers has renamed; nobody here can mend that."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", ".is_gradient_checkpointing. is deprecated", FutureWarning
        )
        yield


def _wrap(model: Any, folder: Path) -> Any:
    try:
        from peft import PeftConfig, PeftModel, set_peft_model_state_dict
        from peft.utils import get_peft_model_state_dict, load_peft_weights
    except ImportError as error:
        raise MissingExtraError("--adapter", "hf") from error
    flag = f"--adapter {folder}"
    base = base_of(folder) or "a base it does not name"
    where = f"{flag} (made for {base}, so name that as --model hf:)"
    if (folder / BASE).exists():
        told, own = json.loads((folder / BASE).read_text()), shape_of(model)
        if told != own:
            raise CheckpointError(f"{where}: its base is {told}, this model is {own}")
    try:
        config = PeftConfig.from_pretrained(str(folder))
        config.inference_mode = True
        state = load_peft_weights(str(folder), device="cpu")
        if (folder / FULL).exists():
            _fill(model, load_file(str(folder / FULL)), flag)
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise CheckpointError(f"{flag}: damaged ({error})") from error
    try:
        with memory_guard(flag), quiet_peft():
            wrapped = PeftModel(model, config)
    except ValueError as error:  # PEFT: target modules not found in the base model
        raise CheckpointError(f"{where}: {' '.join(str(error).split())[:300]}") from error
    _compare(get_peft_model_state_dict(wrapped), state, where)
    set_peft_model_state_dict(wrapped, state)
    return wrapped.eval()


def _compare(expected: Mapping[str, Tensor], found: Mapping[str, Tensor], where: str) -> None:
    misfit = [k for k in found if k in expected and expected[k].shape != found[k].shape]
    refuse_keys(
        where, [*(expected.keys() - found.keys())], [*(found.keys() - expected.keys())], misfit
    )


def _fill(model: torch.nn.Module, state: Mapping[str, Tensor], flag: str) -> None:
    """Overwrite the modules that were trained in full."""
    own = model.state_dict()
    _compare({key: own[key] for key in state if key in own}, state, f"{flag} ({FULL})")
    model.load_state_dict(dict(state), strict=False)
