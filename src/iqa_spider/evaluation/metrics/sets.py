"""Comparison of named sets, such as the distortions of a region."""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["exact", "f1", "precision_recall"]


def exact(found: Collection[str], true: Collection[str]) -> float:
    """1 if both hold the same names, whatever their order; else 0."""
    return float(set(found) == set(true))


def precision_recall(
    found: Collection[str], true: Collection[str]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """``(hits, found)`` and ``(hits, true)``: summed over items they are micro-averaged."""
    hits = float(len(set(found) & set(true)))
    return (hits, float(len(set(found)))), (hits, float(len(set(true))))


def f1(found: Collection[str], true: Collection[str]) -> float:
    """Harmonic mean of precision and recall of one item; 1 where both sets are empty."""
    total = len(set(found)) + len(set(true))
    return 2 * len(set(found) & set(true)) / total if total else 1.0
