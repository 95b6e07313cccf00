"""How a region is told to a chat model: by the coordinates of its box, in the numbers it was trained on.

Drawing the box would paint over the very pixels whose quality is asked about and would make each question a
picture of its own; a crop would lose the surroundings and cost a second picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from iqa_spider.core import Box

__all__ = ["BOX_STYLES", "BoxStyle", "refer"]

Size = tuple[int, int]
Sides = tuple[float, float, float, float]
"""x0, y0, x1, y1 in fractions of the picture."""

BoxStyle = Callable[[Sides, Size], str]
"""From a box and the (width, height) that the model sees to its text."""


def _thousandths(box: Sides, size: Size) -> str:
    return "[" + ", ".join(str(round(side * 1000)) for side in box) + "]"


def _pixels(box: Sides, size: Size) -> str:
    sides = zip(box, (*size, *size), strict=True)
    return "[" + ", ".join(str(round(side * length)) for side, length in sides) + "]"


def _fractions(box: Sides, size: Size) -> str:
    return "[" + ", ".join(f"{side:.2f}" for side in box) + "]"


BOX_STYLES: Final[Mapping[str, BoxStyle]] = {
    "thousandths": _thousandths,
    "pixels": _pixels,
    "fractions": _fractions,
}
"""``thousandths`` is Qwen3-VL's, ``pixels`` (of the picture as the model sees it) is Qwen2.5-VL's."""


def refer(question: str, box: Box, picture: Size, seen: Size, style: BoxStyle) -> str:
    """The question with the box it refers to; ``picture`` and ``seen`` are (width, height)."""
    width, height = picture
    sides = (box.x0 / width, box.y0 / height, box.x1 / width, box.y1 / height)
    return f"{question} The region in question is the box {style(sides, seen)}."
