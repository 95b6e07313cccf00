"""Step three: the names of regions, corrected by a model that sees the picture."""

from __future__ import annotations

from typing import Any

from iqa_spider.core import RegionFacts, ReplyError, TextModel
from iqa_spider.dataset.renaming import clean_label
from iqa_spider.dataset.writing.prompts import label_prompt, with_picture

__all__ = ["ask_label"]


def ask_label(
    model: TextModel, region: RegionFacts, rle: dict[str, Any], url: str
) -> tuple[str | None, str]:
    """Ask once; returns the name or None, and the raw reply for the transcript."""
    try:
        reply = model.complete([with_picture(label_prompt(region, rle), url)], max_tokens=24)
    except ReplyError as error:
        return None, str(error)
    return clean_label(reply), reply
