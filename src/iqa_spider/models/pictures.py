"""What is done to a picture before a model that we did not make sees it: as little as can be."""

from __future__ import annotations

import numpy as np
from PIL import Image

from iqa_spider.core import Picture

__all__ = ["shrink"]


def shrink(picture: Picture, max_side: int | None) -> Picture:
    """``uint8 [H, W, 3]`` with its longer side at most ``max_side``; None leaves it alone.

    Shrinking hides noise, blur and block edges: it is for pictures that would not fit otherwise.
    """
    if max_side is None or max(picture.shape[:2]) <= max_side:
        return picture
    image = Image.fromarray(picture)
    image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    return np.asarray(image)
