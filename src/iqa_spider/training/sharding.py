"""Training with the model's parameters shared out over the processes (FSDP), as `accelerate launch` asks.

What differs from plain data parallelism is kept here: tensors that lie in parts on several processes are put
together to be written, and parted again to be read. Version 2 of FSDP is meant: the
optimiser's state is written in parts, adapters whole.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor, nn

from iqa_spider.core import ConfigError

__all__ = ["check_sharding", "put", "shard_on_cpu", "whole_state"]


def shard_on_cpu(accelerator: Any) -> bool:
    """Let FSDP, where it is asked for, also run on processes without an accelerator.

    accelerate looks at the request on accelerators alone, and elsewhere copies the model to every process
    without a word. Its plugin works on a CPU as it is: whoever tries a recipe on a small machine should try
    what the large one will run. Returns whether it was switched on here.
    """
    from accelerate import DistributedType, FullyShardedDataParallelPlugin

    state = accelerator.state
    asked = os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"
    if not asked or state.distributed_type is not DistributedType.MULTI_CPU:
        return False
    state.fsdp_plugin = FullyShardedDataParallelPlugin()
    state.distributed_type = DistributedType.FSDP
    return True


def check_sharding(accelerator: Any) -> None:
    """Refuse settings under which our checkpoints would be incomplete.

    Raises:
        ConfigError: version 1, or an optimiser's state that is written by the first process alone.
    """
    plugin = accelerator.state.fsdp_plugin
    if plugin.fsdp_version != 2 or "SHARDED_STATE_DICT" not in str(plugin.state_dict_type):
        raise ConfigError(
            "FSDP: launch with --fsdp_version 2 --fsdp_state_dict_type SHARDED_STATE_DICT, which the "
            "checkpoints need; adapters are written whole all the same"
        )


@torch.no_grad()
def whole_state(model: nn.Module) -> dict[str, Tensor]:
    """What trains, put together from its parts, on the CPU; every process has to take part."""
    from torch.distributed.tensor import DTensor

    return {
        name: (value.full_tensor() if isinstance(value, DTensor) else value).detach().cpu()
        for name, value in model.named_parameters()
        if value.requires_grad
    }


@torch.no_grad()
def put(parameter: Tensor, value: Tensor) -> None:
    """Copy a whole tensor into a parameter, which may lie in parts; every process has to take part."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    if isinstance(parameter, DTensor):
        value = distribute_tensor(
            value.to(parameter.device), parameter.device_mesh, parameter.placements
        )
    parameter.copy_(value)
