"""Step three: the names of regions, corrected by a model that sees the picture."""

from __future__ import annotations

import re
from typing import Any, Final

from iqa_spider.core import RegionFacts, ReplyError, TextModel
from iqa_spider.dataset.writing.prompts import label_prompt, with_picture
from iqa_spider.tasks import find_categories, parse_answer

__all__ = ["ask_label", "clean_label"]

_NAME: Final = re.compile(r"[a-z]+(?:[ -][a-z]+){0,3}")
_VAGUE: Final = frozenset(
    ("unknown", "region", "area", "object", "thing", "picture", "image", "part")
)


def clean_label(reply: str) -> str | None:
    """The name in a reply, or None if it is none: too long, vague, or a word on place or quality."""
    text = reply.strip().strip(".\"'").lower()
    text = re.sub(r"^(it is |this is )?(the |an |a )?", "", text)
    if not _NAME.fullmatch(text) or text in _VAGUE or len(text) > 40:
        return None
    parsed = parse_answer(text)
    if find_categories(text) or any(parsed.terms) or parsed.whole_image or parsed.level:
        return None
    return text


def ask_label(
    model: TextModel, region: RegionFacts, rle: dict[str, Any], url: str
) -> tuple[str | None, str]:
    """Ask once; returns the name or None, and the raw reply for the transcript."""
    try:
        reply = model.complete([with_picture(label_prompt(region, rle), url)], max_tokens=24)
    except ReplyError as error:
        return None, str(error)
    return clean_label(reply), reply
