"""Rank and linear correlation, and the logistic curves that the field fits before the latter.

A correlation with a constant side, or of fewer than three items, does not exist: NaN, never 0.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.special import expit
from scipy.stats import rankdata

from iqa_spider.evaluation.metrics.spec import Pool

__all__ = ["correlate", "fit_logistic", "plcc_value", "srcc_value", "weighted_correlation"]

Floats = NDArray[np.float64]


def plcc_value(predicted: Floats, truth: Floats) -> float:
    """Pearson's linear correlation."""
    if len(predicted) < 3 or np.ptp(predicted) == 0 or np.ptp(truth) == 0:
        return float("nan")
    a, b = predicted - predicted.mean(), truth - truth.mean()
    return float((a @ b) / np.sqrt((a @ a) * (b @ b)))


def srcc_value(predicted: Floats, truth: Floats) -> float:
    """Spearman's rank correlation; ties share their mean rank."""
    if len(predicted) < 3:
        return float("nan")
    return plcc_value(rankdata(predicted), rankdata(truth))


def _four(x: Floats, top: float, bottom: float, middle: float, slope: float) -> Floats:
    return np.asarray(bottom + (top - bottom) * expit((x - middle) / (abs(slope) + 1e-9)))


def _five(
    x: Floats, height: float, slope: float, middle: float, line: float, base: float
) -> Floats:
    return np.asarray(height * (expit(slope * (x - middle)) - 0.5) + line * x + base)


def fit_logistic(predicted: Floats, truth: Floats, parameters: int) -> Floats:
    """Predictions on the scale of the truth, through a logistic curve of 4 or 5 parameters.

    Four: the monotone curve of VQEG; five: that of Sheikh et al. (IEEE TIP 2006), a logistic and a line.
    NaN throughout where no curve can be fitted.
    """
    if parameters not in (4, 5):
        raise ValueError(f"a logistic curve has 4 or 5 parameters here, not {parameters}")
    if len(predicted) < parameters + 1 or np.ptp(predicted) == 0 or np.ptp(truth) == 0:
        return np.full(len(predicted), np.nan)
    x = (predicted - predicted.mean()) / predicted.std()
    sign = 1.0 if plcc_value(x, truth) >= 0 else -1.0
    ends = (float(truth.max()), float(truth.min()))
    top, bottom = ends if sign > 0 else ends[::-1]
    curve, start = (
        (_four, [top, bottom, 0.0, 0.5])
        if parameters == 4
        else (_five, [sign * np.ptp(truth), 1.0, 0.0, 0.0, float(truth.mean())])
    )
    try:
        with warnings.catch_warnings():
            # The covariance of the parameters, which is not used, may not exist.
            warnings.simplefilter("ignore", OptimizeWarning)
            found, _ = curve_fit(curve, x, truth, p0=start, maxfev=20000)
    except RuntimeError:
        return np.full(len(predicted), np.nan)
    return curve(x, *found)


def correlate(pool: Pool, predicted: Floats, truth: Floats) -> float:
    """The correlation of a pool; fitted ones take predictions that `fit_logistic` has put through."""
    return srcc_value(predicted, truth) if pool is Pool.SRCC else plcc_value(predicted, truth)


def weighted_correlation(pool: Pool, predicted: Floats, truth: Floats) -> Callable[[Floats], float]:
    """`correlate` of the items, each as many times as its weight (a whole number) says.

    Sorted once for all weights: a round of the bootstrap costs a tenth of ranking its items anew.
    """
    if pool is not Pool.SRCC:
        return lambda weights: _weighted_plcc(predicted, truth, weights)
    groups = [np.unique(side, return_inverse=True)[1] for side in (predicted, truth)]

    def ranked(weights: Floats) -> float:
        sizes = [np.bincount(group, weights) for group in groups]
        # The mean rank of the members of a tie.
        a, b = (
            (np.cumsum(size) - (size - 1) / 2)[group]
            for size, group in zip(sizes, groups, strict=True)
        )
        return _weighted_plcc(a, b, weights)

    return ranked


def _weighted_plcc(a: Floats, b: Floats, weights: Floats) -> float:
    there = weights > 0
    total = weights.sum()
    if total < 3 or np.ptp(a[there]) == 0 or np.ptp(b[there]) == 0:
        return float("nan")
    a, b = a - (weights @ a) / total, b - (weights @ b) / total
    weighed = weights * a
    return float((weighed @ b) / np.sqrt((weighed @ a) * (weights @ (b * b))))
