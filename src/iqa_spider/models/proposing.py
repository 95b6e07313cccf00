"""Regions of a picture for a backbone that does not divide pictures by itself: the segmenter's.

Any segmenter that takes clicks will do: it is clicked all over, and the best masks that nearly part the
picture are kept, as `pocket` does it for itself. Names are told from the pixels.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from iqa_spider.core import Mask, Picture, Proposes, SeenRegion
from iqa_spider.models.proposals import propose
from iqa_spider.tasks import anchor, appearance, region_name, shrink_mask

__all__ = ["propose_regions"]

_OVERVIEW: Final = 416
"""Side at which colours are looked at: names need no more."""


def propose_regions(session: Proposes, picture: Picture) -> list[SeenRegion]:
    """Regions of ``uint8 [H, W, 3]``, surest first; all of it where the segmenter finds none."""
    masks = [mask for grid in propose(session, []) if (mask := session.enlarge(grid)).any()]
    if not masks:
        masks = [np.ones(picture.shape[:2], bool)]
    small = _small(picture)
    return [SeenRegion(_looks(small, mask), mask, anchor(mask)) for mask in masks]


def _small(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    scale = min(1.0, _OVERVIEW / max(height, width))
    goal = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, goal, interpolation=cv2.INTER_AREA), np.uint8)


def _looks(small: Picture, mask: Mask) -> tuple[str, ...]:
    inside = shrink_mask(mask, *small.shape[:2])
    return tuple(region_name(appearance(small, inside)).split())
