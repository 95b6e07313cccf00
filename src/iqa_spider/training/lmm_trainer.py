"""transformers' Trainer with what training a large backbone asks for beyond it.

A rate a group of parameters, a loss over the answer tokens of a whole step, an order of rows that is any
process count's, a stop at a loss that is no number, and checkpoints of what trains alone.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Sampler
from transformers import Trainer
from transformers.trainer_pt_utils import get_length_grouped_indices

from iqa_spider.core import TrainingError
from iqa_spider.models.chat_prompt import Family
from iqa_spider.models.checkpoints import memory_guard
from iqa_spider.training.conversations import IGNORE, SEGMENTS
from iqa_spider.training.lmm_model import load_trained, save_trained, trained_groups
from iqa_spider.training.lmm_recipe import LmmStage
from iqa_spider.training.packing import pack_inputs
from iqa_spider.training.sharding import check_sharding, shard_on_cpu, whole_state

__all__ = ["AlikeSampler", "SpiderTrainer", "last_checkpoint"]


def last_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint that was written whole: the Trainer's own state file is its last."""
    found = [p for p in folder.glob("checkpoint-*") if (p / "trainer_state.json").exists()]
    return str(max(found, key=lambda p: int(p.name.split("-")[1]))) if found else None


def _doubt(folder: Path, step: int) -> str:
    """Set a checkpoint aside whose weights gave no number: a run that went on from it never would."""
    written, aside = folder / f"checkpoint-{step}", folder / f"doubted-{step}"
    try:
        shutil.rmtree(aside, ignore_errors=True)
        os.replace(written, aside)
    except OSError:  # none was due at this step, or another process set it aside
        return ""
    return f"the checkpoint before it is set aside as {aside}; "


class AlikeSampler(Sampler[int]):
    """Rows of like length side by side, in an order that is the epoch's own.

    transformers' sampler draws its order from one running generator, so a run that was resumed in its
    second epoch would see the first one's order again.
    """

    def __init__(self, lengths: list[int], size: int, seed: int) -> None:
        self.lengths, self.size, self.seed, self.epoch = lengths, size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        order = torch.Generator().manual_seed(self.seed * 1000 + self.epoch)
        group: Any = get_length_grouped_indices
        indices: list[int] = group(self.lengths, self.size, generator=order)
        return iter(indices)


class SpiderTrainer(Trainer):
    """Trainer with a rate a group, answers-only loss over all processes, and strict checkpoints."""

    def __init__(self, *args: Any, family: Family, recipe: LmmStage, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.family, self.recipe = family, recipe
        # The loss below is divided by the step's answer tokens already.
        self.model_accepts_loss_kwargs = True

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Pictures and answers of like length meet in a step; the order is that of any process count."""
        size = self.recipe.batch * self.recipe.accumulate * self.args.world_size
        data: Any = self.train_dataset
        return AlikeSampler(data.lengths(), size, self.recipe.seed)

    def create_optimizer(self, model: Any = None) -> Any:
        if self.optimizer is None:
            rates, groups = self.recipe.rates, []
            own: Any = self.model
            for name, named in trained_groups(own, self.family).items():
                for decayed in (True, False):
                    chosen = [p for _, p in named if (p.ndim > 1) == decayed]
                    decay = self.recipe.weight_decay if decayed else 0.0
                    if chosen:
                        rate = getattr(rates, name)
                        groups.append({"params": chosen, "lr": rate, "weight_decay": decay})
            self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.999))
        return self.optimizer

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        inputs = dict(inputs)
        labels = inputs.pop("labels")
        if SEGMENTS in inputs:
            inputs = pack_inputs(self.accelerator.unwrap_model(model).get_base_model(), inputs)
        # Logits of the places before an answer token alone: the vocabulary is the widest layer there is.
        places = (labels[:, 1:] != IGNORE).any(0).nonzero().flatten()
        with memory_guard("a training step"):
            outputs = model(**inputs, logits_to_keep=places, use_cache=False)
            logits = outputs.logits.float().flatten(0, 1)
            wanted = labels[:, places + 1].flatten()
            total = F.cross_entropy(logits, wanted, ignore_index=IGNORE, reduction="sum")
        count = num_items_in_batch if num_items_in_batch is not None else (wanted != IGNORE).sum()
        # DDP averages gradients over processes, while the count is that of all of them together.
        loss = total / count * (self.args.world_size if num_items_in_batch is not None else 1)
        self._refuse_nonsense(loss)
        return (loss, outputs) if return_outputs else loss

    def _refuse_nonsense(self, loss: Tensor) -> None:
        value, step = float(loss.detach()), self.state.global_step
        if math.isfinite(value):
            return
        folder = Path(self.args.output_dir or ".")
        told = _doubt(folder, step)
        last = last_checkpoint(folder)
        kept = f"the last good checkpoint is {last}" if last else "there is no checkpoint before it"
        raise TrainingError(
            f"the loss is {value} at step {step + 1}; {told}{kept}. Lower `rates` or raise `warmup` in the "
            "recipe, and run it again to go on from there"
        )

    def create_accelerator_and_postprocess(self) -> None:
        super().create_accelerator_and_postprocess()
        self.is_fsdp_enabled = shard_on_cpu(self.accelerator) or self.is_fsdp_enabled
        if self.is_fsdp_enabled:
            check_sharding(self.accelerator)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Write what trains; every process has to take part, as each may hold a part of it."""
        model: Any = self.accelerator.unwrap_model(self.model)
        state = whole_state(model) if self.is_fsdp_enabled else None
        if self.args.should_save:
            folder = Path(output_dir or self.args.output_dir or ".")
            folder.mkdir(parents=True, exist_ok=True)
            save_trained(model, folder, state)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        load_trained(self.accelerator.unwrap_model(self.model), Path(resume_from_checkpoint))
