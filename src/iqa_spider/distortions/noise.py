"""Six kinds of noise. Amplitudes are standard deviations on a 0-255 scale."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from iqa_spider.core import Picture

__all__ = [
    "gaussian_rgb",
    "gaussian_ycrcb",
    "impulse",
    "poisson",
    "spatially_correlated",
    "speckle",
]


def _to_uint8(values: NDArray[np.floating]) -> Picture:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def _normal(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    return rng.standard_normal(shape, dtype=np.float32)


def gaussian_rgb(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """Independent in the three channels."""
    sigma = (7, 13, 21, 33, 52)[severity - 1]
    return _to_uint8(picture + sigma * _normal(picture.shape, rng))


def gaussian_ycrcb(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """Stronger in chroma than in luma: colour noise of small sensors."""
    sigma = (6, 11, 17, 26, 40)[severity - 1]
    ycrcb = cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb).astype(np.float32)
    weights = np.array([0.6, 1.3, 1.3], np.float32)
    noisy = _to_uint8(ycrcb + sigma * weights * _normal(picture.shape, rng))
    return cv2.cvtColor(noisy, cv2.COLOR_YCrCb2RGB).astype(np.uint8)


def speckle(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """Multiplicative: bright areas suffer most."""
    sigma = (0.08, 0.14, 0.22, 0.34, 0.52)[severity - 1]
    return _to_uint8(picture * (1 + sigma * _normal(picture.shape, rng)))


def spatially_correlated(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """Grain: noise whose neighbours resemble each other."""
    sigma = (6, 11, 18, 28, 44)[severity - 1]
    grain = cv2.GaussianBlur(_normal(picture.shape, rng), (0, 0), 1.0)
    spread = float(grain.std()) or 1.0
    return _to_uint8(picture + grain * (sigma / spread))


def poisson(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """Photon noise: variance grows with brightness (normal approximation above few photons)."""
    photons = (220, 80, 32, 13, 5)[severity - 1]
    return _to_uint8(rng.poisson(picture / 255.0 * photons) * (255.0 / photons))


def impulse(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """Salt and pepper."""
    share = (0.008, 0.02, 0.045, 0.09, 0.18)[severity - 1]
    draw = rng.random(picture.shape[:2], dtype=np.float32)
    result = picture.copy()
    result[draw < share / 2] = 0
    result[draw > 1 - share / 2] = 255
    return result
