"""Training of large backbones by transformers' Trainer: one process, or many under ``accelerate launch``.

The loss is the mean over all answer tokens of a step, over all processes and accumulated batches, so that the
same recipe gives the same curve on any number of processes. A run that was killed goes on from its last
checkpoint. A loss that is no number stops the run before the weights take it in.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Sampler
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_pt_utils import get_length_grouped_indices

from iqa_spider.core import TrainingError
from iqa_spider.models.chat_prompt import FAMILIES, Family, load_prompt
from iqa_spider.models.checkpoints import LoadOptions, load_checkpoint, locate, memory_guard
from iqa_spider.training.conversations import (
    IGNORE,
    Collator,
    Conversations,
    Mixture,
    read_dialogues,
)
from iqa_spider.training.lmm_card import write_card
from iqa_spider.training.lmm_model import load_trained, prepare, save_trained, trained_groups
from iqa_spider.training.lmm_recipe import LmmStage

__all__ = ["SpiderTrainer", "build_trainer", "train_lmm"]


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
        if not math.isfinite(float(loss.detach())):
            last = _last(Path(self.args.output_dir or "."))
            kept = (
                f"the last good checkpoint is {last}" if last else "no checkpoint was due before it"
            )
            raise TrainingError(
                f"the loss is {float(loss.detach())} at step {self.state.global_step + 1}; {kept}. Lower "
                "`rates` or raise `warmup` in the recipe, and run it again to go on from there"
            )

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        if self.args.should_save:
            folder = Path(output_dir or self.args.output_dir or ".")
            folder.mkdir(parents=True, exist_ok=True)
            save_trained(self.accelerator.unwrap_model(self.model), folder)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        load_trained(self.accelerator.unwrap_model(self.model), Path(resume_from_checkpoint))


def _arguments(recipe: LmmStage) -> TrainingArguments:
    many = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return TrainingArguments(
        output_dir=str(recipe.out),
        per_device_train_batch_size=recipe.batch,
        gradient_accumulation_steps=recipe.accumulate,
        num_train_epochs=recipe.epochs,
        max_steps=recipe.steps or -1,
        learning_rate=recipe.rates.language,
        lr_scheduler_type="cosine",
        warmup_steps=recipe.warmup,
        max_grad_norm=recipe.clip,
        seed=recipe.seed,
        data_seed=recipe.seed,
        logging_steps=1,
        save_strategy="steps",
        save_steps=recipe.save_every,
        save_total_limit=recipe.keep,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_num_workers=recipe.workers,
        dataloader_pin_memory=torch.cuda.is_available(),
        bf16=_sixteen(recipe),
        use_cpu=not torch.cuda.is_available(),
        ddp_backend="gloo" if many and not torch.cuda.is_available() else None,
        logging_nan_inf_filter=False,
        ddp_find_unused_parameters=False,
    )


def _sixteen(recipe: LmmStage) -> bool:
    if recipe.dtype == "auto":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return recipe.dtype == "bfloat16"


def _last(folder: Path) -> str | None:
    """The newest checkpoint that was written whole: the Trainer's own state file is its last."""
    found = [p for p in folder.glob("checkpoint-*") if (p / "trainer_state.json").exists()]
    return str(max(found, key=lambda p: int(p.name.split("-")[1]))) if found else None


def build_trainer(recipe: LmmStage, callbacks: Sequence[TrainerCallback] = ()) -> SpiderTrainer:
    """Model, data and Trainer of a recipe.

    Raises:
        CheckpointError, DatasetError: what the recipe names is not there or does not fit.
    """
    from transformers import AutoConfig, AutoModelForImageTextToText

    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    where = locate(recipe.base, "base:")
    config = AutoConfig.from_pretrained(where)
    prompt = load_prompt(where, config)
    parts = [Mixture(part.file, part.images, part.repeat) for part in recipe.data]
    data = Conversations(
        read_dialogues(parts, recipe.seed),
        prompt,
        max_tokens=recipe.max_tokens,
        max_side=recipe.max_side,
    )
    dtype = "bfloat16" if _sixteen(recipe) else "float32"
    # Trainer moves the model itself, each process to its own device.
    options = LoadOptions(dtype=dtype, device="cpu", attention=recipe.attention)
    base = load_checkpoint(
        AutoModelForImageTextToText.from_pretrained, recipe.base, "base:", options
    )
    family = FAMILIES[config.model_type]
    model = prepare(
        base,
        family,
        rank=recipe.rank,
        alpha=recipe.alpha,
        dropout=recipe.dropout,
        full=recipe.train_vision,
    )
    if recipe.checkpointing:
        _checkpoint(base)
    padding = prompt.tokenizer.pad_token_id
    return SpiderTrainer(
        model=model,
        args=_arguments(recipe),
        train_dataset=data,
        data_collator=Collator(prompt.tokenizer.eos_token_id if padding is None else padding),
        callbacks=list(callbacks),
        family=family,
        recipe=recipe,
    )


def _checkpoint(model: Any) -> None:
    """Recompute activations in the backward pass; transformers renamed the switch within version 5.

    Not reentrant: the reentrant kind drops the gradients of layers whose inputs need none, which is every
    layer behind frozen embeddings.
    """
    new = getattr(model, "activation_checkpointing_enable", None)
    (new or model.gradient_checkpointing_enable)({"use_reentrant": False})


def train_lmm(recipe: LmmStage, callbacks: Sequence[TrainerCallback] = ()) -> dict[str, float]:
    """Train, or go on; writes ``adapter/``, ``log.jsonl`` and a model card into the run folder."""
    trainer = build_trainer(recipe, callbacks)
    start = time.monotonic()
    trainer.train(resume_from_checkpoint=_last(recipe.out))
    trainer.accelerator.wait_for_everyone()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    figures = {
        "steps": float(trainer.state.global_step),
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "minutes": (time.monotonic() - start) / 60,
    }
    if trainer.is_world_process_zero():
        trainer._save(str(recipe.out / "adapter"))
        rows = "".join(json.dumps(row) + "\n" for row in trainer.state.log_history)
        temporary = recipe.out / "log.tmp"
        temporary.write_text(rows)
        os.replace(temporary, recipe.out / "log.jsonl")
        write_card(trainer, recipe, figures)
    return figures
