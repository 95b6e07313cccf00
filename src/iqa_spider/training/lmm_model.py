"""Which parameters of a large backbone train: LoRA on the language model, the rest of the chain in full.

The paper adapts the language model with low-rank matrices on its linear layers and tunes vision encoder and
projector in full, since what quality looks like is what a vision encoder was trained to ignore.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from iqa_spider.core import CheckpointError, MissingExtraError
from iqa_spider.models.adapters import BASE, FULL, quiet_peft, shape_of
from iqa_spider.models.chat_prompt import Family
from iqa_spider.training.sharding import put

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


def _depth_read(config: Any) -> int | None:
    """How many of the vision encoder's layers the language model sees the outcome of; None for all.

    LLaVA takes its features from a layer before the last. What stands behind it never gets a gradient, and
    a parameter that waits for one stops data-parallel training.
    """
    layer = getattr(config, "vision_feature_layer", None)
    if layer is None:
        return None
    total = int(config.vision_config.num_hidden_layers)
    # hidden_states[0] goes into the first layer, hidden_states[total] comes out of the last.
    return max(
        index if index >= 0 else total + 1 + index
        for index in ([layer] if isinstance(layer, int) else layer)
    )


def _is_read(name: str, family: Family, read: int | None) -> bool:
    if read is None:
        return True
    parts = name.split(".")
    if family.after in parts:
        return False
    return family.layers not in parts or int(parts[parts.index(family.layers) + 1]) < read


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
    read = _depth_read(model.config)
    for name, parameter in wrapped.named_parameters():
        part = group_of(name, family)
        inside = part == "projector" or (part == "vision" and _is_read(name, family, read))
        if full and inside:
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


def _trained(model: nn.Module) -> Iterator[tuple[str, str, nn.Parameter]]:
    """(name in a file, name in the model, parameter) of what trains.

    LoRA goes by PEFT's names without the adapter's own, the rest by those of the base model.
    """
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            lora = "lora_" in name
            told = name.replace(".default.", ".") if lora else name.removeprefix(_PREFIX)
            yield told, name, parameter


def save_trained(model: Any, folder: Path, state: Mapping[str, Tensor] | None = None) -> None:
    """Adapter in PEFT's files, the rest in ``full.safetensors``.

    ``state`` holds the whole tensors by the model's names where its own lie in parts.
    """
    model.save_pretrained(str(folder), state_dict=state, save_embedding_layers=False)
    full = {
        told: (parameter if state is None else state[name]).detach().cpu().contiguous()
        for told, name, parameter in _trained(model)
        if "lora_" not in told
    }
    if full:
        save_file(full, str(folder / FULL))
    (folder / BASE).write_text(json.dumps(shape_of(model.get_base_model())))


def load_trained(model: Any, folder: Path) -> None:
    """Go on from what `save_trained` wrote; every key must be there."""
    from peft.utils import load_peft_weights

    state = dict(load_peft_weights(str(folder), device="cpu"))
    if (folder / FULL).exists():
        state |= load_file(str(folder / FULL))
    own = {told: parameter for told, _, parameter in _trained(model)}
    if own.keys() != state.keys():
        lost = sorted(own.keys() ^ state.keys())[:5]
        raise CheckpointError(f"{folder}: keys of another model or recipe: {', '.join(lost)}")
    for told, parameter in own.items():
        put(parameter, state[told])
