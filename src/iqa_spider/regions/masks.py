"""Masks: overlap, partitions, and made-up regions for photos that nobody segmented."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from iqa_spider.core import Mask, Picture

__all__ = ["disc", "iou", "partition", "random_partition", "random_pixel"]


def iou(a: Mask, b: Mask) -> float:
    """Intersection over union; 1.0 where both are empty."""
    union = int(np.count_nonzero(a | b))
    return int(np.count_nonzero(a & b)) / union if union else 1.0


def random_pixel(mask: Mask, rng: np.random.Generator) -> tuple[int, int]:
    """(x, y) of a pixel of the mask, each as likely as any other."""
    rows, columns = np.nonzero(mask)
    pick = int(rng.integers(len(rows)))
    return int(columns[pick]), int(rows[pick])


def disc(shape: tuple[int, int], x: int, y: int) -> Mask:
    """The trivial mask of a click: a disc about it, a third of the picture's short side wide."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    mask: Mask = (rows - y) ** 2 + (columns - x) ** 2 < (min(shape) / 6) ** 2
    return mask


def partition(labels: NDArray[np.integer], min_share: float = 0.02, limit: int = 8) -> list[Mask]:
    """The largest regions of a label map ``int [H, W]``, largest first, each at least ``min_share``."""
    values, counts = np.unique(labels, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:limit]
    return [labels == values[i] for i in order if counts[i] >= min_share * labels.size]


def random_partition(
    picture: Picture, rng: np.random.Generator, regions: int = 5
) -> NDArray[np.uint8]:
    """A label map ``uint8 [H, W]`` of plausible regions.

    Each pixel joins the nearest of a few seeds in a space of position and smoothed colour, with the
    weight of colour drawn at random: from straight-edged cells to regions that follow objects.
    """
    height, width = picture.shape[:2]
    scale = 96 / max(height, width)
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    small = cv2.GaussianBlur(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), (0, 0), 1.5)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32) / 60.0
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32) / max(size) * 3.0
    colour = float(rng.choice([0.0, 0.5, 1.0, 2.0]))
    space = np.dstack([x, y, lab * colour])
    seeds = space[rng.integers(0, size[1], regions), rng.integers(0, size[0], regions)]
    distance = ((space[:, :, None] - seeds) ** 2).sum(-1)
    labels = distance.argmin(-1).astype(np.uint8)
    labels = cv2.medianBlur(labels, 5)
    large = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, np.uint8)
