"""Masks, boxes and points. Pixels; x to the right, y down; origin at the top left corner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from iqa_spider.core.errors import RegionError

__all__ = [
    "HORIZONTAL",
    "VERTICAL",
    "Box",
    "Mask",
    "Picture",
    "Point",
    "check_mask",
    "check_picture",
]

Picture = NDArray[np.uint8]
"""``uint8 [H, W, 3]``, RGB."""

Mask = NDArray[np.bool_]
"""``bool [H, W]``, true inside the region."""

VERTICAL: Final = ("top", "bottom")
HORIZONTAL: Final = ("left", "right")


def check_picture(picture: NDArray[Any]) -> Picture:
    """Return the picture if it is ``uint8 [H, W, 3]``; raise `RegionError` otherwise."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise RegionError(
            f"a picture is uint8 [H, W, 3], not {picture.dtype} {list(picture.shape)}"
        )
    return picture


def check_mask(mask: NDArray[Any], height: int, width: int) -> Mask:
    """Return the mask as ``bool [height, width]``; raise `RegionError` if it does not fit or is empty."""
    if mask.shape != (height, width):
        raise RegionError(f"the mask is {list(mask.shape)}, the picture is [{height}, {width}]")
    result: Mask = mask.astype(bool)
    if not result.any():
        raise RegionError("the mask is empty: no pixel is marked")
    return result


@dataclass(frozen=True, slots=True)
class Point:
    """A pixel position; may be fractional."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Box:
    """Half-open pixel box ``[x0, x1) x [y0, y1)``."""

    x0: int
    y0: int
    x1: int
    y1: int

    def __post_init__(self) -> None:
        if self.x1 <= self.x0 or self.y1 <= self.y0:
            raise RegionError(f"box {self} is empty or inverted: it needs x0 < x1 and y0 < y1")

    def __str__(self) -> str:
        return f"{self.x0},{self.y0},{self.x1},{self.y1}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``x0,y0,x1,y1``."""
        parts = text.replace(" ", "").split(",")
        try:
            x0, y0, x1, y1 = (round(float(part)) for part in parts)
        except ValueError as error:
            raise RegionError(f"box {text!r} is not four numbers x0,y0,x1,y1") from error
        return cls(x0, y0, x1, y1)

    @classmethod
    def around(cls, mask: Mask) -> Self:
        """The smallest box that holds every marked pixel; the mask must not be empty."""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if rows.size == 0:
            raise RegionError("the mask is empty: it has no box")
        return cls(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)

    def inside(self, width: int, height: int) -> Self:
        """This box if it lies within the picture; raise `RegionError` otherwise."""
        if self.x0 < 0 or self.y0 < 0 or self.x1 > width or self.y1 > height:
            raise RegionError(f"box {self} leaves the picture, which is {width} x {height} pixels")
        return self

    def mask(self, width: int, height: int) -> Mask:
        """``bool [height, width]``, true inside the box."""
        result = np.zeros((height, width), dtype=bool)
        result[self.y0 : self.y1, self.x0 : self.x1] = True
        return result

    def as_tuple(self) -> tuple[int, int, int, int]:
        return self.x0, self.y0, self.x1, self.y1

    @property
    def centre(self) -> Point:
        return Point((self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2)

    def terms(self, width: int, height: int) -> tuple[str, str]:
        """Positional terms of the box centre, ``(top|bottom, left|right)`` (eq. 1 of the paper)."""
        centre = self.centre
        return VERTICAL[centre.y >= height / 2], HORIZONTAL[centre.x >= width / 2]
