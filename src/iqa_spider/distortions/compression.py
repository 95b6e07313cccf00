"""Lossy codecs."""

from __future__ import annotations

import cv2
import numpy as np

from iqa_spider.core import Picture

__all__ = ["jpeg", "jpeg_2000", "recode"]


def recode(picture: Picture, suffix: str, flags: list[int]) -> Picture:
    """Through OpenCV's encoder of that suffix and back."""
    ok, data = cv2.imencode(suffix, picture[..., ::-1], flags)
    assert ok, suffix
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded[..., ::-1]).astype(np.uint8)


def jpeg(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """Baseline JPEG with 4:2:0 chroma."""
    quality = (38, 22, 13, 8, 4)[severity - 1]
    return recode(picture, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality])


def jpeg_2000(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """JPEG 2000; the flag is the compressed size in thousandths of the raw one."""
    rate = (45, 25, 15, 9, 5)[severity - 1]
    height, width = picture.shape[:2]
    # OpenJPEG refuses pictures too small for its five wavelet levels: mirror those first.
    bottom, right = max(0, 64 - height), max(0, 64 - width)
    if bottom or right:
        picture = cv2.copyMakeBorder(picture, 0, bottom, 0, right, cv2.BORDER_REPLICATE).astype(
            np.uint8
        )
    result = recode(picture, ".jp2", [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, rate])
    return np.ascontiguousarray(result[:height, :width])
