"""Oversharpening, pixelation and quantization."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from iqa_spider.core import Picture

__all__ = ["oversharpen", "pixelate", "quantize_histogram", "quantize_median", "quantize_otsu"]

LEVELS = (14, 9, 6, 4, 3)


def oversharpen(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """Unsharp mask far beyond taste."""
    amount = (1.2, 2.2, 3.6, 5.5, 8.5)[severity - 1]
    soft = cv2.GaussianBlur(picture, (0, 0), 1.5, borderType=cv2.BORDER_REFLECT)
    return cv2.addWeighted(picture, 1 + amount, soft, -amount, 0).astype(np.uint8)


def pixelate(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """Blocks of one colour."""
    block = (2, 3, 5, 8, 13)[severity - 1]
    height, width = picture.shape[:2]
    small = cv2.resize(
        picture, (-(-width // block), -(-height // block)), interpolation=cv2.INTER_AREA
    )
    large = cv2.resize(small, None, fx=block, fy=block, interpolation=cv2.INTER_NEAREST)
    return np.ascontiguousarray(large[:height, :width]).astype(np.uint8)


def _quantize(picture: Picture, centres: list[NDArray[np.float64]]) -> Picture:
    """Map each channel to the nearest of its own few values."""
    tables = np.empty((1, 256, 3), np.uint8)
    for channel, values in enumerate(centres):
        nearest = np.abs(np.arange(256)[:, None] - values[None]).argmin(1)
        tables[0, :, channel] = np.clip(np.rint(values[nearest]), 0, 255)
    return cv2.LUT(picture, tables).astype(np.uint8)


def quantize_histogram(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """Equal steps between darkest and brightest."""
    count = LEVELS[severity - 1]
    flat = picture.reshape(-1, 3)
    low, high = flat.min(0).astype(float), flat.max(0).astype(float)
    steps = (np.arange(count) + 0.5) / count
    return _quantize(picture, [low[c] + steps * (high[c] - low[c]) for c in range(3)])


def quantize_median(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """Steps that hold equally many pixels, as median cut does."""
    count = LEVELS[severity - 1]
    shares = (np.arange(count) + 0.5) / count * 100
    sample = picture[::2, ::2].reshape(-1, 3)
    return _quantize(picture, list(np.percentile(sample, shares, axis=0).T))


def quantize_otsu(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """Steps of least variance within (multi-level Otsu), found by Lloyd's iteration.

    Exhaustive multi-Otsu grows with the power of the levels; on a 256-bin histogram Lloyd's
    fixed point minimises the same variance in microseconds.
    """
    return _quantize(picture, [_lloyd(picture[..., c], LEVELS[severity - 1]) for c in range(3)])


def _lloyd(channel: NDArray[np.uint8], count: int) -> NDArray[np.float64]:
    weights = np.bincount(channel.ravel(), minlength=256).astype(np.float64)
    values = np.arange(256, dtype=np.float64)
    centres = np.percentile(channel[::2, ::2], (np.arange(count) + 0.5) / count * 100)
    for _ in range(12):
        owner = np.abs(values[:, None] - centres[None]).argmin(1)
        mass = np.bincount(owner, weights, count)
        centres = np.where(
            mass > 0, np.bincount(owner, weights * values, count) / np.maximum(mass, 1), centres
        )
    return np.asarray(centres)
