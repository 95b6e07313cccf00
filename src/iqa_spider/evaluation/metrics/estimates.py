"""A figure with its interval, and the difference of two figures with its significance.

Questions about one photo are not independent, so the bootstrap draws photos, never single questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iqa_spider.evaluation.metrics.correlation import (
    correlate,
    fit_logistic,
    weighted_correlation,
)
from iqa_spider.evaluation.metrics.spec import Pool

__all__ = ["Difference", "Estimate", "clustered_mean", "compare", "estimate", "srcc", "statistic"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
_PARAMETERS: Final = {Pool.PLCC_4: 4, Pool.PLCC_5: 5}
_SUMS: Final = (Pool.MEAN, Pool.RATIO, Pool.ORDER)
_CHUNK: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval and the number of items behind it.

    One photo says nothing of others: its interval is NaN.
    """

    value: float
    low: float
    high: float
    items: int

    def __str__(self) -> str:
        return self.told()

    def told(self, factor: float = 1.0, digits: int = 3) -> str:
        """``value [low, high]``; a dash without items, "undefined" where the figure does not exist."""
        if self.items == 0:
            return "-"
        if self.value != self.value:
            return "undefined"
        value, low, high = (f"{x * factor:.{digits}f}" for x in (self.value, self.low, self.high))
        return f"{value} [no interval]" if self.low != self.low else f"{value} [{low}, {high}]"


@dataclass(frozen=True, slots=True)
class Difference:
    """First minus second over the items both have, its 95 % interval and two-sided bootstrap p."""

    value: float
    low: float
    high: float
    p: float
    items: int


def _array(values: Sequence[tuple[float, ...]]) -> Floats:
    array = np.asarray(values, np.float64)
    return array.reshape(len(array), -1)


def _prepare(pool: Pool, values: Floats) -> Floats:
    """Put predictions through the logistic curve once, on all items, where the pool wants it."""
    if pool not in _PARAMETERS:
        return values
    return np.stack([fit_logistic(values[:, 0], values[:, 1], _PARAMETERS[pool]), values[:, 1]], 1)


def _pairs(values: Floats) -> tuple[float, float]:
    """(pairs in the right order, pairs whose truth differs); a tie of predictions is half right."""
    truth = np.sign(values[:, 1][:, None] - values[:, 1])
    said = np.sign(values[:, 0][:, None] - values[:, 0])
    upper = np.triu(truth != 0, 1)
    return float((0.5 + 0.5 * said * truth)[upper].sum()), float(upper.sum())


def _sums(pool: Pool, values: Floats, owner: Integers, count: int) -> tuple[Floats, Floats]:
    """Numerator and denominator of each photo."""
    if pool is Pool.ORDER:
        found = np.array([_pairs(values[owner == c]) for c in range(count)]).reshape(-1, 2)
        return found[:, 0], found[:, 1]
    if pool is Pool.RATIO:
        top, bottom = values[:, 0], values[:, 1]
    else:
        top, bottom = values[:, 0], np.ones(len(values))
    sums = (np.bincount(owner, weights, count) for weights in (top, bottom))
    tops, bottoms = (np.asarray(part, np.float64) for part in sums)
    return tops, bottoms


def _value(pool: Pool, values: Floats, owner: Integers, count: int) -> float:
    if pool not in _SUMS:
        return correlate(pool, values[:, 0], values[:, 1])
    top, bottom = _sums(pool, values, owner, count)
    return float(top.sum() / bottom.sum()) if bottom.sum() else float("nan")


def _draws(count: int, rounds: int, seed: int) -> Iterator[Integers]:
    """Photos drawn with replacement, ``[some rounds, count]`` at a time to bound the memory."""
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // max(count, 1))
    for start in range(0, rounds, step):
        yield rng.integers(0, count, (min(step, rounds - start), count))


def _resample(
    pool: Pool, values: Floats, owner: Integers, count: int, rounds: int, seed: int
) -> Floats:
    """The figure in each round of the bootstrap; NaN rounds are where it does not exist."""
    if pool in _SUMS:
        top, bottom = _sums(pool, values, owner, count)
        parts = [(top[d].sum(1), bottom[d].sum(1)) for d in _draws(count, rounds, seed)]
        tops, bottoms = (np.concatenate([p[i] for p in parts]) for i in (0, 1))
        return np.asarray(np.divide(tops, bottoms, out=np.full(rounds, np.nan), where=bottoms > 0))
    correlation = weighted_correlation(pool, values[:, 0], values[:, 1])
    return np.array([
        correlation(np.bincount(draw, minlength=count)[owner].astype(np.float64))
        for draws in _draws(count, rounds, seed)
        for draw in draws
    ])  # fmt: skip


