"""KADID-10K (Lin et al. 2019): 81 references, 25 distortion types at 5 levels, opinion scores 1-5."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from iqa_spider.core import Category, DatasetError
from iqa_spider.dataset.outside.reading import image_path, number, parse_rows

__all__ = ["KADID_TYPES", "KadidRow", "read_kadid"]

_C = Category
KADID_TYPES: Final[dict[int, tuple[str, Category | None]]] = {
    1: ("gaussian blur", _C.BLUR),
    2: ("lens blur", _C.BLUR),
    3: ("motion blur", _C.BLUR),
    4: ("colour diffusion", None),
    5: ("colour shift", None),
    6: ("colour quantization", _C.QUANTIZATION),
    7: ("colour saturation in HSV", None),
    8: ("colour saturation in Lab", None),
    9: ("JPEG 2000", _C.COMPRESSION),
    10: ("JPEG", _C.COMPRESSION),
    11: ("white noise", _C.NOISE),
    12: ("noise in colour component", _C.NOISE),
    13: ("impulse noise", _C.NOISE),
    14: ("multiplicative noise", _C.NOISE),
    15: ("denoise", None),
    16: ("brighten", _C.BRIGHTEN),
    17: ("darken", _C.DARKEN),
    18: ("mean shift", None),
    19: ("jitter", _C.BLUR),
    20: ("non-eccentricity patch", None),
    21: ("pixelate", _C.PIXELATE),
    22: ("quantization", _C.QUANTIZATION),
    23: ("colour block", None),
    24: ("high sharpen", _C.OVERSHARPEN),
    25: ("contrast change", None),
}
"""Type number -> its name and our category, None where we have none or its direction varies by level."""

_NAME: Final = re.compile(r"I(\d{2})_(\d{2})_(\d{2})\.png")


@dataclass(frozen=True, slots=True)
class KadidRow:
    """One distorted picture. ``dmos`` is 1-5, higher is better; ``type`` 1-25; ``level`` 1-5."""

    image: Path
    reference: Path
    dmos: float
    spread: float
    type: int
    level: int

    @property
    def category(self) -> Category | None:
        return KADID_TYPES[self.type][1]


def read_kadid(
    folder: Path, *, table: str = "dmos.csv", images: str = "images", check_images: bool = True
) -> Iterator[KadidRow]:
    """Rows of ``dmos.csv`` in order, read by position: distorted, reference, dmos, spread.

    Raises:
        DatasetError: missing table, or a row out of form; names file and row.
    """
    path = folder / table

    def parse(row: dict[str, Any]) -> KadidRow:
        match = _NAME.fullmatch(row["image"])
        if not match:
            raise ValueError(f"{row['image']!r} is no name like I01_03_05.png")
        reference, kind, level = (int(part) for part in match.groups())
        if row["reference"] != f"I{reference:02d}.png":
            raise ValueError(
                f"the reference is {row['reference']!r}, expected I{reference:02d}.png"
            )
        if kind not in KADID_TYPES or not 1 <= level <= 5:
            raise ValueError(f"type {kind} and level {level} are not within 1-25 and 1-5")
        score, spread = number(row, "dmos", 1, 5), number(row, "spread", 0, 5)
        image, pristine = (
            image_path(folder / images, row[key], check=check_images)
            for key in ("image", "reference")
        )
        return KadidRow(image, pristine, score, spread, kind, level)

    yield from parse_rows(path, _by_position(path), parse)


def _by_position(path: Path) -> Iterator[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for place, cells in enumerate(csv.reader(file)):
                if place == 0 and cells and not _NAME.fullmatch(cells[0]):
                    continue  # the heading; its words differ between copies of the file
                yield dict(zip(("image", "reference", "dmos", "spread"), cells, strict=False))
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file; name the folder that holds dmos.csv") from None
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not a table in UTF-8 ({error}); save it as such") from error
