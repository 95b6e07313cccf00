"""Metrics: arrays in, numbers out. Intervals are bootstrapped over photos, not over questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

__all__ = ["Estimate", "clustered_mean", "mask_iou", "srcc"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval and the number of items behind it."""

    value: float
    low: float
    high: float
    items: int

    def __str__(self) -> str:
        if self.items == 0:
            return "-"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def mask_iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Intersection over union, 0-1, higher is better; 1 where both masks are empty."""
    union = np.count_nonzero(a | b)
    return float(np.count_nonzero(a & b) / union) if union else 1.0


def clustered_mean(
    values: Sequence[float], clusters: Sequence[str], *, rounds: int = 1000, seed: int = 0
) -> Estimate:
    """Mean with a percentile interval from resampling whole clusters (photos)."""
    if len(values) != len(clusters):
        raise ValueError(f"{len(values)} values but {len(clusters)} clusters")
    if not values:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    names, owner = np.unique(np.asarray(clusters), return_inverse=True)
    sums = np.bincount(owner, np.asarray(values, float), len(names))
    counts = np.bincount(owner, minlength=len(names))
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(names), (rounds, len(names)))
    means = sums[draws].sum(1) / counts[draws].sum(1)
    low, high = np.percentile(means, (2.5, 97.5))
    return Estimate(float(np.mean(values)), float(low), float(high), len(values))


def srcc(predicted: Sequence[float], truth: Sequence[float], *, rounds: int = 500) -> Estimate:
    """Spearman's rank correlation (one item a photo); NaN where either side is constant."""
    a, b = np.asarray(predicted, float), np.asarray(truth, float)
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return Estimate(float("nan"), float("nan"), float("nan"), len(a))
    rng = np.random.default_rng(0)
    values = []
    for _ in range(rounds):
        pick = rng.integers(0, len(a), len(a))
        if np.ptp(a[pick]) and np.ptp(b[pick]):
            values.append(float(spearmanr(a[pick], b[pick]).statistic))
    low, high = np.percentile(values, (2.5, 97.5))
    return Estimate(float(spearmanr(a, b).statistic), float(low), float(high), len(a))