def _interval(samples: Floats) -> tuple[float, float]:
    known = samples[~np.isnan(samples)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.percentile(known, (2.5, 97.5))
    return float(low), float(high)


def _owners(clusters: Sequence[str], items: int) -> tuple[Integers, int]:
    if items != len(clusters):
        raise ValueError(f"{items} values but {len(clusters)} clusters")
    names, owner = np.unique(np.asarray(clusters), return_inverse=True)
    return np.asarray(owner, np.int64), len(names)


def estimate(
    pool: Pool,
    values: Sequence[tuple[float, ...]],
    clusters: Sequence[str],
    *,
    rounds: int = 1000,
    seed: int = 0,
) -> Estimate:
    """The figure of a pool with its interval; ``clusters`` names the photo of each item."""
    owner, count = _owners(clusters, len(values))
    if not len(values):
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    array = _prepare(pool, _array(values))
    value = _value(pool, array, owner, count)
    if np.isnan(value) or count == 1:
        return Estimate(value, float("nan"), float("nan"), len(values))
    return Estimate(
        value, *_interval(_resample(pool, array, owner, count, rounds, seed)), len(values)
    )


def statistic(
    function: Callable[[Floats], float],
    rows: Floats,
    clusters: Sequence[str],
    *,
    rounds: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Any figure of ``rows [items, columns]`` with its interval, such as an ICC of several raters."""
    owner, count = _owners(clusters, len(rows))
    nan = float("nan")
    value = function(rows) if len(rows) else nan
    if np.isnan(value) or count == 1:
        return Estimate(value, nan, nan, len(rows))
    members = [np.flatnonzero(owner == c) for c in range(count)]
    samples = [
        function(rows[np.concatenate([members[c] for c in draw])])
        for draws in _draws(count, rounds, seed)
        for draw in draws
    ]
    return Estimate(value, *_interval(np.array(samples)), len(rows))


def compare(
    pool: Pool,
    first: Sequence[tuple[float, ...]],
    second: Sequence[tuple[float, ...]],
    clusters: Sequence[str],
    *,
    rounds: int = 2000,
    seed: int = 0,
) -> Difference:
    """Paired bootstrap: both runs are resampled with the same photos in every round.

    p is twice the smaller share of rounds on either side of zero, with one round added to both so
    that it is never 0; two runs with equal values give 1. One photo proves nothing: its p is NaN.
    """
    if len(first) != len(second):
        raise ValueError(f"a paired test wants equal items, not {len(first)} and {len(second)}")
    owner, count = _owners(clusters, len(first))
    nan = float("nan")
    if not len(first):
        return Difference(nan, nan, nan, nan, 0)
    a, b = (_prepare(pool, _array(values)) for values in (first, second))
    value = _value(pool, a, owner, count) - _value(pool, b, owner, count)
    samples = _resample(pool, a, owner, count, rounds, seed) - _resample(
        pool, b, owner, count, rounds, seed
    )
    known = samples[~np.isnan(samples)]
    if np.isnan(value) or not known.size:
        return Difference(value, nan, nan, nan, len(first))
    tail = min(int((known <= 0).sum()), int((known >= 0).sum()))
    p = min(1.0, 2 * (tail + 1) / (len(known) + 1)) if count > 1 else nan
    return Difference(value, *_interval(samples), p, len(first))


def clustered_mean(
    values: Sequence[float], clusters: Sequence[str], *, rounds: int = 1000, seed: int = 0
) -> Estimate:
    """Mean with a percentile interval from resampling whole clusters (photos)."""
    pairs = [(float(value),) for value in values]
    return estimate(Pool.MEAN, pairs, clusters, rounds=rounds, seed=seed)


def srcc(predicted: Sequence[float], truth: Sequence[float], *, rounds: int = 500) -> Estimate:
    """Spearman's rank correlation with its interval, of items that are each of their own photo."""
    pairs = [(float(a), float(b)) for a, b in zip(predicted, truth, strict=True)]
    return estimate(Pool.SRCC, pairs, [str(i) for i in range(len(pairs))], rounds=rounds)
