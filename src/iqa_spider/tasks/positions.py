"""Where a region is: positional terms (eq. 1 of the paper) and a point that surely lies inside."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from iqa_spider.core import Box, Mask, Point

__all__ = ["POSITIONS", "anchor", "terms_of"]

POSITIONS: Final = (
    "at the {v} {h}",
    "in the {v} {h}",
    "on the {v} {h}",
    "in the {v} {h} part",
    "in the {v} {h} corner",
    "towards the {v} {h}",
)
"""Phrasings of a position; the vertical term comes first in all of them."""


def terms_of(mask: Mask) -> tuple[str, str]:
    """``(top|bottom, left|right)`` of the centre of the mask's box (eq. 1)."""
    height, width = mask.shape
    return Box.around(mask).terms(width, height)


def anchor(mask: Mask) -> Point:
    """A point well inside the region and near the middle of its box.

    The centre of the box may lie outside a bent region; among the pixels at least half as deep as the
    deepest one, this is the nearest to that centre. Works on a reduced copy of large masks.
    """
    height, width = mask.shape
    scale = min(1.0, 128 / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_AREA)
    if not small.any():
        centre = np.argwhere(mask).mean(0)
        return Point(float(centre[1]), float(centre[0]))
    framed = cv2.copyMakeBorder(small, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    depth = cv2.distanceTransform(framed, cv2.DIST_L2, 3)[1:-1, 1:-1]
    rows, columns = np.nonzero(depth >= 0.5 * depth.max())
    box = Box.around(small > 0).centre
    nearest = ((columns + 0.5 - box.x) ** 2 + (rows + 0.5 - box.y) ** 2).argmin()
    return Point(
        float((columns[nearest] + 0.5) * width / size[0]),
        float((rows[nearest] + 0.5) * height / size[1]),
    )
