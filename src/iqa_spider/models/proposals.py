"""Regions of a picture that a question may be about.

Two sources: spots that share a history (the encoder's dense predictions cluster into regions where the
same things were done), and objects (the segmenter's best masks of a grid of clicks) for what is left.
The first follow damage that crosses objects, the second part what is clean or damaged alike.
"""

from __future__ import annotations

from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from iqa_spider.core import generator

__all__ = ["MAX_REGIONS", "ClickGrid", "histories", "propose"]

MAX_REGIONS: Final = 8
SMALLEST: Final = 0.015
CLUSTERS: Final = 7
ALIKE: Final = 0.3
"""Clusters whose signatures differ by less (root mean square over twelve categories x 2) are one."""

THERE: Final = 0.35
WHOLE: Final = 0.7
"""A shared history over more of the picture than this is the picture's, not a region's."""

Floats = NDArray[np.float32]


class ClickGrid(Protocol):
    """What is needed of a segmenter's session: masks and scores of clicks in unit coordinates."""

    def click_grid(self, points: NDArray[np.float64]) -> tuple[Floats, Floats]: ...


def _clusters(signature: Floats) -> NDArray[np.int32]:
    """Cluster cells by signature ``[C, h, w]`` -> labels ``[h, w]``; near clusters are merged."""
    count, height, width = signature.shape
    rows = np.ascontiguousarray(signature.reshape(count, -1).T, np.float32)
    wanted = min(CLUSTERS, len(rows))
    rng = generator("clusters", height, width)
    # A fixed start: OpenCV's own would depend on how often it was called before.
    start = rng.integers(0, wanted, (len(rows), 1)).astype(np.int32)
    spread = np.argsort(rows.sum(1), kind="stable")
    start[spread, 0] = (np.arange(len(rows)) * wanted // len(rows)).astype(np.int32)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 25, 1e-3)
    _, labels, centres = cv2.kmeans(rows, wanted, start, stop, 1, cv2.KMEANS_USE_INITIAL_LABELS)
    names = np.arange(wanted)
    for a in range(wanted):
        for b in range(a):
            if np.linalg.norm(centres[a] - centres[b]) < ALIKE:
                names[names == names[a]] = names[b]
    return np.asarray(names[labels[:, 0]].reshape(height, width), np.int32)


def histories(presence: Floats, severity: Floats) -> list[Floats]:
    """Regions with one history, from maps ``[12, h, w]``: masks ``float32 [h, w]``, largest first.

    Cells without a distortion form no region here.
    """
    signature = np.concatenate([presence, 0.5 * presence * severity / 5])
    smooth = np.stack([cv2.blur(layer, (3, 3)) for layer in signature]).astype(np.float32)
    labels = _clusters(smooth)
    found = []
    for value in np.unique(labels):
        cells = cv2.morphologyEx(
            (labels == value).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)
        )
        count, parts = cv2.connectedComponents(cells, connectivity=4)
        for part in range(1, count):
            mask = parts == part
            share = float(mask.mean())
            if not SMALLEST <= share <= WHOLE:
                continue
            if presence[:, mask].mean(1).max() >= THERE:
                found.append(mask.astype(np.float32))
    return sorted(found, key=lambda mask: -float(mask.sum()))[: MAX_REGIONS - 2]


def propose(
    session: ClickGrid, taken: list[Floats], columns: int = 8, rows: int = 6
) -> list[Floats]:
    """Regions that nearly part the picture: those ``taken``, best masks of a grid of clicks, the rest.

    Returns probabilities on the segmenter's grid. A mask joins if most of it is still free, so that
    one region does not enter twice in slightly different shapes.
    """
    x, y = np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows)
    masks, scores = session.click_grid(np.stack([x.ravel(), y.ravel()], 1))
    best = scores.argmax(1)
    pick = np.arange(len(best))
    masks, scores = masks[pick, best], scores[pick, best]
    size = (masks.shape[2], masks.shape[1])
    found = [np.asarray(cv2.resize(mask, size), np.float32) for mask in taken]
    free = np.ones(masks.shape[1:], bool)
    for mask in found:
        free &= mask < 0.5
    for index in np.argsort(-scores):
        mask = masks[index] > 0.5
        if len(found) >= MAX_REGIONS or mask.mean() < SMALLEST:
            continue
        fresh = mask & free
        if fresh.sum() < 0.65 * mask.sum():
            continue
        found.append(np.where(free, masks[index], 0).astype(np.float32))
        free &= ~mask
    return found + _remainder(free, MAX_REGIONS - len(found))


def _remainder(free: NDArray[np.bool_], limit: int) -> list[Floats]:
    """Connected pieces of what no mask took, at least 4 % of the picture each."""
    opened = cv2.morphologyEx(free.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    order = sorted(range(1, count), key=lambda i: -int(stats[i, cv2.CC_STAT_AREA]))
    large = [i for i in order if stats[i, cv2.CC_STAT_AREA] >= 0.04 * free.size]
    return [(labels == i).astype(np.float32) for i in large[: max(0, limit)]]
