"""Q-Ground-100K (Chen et al. 2024): descriptions with masks of five distortion classes.

Of its files we know the outer form (``images/``, ``masks/``, JSON records with ``id``, ``image`` and
``ann_list``), not how an annotation spells its class and its mask. Both arrive therefore as a
`QGroundFormat`: the names of the fields, the classes and, for colour-coded mask pictures, the palette.
A mask may be a COCO RLE, a list of polygons, or a picture under ``masks/``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np

from iqa_spider.core import DatasetError, Mask, check_mask, open_picture
from iqa_spider.dataset.outside.reading import image_path, parse_rows, read_json_rows, take
from iqa_spider.regions import decode_rle

__all__ = ["QGroundAnnotation", "QGroundFormat", "QGroundRow", "read_qground"]


@dataclass(frozen=True, slots=True)
class QGroundFormat:
    """How a copy of the set is spelled; the defaults are a guess that a config file corrects.

    ``classes`` maps the set's class names to RGB colours; the colour matters only for mask pictures
    that hold several classes (``palette: true``), else any pixel that is not black is marked.
    """

    label_key: str = "label"
    mask_key: str = "mask"
    text_key: str = "text"
    images: str = "images"
    masks: str = "masks"
    palette: bool = False
    classes: Mapping[str, tuple[int, int, int]] = field(
        default_factory=lambda: {
            "blur": (255, 0, 0),
            "noise": (0, 255, 0),
            "overexposure": (0, 0, 255),
            "low light": (255, 255, 0),
            "jitter": (255, 0, 255),
        }
    )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a YAML file with these fields.

        Raises:
            DatasetError: not YAML, an unknown field, or classes that are no names with colours.
        """
        import yaml

        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (UnicodeDecodeError, yaml.YAMLError) as error:
            raise DatasetError(f"{path}: not YAML ({error})") from error
        unknown = set(data) - set(cls.__dataclass_fields__)
        if unknown:
            raise DatasetError(f"{path}: unknown field {', '.join(sorted(unknown))}")
        if "classes" in data:
            try:
                data["classes"] = {name: tuple(rgb) for name, rgb in data["classes"].items()}
            except (AttributeError, TypeError) as error:
                raise DatasetError(
                    f"{path}: classes: expected names with colours, such as blur: [255, 0, 0]"
                ) from error
        return cls(**data)


@dataclass(frozen=True, slots=True, eq=False)
class QGroundAnnotation:
    """One marked distortion: class of the set, ``bool [H, W]`` in the pixels of the picture, words if any."""

    label: str
    mask: Mask
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class QGroundRow:
    """One picture with its annotations."""

    id: str
    image: Path
    annotations: tuple[QGroundAnnotation, ...]

    def mask_of(self, label: str) -> Mask | None:
        """Union of the masks of a class, or None where the picture has none."""
        found = [a.mask for a in self.annotations if a.label == label]
        return np.logical_or.reduce(found) if found else None


def read_qground(
    folder: Path, annotations: str, form: QGroundFormat | None = None
) -> Iterator[QGroundRow]:
    """Rows of ``folder / annotations`` in order; pictures and masks must be there.

    Raises:
        DatasetError: a missing file, or a row out of form; names file and row.
    """
    form = form or QGroundFormat()
    path = folder / annotations

    def parse(row: dict[str, Any]) -> QGroundRow:
        image = image_path(folder / form.images, take(row, "image", str), check=True)
        height, width = open_picture(image).shape[:2]
        found = tuple(
            QGroundAnnotation(
                _label(item, form),
                _mask(item, form, folder, height, width),
                str(item.get(form.text_key, "")),
            )
            for item in take(row, "ann_list", list)
        )
        return QGroundRow(str(row["id"]), image, found)

    yield from parse_rows(path, read_json_rows(path), parse)


def _label(item: dict[str, Any], form: QGroundFormat) -> str:
    label = take(item, form.label_key, str)
    if label not in form.classes:
        known = ", ".join(form.classes)
        raise ValueError(f"class {label!r} is not among {known}; add it to the format file")
    return label


def _mask(item: dict[str, Any], form: QGroundFormat, folder: Path, height: int, width: int) -> Mask:
    value = item[form.mask_key]
    if isinstance(value, dict):
        return check_mask(decode_rle(value), height, width)
    if isinstance(value, list):
        canvas = np.zeros((height, width), np.uint8)
        for polygon in value:
            points = np.asarray(polygon, np.float64).reshape(-1, 2)
            cv2.fillPoly(canvas, [np.rint(points).astype(np.int32)], 1)
        return check_mask(canvas.astype(bool), height, width)
    if not isinstance(value, str):
        raise ValueError(f"{form.mask_key} is {value!r}, expected an RLE, polygons or a file name")
    coloured = open_picture(image_path(folder / form.masks, value, check=True))
    if not form.palette:
        return check_mask(coloured.max(-1) > 0, height, width)
    colour = np.array(form.classes[_label(item, form)], np.uint8)
    return check_mask(np.asarray((coloured == colour).all(-1)), height, width)
