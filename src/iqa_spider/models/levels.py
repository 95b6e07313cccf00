"""From the five levels' logits to a score, as Q-Align weights them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from iqa_spider.core import LEVELS
from iqa_spider.models.grounding import closed_softmax

__all__ = ["RATING_QUESTION", "score_of_levels"]

RATING_QUESTION: Final = "Rate the quality of this picture."


def score_of_levels(logits: Sequence[float]) -> tuple[float, dict[str, float]]:
    """Score 0-100 and probabilities from the five levels' logits, worst first."""
    shares = closed_softmax(np.asarray(logits, np.float64), 1.0)
    score = float((shares * np.arange(len(LEVELS))).sum() * 100 / (len(LEVELS) - 1))
    return score, {str(level): float(p) for level, p in zip(LEVELS, shares, strict=True)}
