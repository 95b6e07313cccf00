"""Masks and points drawn on the picture."""

from __future__ import annotations

import base64

import cv2
import numpy as np

from iqa_spider.core import Mask, Picture, Point

__all__ = ["data_uri", "draw_mask", "encode_png", "fit"]

ACCENT = (255, 64, 96)


def fit(picture: Picture, side: int) -> Picture:
    """The picture with a long side of at most ``side`` pixels."""
    height, width = picture.shape[:2]
    scale = min(1.0, side / max(height, width))
    goal = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(picture, goal, interpolation=cv2.INTER_AREA).astype(np.uint8)


def draw_mask(
    picture: Picture,
    mask: Mask,
    point: Point | None = None,
    colour: tuple[int, int, int] = ACCENT,
    tint: float = 0.25,
) -> Picture:
    """A copy with the mask tinted and outlined, and the point marked."""
    result = picture.copy()
    result[mask] = (picture[mask] * (1 - tint) + np.array(colour) * tint).astype(np.uint8)
    thick = max(1, round(max(picture.shape[:2]) / 250))
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(result, outlines, -1, (255, 255, 255), thick + 2)
    cv2.drawContours(result, outlines, -1, colour, thick)
    if point is not None:
        centre = (round(point.x), round(point.y))
        cv2.circle(result, centre, 4 * thick, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(result, centre, 3 * thick, colour, -1, cv2.LINE_AA)
    return result


def encode_png(picture: Picture) -> bytes:
    ok, data = cv2.imencode(".png", picture[..., ::-1])
    assert ok
    return bytes(data)


def data_uri(picture: Picture, quality: int = 92) -> str:
    """The picture inside a page, so that the page needs no other file."""
    ok, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert ok
    return f"data:image/jpeg;base64,{base64.b64encode(bytes(data)).decode()}"
