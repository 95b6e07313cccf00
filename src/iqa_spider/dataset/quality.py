"""The full-reference measure behind levels and scores.

Local similarity is the product of three terms: gradient magnitude and chromaticity as in MDSI
(Ziaei Nafchi et al., IEEE Access 2016; among the best classical measures on TID2013 and KADID-10K,
colour distortions included) and SSIM's luminance term (Wang et al. 2004), because a constant shift of
brightness leaves gradients and chromaticities as they were. It is pooled by the mean, not by MDSI's
deviation: the mean is the same for a region wherever the rest of the picture is, so a local map and
its average over a region or a picture all speak of one quantity.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from iqa_spider.core import Picture, RegionError

__all__ = ["quality_map", "score_of", "score_of_similarity"]

C_GRADIENT: Final = 140.0
C_CHROMA: Final = 550.0
C_LUMINANCE: Final = (0.03 * 255) ** 2
WORST: Final = 0.45
"""Mean similarity that scores 0: about that of white noise of the highest severity everywhere."""

_TO_LHM = np.array([[0.2989, 0.587, 0.114], [0.3, 0.04, -0.35], [0.34, -0.6, 0.17]], np.float32)


def quality_map(rendered: Picture, pristine: Picture) -> NDArray[np.float32]:
    """Local similarity ``float32 [H, W]`` in [0, 1]; 1 where nothing changed."""
    if rendered.shape != pristine.shape:
        raise RegionError(f"pictures differ in size: {rendered.shape} and {pristine.shape}")
    a, b = (
        np.asarray(cv2.transform(x.astype(np.float32), _TO_LHM), np.float32)
        for x in (rendered, pristine)
    )
    gradient_a, gradient_b = _gradient(a[..., 0]), _gradient(b[..., 0])
    gradient = (2 * gradient_a * gradient_b + C_GRADIENT) / (
        gradient_a**2 + gradient_b**2 + C_GRADIENT
    )
    product = (a[..., 1:] * b[..., 1:]).sum(-1)
    squares = (a[..., 1:] ** 2 + b[..., 1:] ** 2).sum(-1)
    chroma = np.clip((2 * product + C_CHROMA) / (squares + C_CHROMA), 0, 1)
    mean_a, mean_b = (cv2.boxFilter(x[..., 0], -1, (9, 9)) for x in (a, b))
    luminance = (2 * mean_a * mean_b + C_LUMINANCE) / (mean_a**2 + mean_b**2 + C_LUMINANCE)
    return np.asarray(gradient * chroma * luminance, np.float32)


def _gradient(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    dx, dy = cv2.Scharr(luma, -1, 1, 0) / 16, cv2.Scharr(luma, -1, 0, 1) / 16
    return np.asarray(np.hypot(dx, dy), np.float32)


def score_of_similarity(similarity: float) -> float:
    """Mean similarity -> score 0-100; linear between `WORST` and 1."""
    return float(np.clip((similarity - WORST) / (1 - WORST), 0, 1) * 100)


def score_of(rendered: Picture, pristine: Picture) -> float:
    """Score 0-100 of a rendered picture against its pristine photo (100: identical)."""
    return score_of_similarity(float(quality_map(rendered, pristine).mean()))
