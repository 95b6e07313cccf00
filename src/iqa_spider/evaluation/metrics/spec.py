"""What a metric declares: its name, which way is better, its range, and how items make one figure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["WIDTHS", "Direction", "Metric", "Pool"]


class Direction(StrEnum):
    """Which way a figure is better."""

    HIGHER = "higher"
    LOWER = "lower"


class Pool(StrEnum):
    """How the values of items become one figure.

    An item gives a tuple: ``mean`` (value); ``ratio`` (part, whole), pooled as sum over sum; the
    correlations and ``order`` (predicted, true). ``order`` counts pairs within a photo.
    """

    MEAN = "mean"
    RATIO = "ratio"
    SRCC = "srcc"
    PLCC = "plcc"
    PLCC_4 = "plcc-4"
    PLCC_5 = "plcc-5"
    ORDER = "order"


WIDTHS: Final = {pool: 1 if pool is Pool.MEAN else 2 for pool in Pool}
"""Numbers an item gives for a pool."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; ``range`` is (worst or best possible, the other), both ends inclusive.

    ``compared`` is off for a figure of the questions rather than of the model, which no test may rank.
    """

    name: str
    title: str
    range: tuple[float, float] = (0.0, 1.0)
    direction: Direction = Direction.HIGHER
    pool: Pool = Pool.MEAN
    meaning: str = ""
    compared: bool = True

    def __post_init__(self) -> None:
        if self.range[0] >= self.range[1]:
            raise ValueError(f"metric {self.name}: range {self.range} is empty or inverted")

    @property
    def arrow(self) -> str:
        return "↑" if self.direction is Direction.HIGHER else "↓"

    def check(self, values: tuple[float, ...]) -> tuple[float, ...]:
        """The values of one item if they fit the pool and, for a mean, the range."""
        if len(values) != WIDTHS[self.pool]:
            raise ValueError(
                f"metric {self.name} wants {WIDTHS[self.pool]} numbers an item, not {len(values)}"
            )
        low, high = self.range
        if self.pool is Pool.MEAN and not low - 1e-9 <= values[0] <= high + 1e-9:
            raise ValueError(f"metric {self.name} lies in {low}-{high}, not {values[0]}")
        return values
