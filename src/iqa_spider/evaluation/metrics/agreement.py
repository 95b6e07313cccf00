"""Intra-class correlation: do raters, or a judge and people, give the same scores?

The six forms of Shrout and Fleiss, "Intraclass correlations: uses in assessing rater reliability"
(Psychological Bulletin 86, 1979), from the mean squares of a two-way analysis of variance.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["ICC_FORMS", "icc"]

ICC_FORMS: Final = ("1,1", "2,1", "3,1", "1,k", "2,k", "3,k")
"""Raters at random for each item; the same random raters for all; these raters and no others. One, or k."""


def icc(ratings: NDArray[np.float64], form: str = "2,1") -> float:
    """ICC of ``ratings [items, raters]``; NaN where all scores are alike or there is one item or rater."""
    if form not in ICC_FORMS:
        raise ValueError(f"unknown form {form!r} of ICC; known: {', '.join(ICC_FORMS)}")
    if ratings.ndim != 2 or np.isnan(ratings).any():
        raise ValueError(f"ICC wants complete ratings [items, raters], not {list(ratings.shape)}")
    n, k = ratings.shape
    if n < 2 or k < 2 or np.ptp(ratings) == 0:
        return float("nan")
    items, raters, grand = ratings.mean(1), ratings.mean(0), ratings.mean()
    between = k * ((items - grand) ** 2).sum() / (n - 1)
    judges = n * ((raters - grand) ** 2).sum() / (k - 1)
    within = ((ratings - items[:, None]) ** 2).sum() / (n * (k - 1))
    residual = ratings - items[:, None] - raters + grand
    error = (residual**2).sum() / ((n - 1) * (k - 1))
    model, size = form.split(",")
    one = size == "1"
    top, bottom = {
        "1": (between - within, between + (k - 1) * within * one),
        "2": (
            between - error,
            between + (k - 1) * error + k * (judges - error) / n
            if one
            else between + (judges - error) / n,
        ),
        "3": (between - error, between + (k - 1) * error * one),
    }[model]
    return float(top / bottom) if bottom else float("nan")
