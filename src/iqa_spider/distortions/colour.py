"""Saturation."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from iqa_spider.core import Picture

__all__ = ["saturate_hsv", "saturate_ycrcb"]

Distort = Callable[[Picture, int, np.random.Generator], Picture]


def saturate_hsv(factors: tuple[float, ...]) -> Distort:
    """Scale S of HSV."""

    def apply(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
        hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
        scaled = hsv[..., 1].astype(np.float32) * factors[severity - 1]
        hsv[..., 1] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.uint8)

    return apply


def saturate_ycrcb(factors: tuple[float, ...]) -> Distort:
    """Scale the distance of Cr and Cb to grey."""

    def apply(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
        ycrcb = cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb).astype(np.float32)
        ycrcb[..., 1:] = 128 + (ycrcb[..., 1:] - 128) * factors[severity - 1]
        bounded = np.clip(np.rint(ycrcb), 0, 255).astype(np.uint8)
        return cv2.cvtColor(bounded, cv2.COLOR_YCrCb2RGB).astype(np.uint8)

    return apply
