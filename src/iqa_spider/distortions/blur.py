"""Six kinds of blur."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from iqa_spider.core import Picture

__all__ = ["gaussian", "glass", "jitter", "lens", "motion", "zoom"]


def _kernel_filter(picture: Picture, kernel: NDArray[np.float32]) -> Picture:
    return cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT).astype(
        np.uint8
    )


def gaussian(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """Gaussian kernel, sigma in pixels."""
    sigma = (0.8, 1.3, 2.0, 3.0, 4.5)[severity - 1]
    return cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT).astype(np.uint8)


def motion(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """A straight line of random direction: the camera moved."""
    length = (5, 8, 12, 18, 27)[severity - 1]
    angle = rng.uniform(0, np.pi)
    size = length | 1
    kernel = np.zeros((size, size), np.float32)
    dx, dy = np.cos(angle) * (length - 1) / 2, np.sin(angle) * (length - 1) / 2
    middle = size // 2
    start = (round((middle - dx) * 16), round((middle - dy) * 16))
    end = (round((middle + dx) * 16), round((middle + dy) * 16))
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_AA, 4)
    return _kernel_filter(picture, np.maximum(kernel, 0))


def lens(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """A disc: out of focus."""
    radius = (1.4, 2.2, 3.3, 5.0, 7.5)[severity - 1]
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return _kernel_filter(picture, kernel)


def zoom(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """The mean of ever larger copies about the centre."""
    reach = (0.02, 0.035, 0.06, 0.09, 0.14)[severity - 1]
    height, width = picture.shape[:2]
    total = np.zeros(picture.shape, np.float32)
    scales = np.linspace(1.0, 1.0 + reach, 9)
    for scale in scales:
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 0, float(scale))
        total += cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    return (total / len(scales)).round().astype(np.uint8)


def _displace(picture: Picture, reach: float, rng: np.random.Generator) -> Picture:
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    dx, dy = rng.uniform(-reach, reach, (2, height, width)).astype(np.float32)
    return cv2.remap(
        picture, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    ).astype(np.uint8)


def glass(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """Frosted glass: a little blur, displacement, blur again."""
    sigma, reach = ((0.5, 0.9), (0.7, 1.4), (0.9, 2.2), (1.2, 3.2), (1.6, 5.0))[severity - 1]
    soft = cv2.GaussianBlur(picture, (0, 0), sigma).astype(np.uint8)
    return cv2.GaussianBlur(_displace(soft, reach, rng), (0, 0), sigma).astype(np.uint8)


def jitter(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """Every pixel comes from somewhere near."""
    return _displace(picture, (0.8, 1.3, 2.0, 3.2, 5.0)[severity - 1], rng)
