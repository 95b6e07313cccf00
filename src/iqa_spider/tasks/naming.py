"""Names for regions that nobody labelled: colour, lightness and size."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from iqa_spider.core import Mask, Picture

__all__ = [
    "COLOURS",
    "SIZES",
    "Appearance",
    "appearance",
    "match_name",
    "region_name",
    "shrink_mask",
]

COLOURS: Final = (
    "black grey white red orange brown yellow green teal blue purple pink beige".split()
)
SIZES: Final = ("small", "", "large")

_HUES: Final = ((8, "red"), (20, "orange"), (34, "yellow"), (82, "green"), (96, "teal"))
_HUES_REST: Final = ((130, "blue"), (150, "purple"), (170, "pink"), (181, "red"))


@dataclass(frozen=True, slots=True)
class Appearance:
    """How a region looks; ``lightness`` is dark, light or nothing, ``size`` small, large or nothing."""

    colour: str
    lightness: str
    size: str


def appearance(picture: Picture, mask: Mask) -> Appearance:
    """Describe the pixels under the mask by their mean colour and their share of the picture."""
    mean = np.clip(picture[mask].reshape(-1, 3).mean(0), 0, 255).astype(np.uint8)
    hue, saturation, value = (
        int(v) for v in cv2.cvtColor(mean[None, None], cv2.COLOR_RGB2HSV)[0, 0]
    )
    share = float(mask.mean())
    size = SIZES[0] if share < 0.05 else SIZES[2] if share > 0.2 else SIZES[1]
    if value < 38:
        return Appearance("black", "", size)
    chroma = int(mean.max()) - int(mean.min())
    if saturation < 34 or chroma < 18:
        if value > 205:
            return Appearance("white", "", size)
        return Appearance("grey", _lightness(value), size)
    return Appearance(_hue_name(hue, saturation, value), _lightness(value), size)


def shrink_mask(mask: Mask, height: int, width: int) -> Mask:
    """The mask ``bool [H, W]`` at the size of a smaller copy of its picture, where looks are told.

    A region too fine for that copy keeps the pixel nearest to its middle, so that it has a colour.
    """
    shares = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    small: Mask = shares > 0.5
    if not small.any():
        y, x = np.argwhere(mask).mean(0) / mask.shape * np.array((height, width))
        small[min(int(y), height - 1), min(int(x), width - 1)] = True
    return small


def _lightness(value: int) -> str:
    return "dark" if value < 95 else "light" if value > 190 else ""


def _hue_name(hue: int, saturation: int, value: int) -> str:
    name = next(name for limit, name in (*_HUES, *_HUES_REST) if hue < limit)
    if name in ("orange", "red", "yellow") and value < 150 and saturation < 190:
        return "brown"
    if name in ("orange", "yellow") and saturation < 90:
        return "beige"
    return name


def region_name(look: Appearance, label: str | None = None) -> str:
    """``"large dark green area"``, or the label where one is known."""
    if label:
        return label
    return " ".join(w for w in (look.size, look.lightness, look.colour, "area") if w)


_SYNONYMS: Final = {
    "upper": "top",
    "above": "top",
    "lower": "bottom",
    "below": "bottom",
    "gray": "grey",
    "big": "large",
    "huge": "large",
    "tiny": "small",
    "little": "small",
    "bright": "light",
    "sky": "blue",
    "grass": "green",
    "sea": "blue",
}


def match_name(name: str, looks: list[tuple[Appearance, tuple[str, str]]]) -> list[float]:
    """How well a free name fits each region, by the words they share; 0 where nothing fits."""
    words = {_SYNONYMS.get(w, w) for w in re.findall(r"[a-z]+", name.lower())}
    scores = []
    for look, terms in looks:
        score = 2.0 * (look.colour in words) + sum(1.5 for term in terms if term in words)
        score += sum(0.7 for word in (look.lightness, look.size) if word and word in words)
        against = words & ({"top", "bottom", "left", "right"} - set(terms))
        scores.append(score - 1.5 * len(against))
    return scores
