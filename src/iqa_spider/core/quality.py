"""The vocabulary of quality: categories, functions, severities, accumulations and levels.

The taxonomy (12 categories, 35 functions, 5 severities) is that of DQ-495K, which the IQA-Spider
paper adopts; the orders that a viewer can tell apart are its Table 8.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from iqa_spider.core.errors import ConfigError

__all__ = [
    "CATEGORIES",
    "FUNCTIONS",
    "LEVELS",
    "MAX_SEVERITY",
    "ORDERS",
    "SEVERITY_WORDS",
    "Accumulation",
    "Category",
    "Distortion",
    "Level",
    "level_of_score",
]


class Category(StrEnum):
    """The twelve distortion categories; the value is the name used in every file we write."""

    BLUR = "blur"
    NOISE = "noise"
    COMPRESSION = "compression"
    BRIGHTEN = "brighten"
    DARKEN = "darken"
    CONTRAST_STRENGTHEN = "contrast strengthen"
    CONTRAST_WEAKEN = "contrast weaken"
    SATURATE_STRENGTHEN = "saturate strengthen"
    SATURATE_WEAKEN = "saturate weaken"
    OVERSHARPEN = "oversharpen"
    PIXELATE = "pixelate"
    QUANTIZATION = "quantization"


CATEGORIES: Final = tuple(Category)
MAX_SEVERITY: Final = 5

_BY_CATEGORY: Final = {
    Category.BLUR: "gaussian motion glass lens zoom jitter",
    Category.NOISE: "gaussian_rgb gaussian_ycrcb speckle spatially_correlated poisson impulse",
    Category.COMPRESSION: "jpeg jpeg_2000",
    Category.BRIGHTEN: "shift_hsv shift_rgb gamma_hsv gamma_rgb",
    Category.DARKEN: "shift_hsv shift_rgb gamma_hsv gamma_rgb",
    Category.CONTRAST_STRENGTHEN: "scale stretch",
    Category.CONTRAST_WEAKEN: "scale stretch",
    Category.SATURATE_STRENGTHEN: "hsv ycrcb",
    Category.SATURATE_WEAKEN: "hsv ycrcb",
    Category.OVERSHARPEN: "",
    Category.PIXELATE: "",
    Category.QUANTIZATION: "otsu median histogram",
}


def _function_names() -> dict[str, Category]:
    names: dict[str, Category] = {}
    for category, methods in _BY_CATEGORY.items():
        stem = category.value.replace(" ", "_")
        for method in methods.split() or [""]:
            names[f"{stem}_{method}".rstrip("_")] = category
    return names


FUNCTIONS: Final = _function_names()
"""The 35 functions, e.g. ``blur_gaussian``, ``contrast_weaken_scale``, ``pixelate`` -> category."""

SEVERITY_WORDS: Final = ("faint", "mild", "moderate", "strong", "severe")
"""Words for severities 1 to 5, in order."""

ORDERS: Final[dict[Category, frozenset[Category]]] = {
    Category.BLUR: frozenset({Category.COMPRESSION, Category.NOISE}),
    Category.COMPRESSION: frozenset({Category.BLUR, Category.NOISE}),
    Category.CONTRAST_WEAKEN: frozenset({Category.NOISE}),
    Category.NOISE: frozenset(
        {
            Category.BLUR,
            Category.COMPRESSION,
            Category.CONTRAST_WEAKEN,
            Category.PIXELATE,
            Category.SATURATE_WEAKEN,
        }
    ),
    Category.PIXELATE: frozenset({Category.NOISE}),
    Category.SATURATE_WEAKEN: frozenset({Category.NOISE}),
}
"""Table 8: first distortion -> the second ones that can be told apart from the reverse order."""


@dataclass(frozen=True, slots=True, order=True)
class Distortion:
    """One distortion function at one severity (1 = faint ... 5 = severe)."""

    function: str
    severity: int

    def __post_init__(self) -> None:
        if self.function not in FUNCTIONS:
            raise ConfigError(
                f"unknown distortion function {self.function!r}; known: {', '.join(FUNCTIONS)}"
            )
        if not 1 <= self.severity <= MAX_SEVERITY:
            raise ConfigError(f"severity of {self.function} must be 1 to 5, not {self.severity}")

    @property
    def category(self) -> Category:
        return FUNCTIONS[self.function]


@dataclass(frozen=True, slots=True)
class Accumulation:
    """One distortion, or two in the order they are applied; the pair must stand in Table 8."""

    distortions: tuple[Distortion, ...]

    def __post_init__(self) -> None:
        if len(self.distortions) not in (1, 2):
            raise ConfigError(
                f"an accumulation has 1 or 2 distortions, not {len(self.distortions)}"
            )
        if len(self.distortions) == 2:
            first, second = self.categories
            if second not in ORDERS.get(first, frozenset()):
                raise ConfigError(
                    f"{first} then {second} is not an order a viewer can tell apart (Table 8)"
                )

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, int]]) -> Self:
        """Build from ``(function, severity)`` pairs, as stored in recipes."""
        return cls(tuple(Distortion(name, severity) for name, severity in pairs))

    @property
    def categories(self) -> tuple[Category, ...]:
        return tuple(d.category for d in self.distortions)

    @property
    def total_severity(self) -> int:
        """Cumulative intensity, the quantity that HyD-G ranks regions by."""
        return sum(d.severity for d in self.distortions)


class Level(StrEnum):
    """Five quality levels, worst first, as in Q-Align and ITU-R BT.500."""

    BAD = "bad"
    POOR = "poor"
    FAIR = "fair"
    GOOD = "good"
    EXCELLENT = "excellent"


LEVELS: Final = tuple(Level)


def level_of_score(score: float) -> Level:
    """The level nearest to a score in 0-100; the levels stand at 0, 25, 50, 75 and 100.

    They stand where the softmax over the level words puts them, so that word and score agree.
    """
    if not 0.0 <= score <= 100.0:
        raise ConfigError(f"a score lies in 0-100, not {score}")
    return LEVELS[int(score / 25 + 0.5)]
