"""Training of large backbones by transformers' Trainer: one process, or many under ``accelerate launch``.

The loss is the mean over all answer tokens of a step, over all processes and accumulated batches, so that the
same recipe gives the same curve on any number of processes. A run that was killed goes on from its last
checkpoint. A loss that is no number stops the run before the weights take it in.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from typing import Any

import torch
from transformers import TrainerCallback, TrainingArguments

from iqa_spider.models.chat_prompt import FAMILIES, load_prompt
from iqa_spider.models.checkpoints import LoadOptions, load_checkpoint, locate
from iqa_spider.training.conversations import Collator, Conversations, Mixture, read_dialogues
from iqa_spider.training.lmm_card import write_card
from iqa_spider.training.lmm_model import prepare
from iqa_spider.training.lmm_recipe import LmmStage
from iqa_spider.training.lmm_trainer import SpiderTrainer, last_checkpoint
from iqa_spider.training.packing import check_attention, group

__all__ = ["build_trainer", "train_lmm"]


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
        group(read_dialogues(parts, recipe.seed), recipe.pack, recipe.max_tokens),
        prompt,
        max_tokens=recipe.max_tokens,
        max_side=recipe.max_side,
        packed=recipe.pack > 1,
    )
    dtype = "bfloat16" if _sixteen(recipe) else "float32"
    # Trainer moves the model itself, each process to its own device.
    options = LoadOptions(dtype=dtype, device="cpu", attention=recipe.attention)
    base = load_checkpoint(
        AutoModelForImageTextToText.from_pretrained, recipe.base, "base:", options
    )
    if recipe.pack > 1:
        check_attention(base)
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
    trainer.train(resume_from_checkpoint=last_checkpoint(recipe.out))
    trainer.accelerator.wait_for_everyone()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    figures = {
        "steps": float(trainer.state.global_step),
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "minutes": (time.monotonic() - start) / 60,
    }
    trainer.save_model(str(recipe.out / "adapter"))
    if trainer.is_world_process_zero():
        rows = "".join(json.dumps(row) + "\n" for row in trainer.state.log_history)
        temporary = recipe.out / "log.tmp"
        temporary.write_text(rows)
        os.replace(temporary, recipe.out / "log.jsonl")
        write_card(trainer, recipe, figures)
    return figures
