"""Overlap of masks ``bool [H, W]``. The union of two empty masks is empty: they agree, IoU is 1."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["ciou", "giou", "mask_iou", "overlap"]

Masks = Iterable[tuple[NDArray[np.bool_], NDArray[np.bool_]]]


def overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> tuple[int, int]:
    """Pixels of the intersection and of the union."""
    if a.shape != b.shape:
        raise ValueError(f"masks differ in size: {list(a.shape)} and {list(b.shape)}")
    return int(np.count_nonzero(a & b)), int(np.count_nonzero(a | b))


def mask_iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Intersection over union, 0-1, higher is better; 1 where both masks are empty."""
    inter, union = overlap(a, b)
    return inter / union if union else 1.0


def giou(pairs: Masks) -> float:
    """Mean of the IoU of each pair (gIoU of LISA and PixelLM; also called mIoU). NaN without pairs."""
    values = [mask_iou(a, b) for a, b in pairs]
    return float(np.mean(values)) if values else float("nan")


def ciou(pairs: Masks) -> float:
    """Sum of intersections over sum of unions: large regions count most. NaN if all unions are empty."""
    sums = np.array([overlap(a, b) for a, b in pairs]).reshape(-1, 2).sum(0)
    return float(sums[0] / sums[1]) if sums[1] else float("nan")
