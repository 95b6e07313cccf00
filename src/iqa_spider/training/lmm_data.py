"""A mix written for trainers that have a backbone which transformers lacks, such as Phi-3.5-Vision.

One file in the messages layout that ms-swift and LLaMA-Factory read: ``{"messages": [{"role", "content"}],
"images": [path]}``, the picture's mark first in the first question.
"""

from __future__ import annotations

import json
import os

from iqa_spider.training.conversations import Mixture, read_dialogues
from iqa_spider.training.lmm_recipe import DataStage

__all__ = ["export_mix"]


def export_mix(recipe: DataStage) -> dict[str, float]:
    """Write ``mix.jsonl`` into the run folder; returns how many dialogues it holds."""
    parts = [Mixture(part.file, part.images, part.repeat) for part in recipe.data]
    dialogues = read_dialogues(parts, recipe.seed)
    recipe.out.mkdir(parents=True, exist_ok=True)
    path = recipe.out / "mix.jsonl"
    with path.with_suffix(".tmp").open("w", encoding="utf-8") as file:
        for dialogue in dialogues:
            turns = [{"role": role, "content": text} for role, text in dialogue.turns]
            turns[0]["content"] = "<image>" + turns[0]["content"]
            row = {"messages": turns, "images": [str(dialogue.image.resolve())]}
            file.write(json.dumps(row) + "\n")
    os.replace(path.with_suffix(".tmp"), path)
    return {"dialogues": float(len(dialogues))}
