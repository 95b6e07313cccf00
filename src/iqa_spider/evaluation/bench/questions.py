"""The questions of a benchmark for models that run elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from iqa_spider.evaluation.bench.items import Item
from iqa_spider.evaluation.examinees.formats import picture_name
from iqa_spider.evaluation.examinees.texts import region_hint
from iqa_spider.evaluation.store import write_lines

__all__ = ["write_questions"]


def write_questions(items: Sequence[Item], data: Path, out: Path, *, copies: bool = False) -> Path:
    """``questions.jsonl`` in LLaVA's form (question_id, image, text) with no answer in it.

    ``copies`` puts a picture named by its item for every question into ``pictures/``: some scripts name
    what they write by the picture alone, and several questions share one.
    """
    rows = []
    for item in items:
        image = item.image
        if copies:
            image = f"pictures/{picture_name(item)}{Path(item.image).suffix}"
            (out / "pictures").mkdir(parents=True, exist_ok=True)
            shutil.copyfile(data / item.image, out / image)
        text = item.question + region_hint(item.region_mask())
        rows.append({"question_id": item.id, "image": image, "text": text, "mask": item.wants_mask})
    write_lines(out / "questions.jsonl", rows)
    return out / "questions.jsonl"
