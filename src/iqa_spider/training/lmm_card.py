"""The model card of a run, written from the run itself."""

from __future__ import annotations

from typing import Any

from iqa_spider.training.lmm_model import trained_groups
from iqa_spider.training.lmm_recipe import LmmStage

__all__ = ["write_card"]


def write_card(trainer: Any, recipe: LmmStage, figures: dict[str, float]) -> None:
    """``adapter/README.md``: base, data, what trained at which rate, losses, time."""
    rates = recipe.rates.model_dump()
    groups = trained_groups(trainer.model, trainer.family)
    parts = [
        f"| {name} | {sum(p.numel() for _, p in named):,} | {rates[name]:g} |"
        for name, named in groups.items()
        if named
    ]
    sources = [f"| {p.file.name} | {p.repeat:g} |" for p in recipe.data]
    step = recipe.batch * recipe.accumulate * trainer.args.world_size
    packed = f"sequences of up to {recipe.pack} dialogues about one picture"
    rows = packed if recipe.pack > 1 else "dialogues"
    lines = [
        f"# Adapter for {recipe.base}",
        "",
        "Use: `iqa-spider ask PICTURE QUESTION --model hf:BASE --adapter THIS_FOLDER`. `full.safetensors` "
        "holds the modules that trained in full: tools that read PEFT's files alone leave them out, so merge "
        "first (`iqa-spider merge`) to serve the model elsewhere.",
        "",
        "| part | parameters that trained | learning rate |",
        "|---|---|---|",
        *parts,
        "",
        f"LoRA rank {recipe.rank}, alpha {recipe.alpha}, dropout {recipe.dropout:g}; loss on answer tokens "
        f"alone; {figures['steps']:.0f} steps of {step} {rows} in {figures['minutes']:.1f} minutes on "
        f"{trainer.args.world_size} process(es); loss {figures['first_loss']:.4f} at the first step, "
        f"{figures['last_loss']:.4f} at the last; seed {recipe.seed}.",
        "",
        f"Data, {len(trainer.train_dataset):,} {rows} an epoch:",
        "",
        "| file | times each row comes |",
        "|---|---|",
        *sources,
        "",
        "The licences of the base model and of the data hold for the result. Nothing is claimed here about its "
        "quality: measure it before use.",
    ]
    (recipe.out / "adapter" / "README.md").write_text("\n".join(lines) + "\n")
