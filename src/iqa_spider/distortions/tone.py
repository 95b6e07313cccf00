"""Brightness and contrast. Curves act through 256-entry tables, so they cost next to nothing."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from iqa_spider.core import Picture

__all__ = ["contrast_scale", "contrast_stretch", "gamma_hsv", "gamma_rgb", "shift_hsv", "shift_rgb"]

Distort = Callable[[Picture, int, np.random.Generator], Picture]
RAMP = np.arange(256, dtype=np.float64)
SHIFTS = (22, 38, 56, 78, 105)
GAMMAS = (1.3, 1.6, 2.0, 2.6, 3.6)


def _table(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _on_rgb(picture: Picture, table: NDArray[np.uint8]) -> Picture:
    return cv2.LUT(picture, table).astype(np.uint8)


def _on_value(picture: Picture, table: NDArray[np.uint8]) -> Picture:
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
    hsv[..., 2] = cv2.LUT(np.ascontiguousarray(hsv[..., 2]), table)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.uint8)


def shift_rgb(sign: int) -> Distort:
    """Add a constant to R, G and B."""
    return lambda picture, severity, rng: _on_rgb(
        picture, _table(RAMP + sign * SHIFTS[severity - 1])
    )


def shift_hsv(sign: int) -> Distort:
    """Add a constant to V of HSV."""
    return lambda picture, severity, rng: _on_value(
        picture, _table(RAMP + sign * SHIFTS[severity - 1])
    )


def _gamma(sign: int, severity: int) -> NDArray[np.uint8]:
    exponent = GAMMAS[severity - 1] ** (-sign)
    return _table(255 * (RAMP / 255) ** exponent)


def gamma_rgb(sign: int) -> Distort:
    """Gamma on R, G and B; sign +1 brightens, -1 darkens."""
    return lambda picture, severity, rng: _on_rgb(picture, _gamma(sign, severity))


def gamma_hsv(sign: int) -> Distort:
    """Gamma on V of HSV."""
    return lambda picture, severity, rng: _on_value(picture, _gamma(sign, severity))


def contrast_scale(factors: tuple[float, ...]) -> Distort:
    """Scale the distance to the mean brightness."""

    def apply(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
        mean = float(picture.mean())
        return _on_rgb(picture, _table(mean + (RAMP - mean) * factors[severity - 1]))

    return apply


def contrast_stretch(factors: tuple[float, ...]) -> Distort:
    """A curve through the median: S-shaped (logistic) to strengthen, its flat chord to weaken."""

    def apply(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
        factor = factors[severity - 1]
        low, middle, high = np.percentile(picture[::4, ::4], (2, 50, 98))
        if factor > 1:
            gain = 4 * (factor - 0.55) / 255
            curve = 1 / (1 + np.exp(-gain * (RAMP - middle)))
            return _on_rgb(picture, _table(255 * (curve - curve[0]) / (curve[-1] - curve[0])))
        margin = (1 - factor) / 2
        target_low, target_high = (
            low + margin * (middle - low) * 2,
            high - margin * (high - middle) * 2,
        )
        points = (0.0, low, middle, high, 255.0)
        goals = (target_low * 0.98, target_low, middle, target_high, min(255.0, target_high * 1.02))
        return _on_rgb(picture, _table(np.interp(RAMP, _rising(points), goals)))

    return apply


def _rising(points: tuple[float, ...]) -> NDArray[np.float64]:
    """Points made strictly increasing, since a flat picture has equal percentiles."""
    return np.asarray(np.asarray(points) + np.arange(len(points)) * 1e-3, np.float64)
