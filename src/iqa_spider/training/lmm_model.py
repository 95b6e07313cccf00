"""Which parameters of a large backbone train: LoRA on the language model, the rest of the chain in full.

The paper adapts the language model with low-rank matrices on its linear layers and tunes vision encoder and
projector in full, since what quality looks like is what a vision encoder was trained to ignore.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from iqa_spider.core import CheckpointError, MissingExtraError
from iqa_spider.models.adapters import BASE, FULL, quiet_peft, shape_of
from iqa_spider.models.chat_prompt import Family

__all__ = ["GROUPS", "group_of", "load_trained", "prepare", "save_trained", "trained_groups"]

GROUPS: Final = ("language", "vision", "projector")
"""Parts with a learning rate of their own."""

_PREFIX: Final = "base_model.model."
"""What PEFT puts before the base model's names."""


def _inside(name: str, module: str) -> bool:
    return name == module or name.startswith(module + ".")


def group_of(name: str, family: Family) -> str | None:
    """The group of a parameter by the base model's name; the projector may lie within the encoder."""
    name = name.removeprefix(_PREFIX)
    if any(_inside(name, module) for module in family.projector):
        return "projector"
    if _inside(name, family.vision):
        return "vision"
    return "language" if _inside(name, family.language) else None


def prepare(
    model: nn.Module, family: Family, *, rank: int, alpha: int, dropout: float, full: bool = True
) -> Any:
    """Wrap with LoRA and set what trains; ``full`` also trains vision encoder and projector.

    What trains is kept in 32 bits: steps of a small learning rate vanish in 16.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise MissingExtraError("training a large backbone", "hf") from error
    targets = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and _inside(name, family.language)
    ]
    if not targets:
        raise CheckpointError(f"the model has no linear layers under {family.language}")
    config = LoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=targets, bias="none"
    )
    with quiet_peft():
        wrapped = get_peft_model(model, config)
    for name, parameter in wrapped.named_parameters():
        if full and group_of(name, family) in ("vision", "projector"):
            parameter.requires_grad_(True)
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return wrapped


def trained_groups(model: nn.Module, family: Family) -> dict[str, list[tuple[str, nn.Parameter]]]:
    """Named trainable parameters a group."""
    groups: dict[str, list[tuple[str, nn.Parameter]]] = {group: [] for group in GROUPS}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            group = group_of(name, family)
            assert group is not None, name
            groups[group].append((name, parameter))
    return groups


def _full(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """What trains in full, by the base model's names."""
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and "lora_" not in name:
            yield name.removeprefix(_PREFIX), parameter


def save_trained(model: Any, folder: Path) -> None:
    """Adapter in PEFT's files, the rest in ``full.safetensors``."""
    model.save_pretrained(str(folder), save_embedding_layers=False)
    state = {name: parameter.detach().cpu().contiguous() for name, parameter in _full(model)}
    if state:
        save_file(state, str(folder / FULL))
    (folder / BASE).write_text(json.dumps(shape_of(model.get_base_model())))


def load_trained(model: Any, folder: Path) -> None:
    """Go on from what `save_trained` wrote; every key must be there."""
    from peft import set_peft_model_state_dict
    from peft.utils import load_peft_weights

    set_peft_model_state_dict(model, load_peft_weights(str(folder), device="cpu"))
    own = dict(_full(model))
    state = load_file(str(folder / FULL)) if (folder / FULL).exists() else {}
    if own.keys() != state.keys():
        lost = sorted(own.keys() ^ state.keys())[:5]
        raise CheckpointError(
            f"{folder / FULL}: keys of another model or recipe: {', '.join(lost)}"
        )
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(state[name])
