"""Models that take and give words alone: regions told in words, and a click from the terms they name.

Their logits are not known, so the click is the middle of the quarter that the text names; a text that
names the whole image gets the whole image, one that names no place gets no mask.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from iqa_spider.core import Box, Mask, Picture, Point, Segmenter, TextPrompted
from iqa_spider.evaluation.bench.items import Reply
from iqa_spider.regions import encode_rle
from iqa_spider.tasks import parse_answer

__all__ = ["TextClicker", "region_hint"]


def region_hint(mask: Mask | None) -> str:
    """The region asked about, in words: a drawn outline would change the picture that is judged."""
    if mask is None:
        return ""
    box = Box.around(mask)
    height, width = mask.shape
    return (
        f"\nThe region meant is the one inside the box ({box}), given as left, top, right, bottom in "
        f"pixels of the picture, which is {width} wide and {height} high."
    )


@dataclass(frozen=True, slots=True)
class TextClicker:
    """Adds point and mask to a reply in words; the mask alone where the segmenter is prompted by words."""

    segmenter: Segmenter

    def describe(self) -> dict[str, Any]:
        return {"click": "middle of the named quarter", "segmenter": self.segmenter.name}

    def ground(self, reply: Reply, picture: Picture) -> Reply:
        """The reply with point and mask, where its text names a place."""
        height, width = picture.shape[:2]
        parsed = parse_answer(reply.text)
        if parsed.whole_image:
            full = encode_rle(np.ones((height, width), bool))
            return replace(reply, whole_image=True, mask=full)
        session = self.segmenter.open(picture)
        if isinstance(session, TextPrompted):
            return replace(reply, mask=encode_rle(session.segment_text(reply.text)[0].mask))
        vertical, horizontal = parsed.terms
        if vertical is None or horizontal is None:
            return reply
        x = width * (0.25 if horizontal == "left" else 0.75)
        y = height * (0.25 if vertical == "top" else 0.75)
        best = session.segment([Point(x, y)])[0]
        return replace(reply, point=(x, y), mask=encode_rle(best.mask))
