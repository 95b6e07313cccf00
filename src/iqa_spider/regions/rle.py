"""COCO run-length encoding with string counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from pycocotools import mask as coco

from iqa_spider.core import Mask, RegionError

__all__ = ["decode_rle", "encode_rle"]


def encode_rle(mask: Mask) -> dict[str, Any]:
    """``bool [H, W]`` -> ``{"size": [H, W], "counts": str}``."""
    encoded = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    counts = encoded["counts"]
    text = counts.decode("ascii") if isinstance(counts, bytes) else counts
    return {"size": [int(side) for side in encoded["size"]], "counts": text}


def decode_rle(rle: dict[str, Any]) -> Mask:
    """Inverse of `encode_rle`; raise `RegionError` if it is not such a mask."""
    try:
        height, width = (int(side) for side in rle["size"])
        counts = rle["counts"].encode("ascii")
        mask: Mask = coco.decode({"size": [height, width], "counts": counts}).astype(bool)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RegionError(f"not a COCO RLE with size and string counts: {error}") from error
    return mask
