"""Label Studio's JSON export -> annotations, strictly: an error names the task, the annotation and the mend."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from iqa_spider.core import Category, DatasetError, Level, Mask, SpiderError
from iqa_spider.dataset.people.brush import decode_brush
from iqa_spider.dataset.people.configs import EXTENTS

__all__ = ["Annotation", "MarkedRegion", "annotator_of", "read_annotations", "read_export"]

Row = dict[str, Any]
_SHAPES: Final = ("brushlabels", "polygonlabels")


@dataclass(frozen=True, slots=True, eq=False)
class MarkedRegion:
    """One region that a person marked, in the photo's pixels; severity 1-5, name if any."""

    mask: Mask
    category: Category
    severity: int
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Annotation:
    """What one person said of one photo; ``types`` and ``strength`` where it is distorted all over."""

    photo: str
    split: str
    annotator: str
    extent: str
    regions: tuple[MarkedRegion, ...]
    types: tuple[Category, ...]
    strength: int | None
    level: Level
    description: str


def read_export(path: Path) -> list[Row]:
    """Rows of a JSON export (not JSON-MIN, which drops what a region belongs to)."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file; export the project as JSON") from None
    except ValueError as error:
        raise DatasetError(f"{path}: not JSON ({error})") from error
    if not isinstance(rows, list) or not all(
        isinstance(r, dict) and "annotations" in r for r in rows
    ):
        raise DatasetError(f"{path}: not Label Studio's JSON export; choose JSON, not JSON-MIN")
    return rows


def read_annotations(
    rows: Sequence[Row], where: str = "export", *, on_broken: Callable[[str], None] | None = None
) -> Iterator[Annotation]:
    """Annotations in order; those that their annotator skipped are left out.

    ``on_broken`` is told of each that is incomplete or out of form, which is then left out.

    Raises:
        DatasetError: one is, and ``on_broken`` is None.
    """
    for row in rows:
        for entry in row["annotations"]:
            if entry.get("was_cancelled"):
                continue
            try:
                yield _annotation(row["data"], entry)
            except (KeyError, ValueError, TypeError, IndexError, SpiderError) as error:
                reason = f"no {error}" if isinstance(error, KeyError) else str(error)
                broken = f"{_place(where, row, entry)}: {reason}"
                if on_broken is None:
                    raise DatasetError(broken) from error
                on_broken(broken)


def _place(where: str, row: Row, entry: Row) -> str:
    photo = row.get("data", {}).get("photo", "?")
    return f"{where}: task {row.get('id')}, annotation {entry.get('id')} (photo {photo})"


def annotator_of(entry: Row) -> str:
    """Who made it: an id, or an object with one."""
    person = entry.get("completed_by")
    return str(person.get("id", person.get("email")) if isinstance(person, dict) else person)


def _annotation(data: Row, entry: Row) -> Annotation:
    results = entry["result"]
    extent = _choice(results, "extent")
    if extent not in EXTENTS:
        raise ValueError(f"extent is {extent!r}, expected one of {', '.join(EXTENTS)}")
    regions = tuple(_regions(data, results))
    types = tuple(Category(name) for name in _choices(results, "types"))
    strength = _rating(results, "strength", None)
    _check_extent(extent, regions, types, strength)
    level = Level(_choice(results, "level"))
    text = " ".join(_texts(results, "description", None))
    return Annotation(
        str(data["photo"]), str(data.get("split", "train")), annotator_of(entry), extent, regions,
        types, strength, level, text,
    )  # fmt: skip


def _check_extent(
    extent: str,
    regions: tuple[MarkedRegion, ...],
    types: tuple[Category, ...],
    strength: int | None,
) -> None:
    if extent == "local" and not regions:
        raise ValueError("it says local and marks no region; mark one or choose another extent")
    if extent != "local" and regions:
        raise ValueError(f"it says {extent} and marks {len(regions)} regions; choose local")
    if extent == "uniform" and (not types or strength is None):
        raise ValueError("it says uniform: choose the types and how strong they are")


def _regions(data: Row, results: list[Row]) -> Iterator[MarkedRegion]:
    size = (int(data["height"]), int(data["width"]))
    for result in results:
        kind = result["type"]
        if kind not in _SHAPES:
            continue
        labels = result["value"][kind]
        if len(labels) != 1:
            raise ValueError(f"a region has the types {labels}; mark one region a type")
        severity = _rating(results, "severity", result["id"])
        if severity is None:
            raise ValueError(f"the {labels[0]} region has no severity; rate it 1 to 5")
        mask = _mask(result, size)
        name = " ".join(_texts(results, "name", result["id"]))
        yield MarkedRegion(mask, Category(labels[0]), severity, name)


def _mask(result: Row, size: tuple[int, int]) -> Mask:
    height, width = result["original_height"], result["original_width"]
    if (height, width) != size:
        raise ValueError(
            f"the region is of a {width} x {height} picture, the photo is {size[::-1]}"
        )
    if result.get("image_rotation", 0) % 360:
        raise ValueError("the picture was rotated while it was annotated; annotate it upright")
    value = result["value"]
    if result["type"] == "brushlabels":
        mask = decode_brush(value["rle"], height, width)
    else:
        canvas = np.zeros(size, np.uint8)
        corners = np.asarray(value["points"], np.float64) * [width / 100, height / 100]
        cv2.fillPoly(canvas, [np.rint(corners).astype(np.int32)], 1)
        mask = canvas > 0
    if not mask.any():
        raise ValueError("a region is empty; erase it or mark it again")
    return mask


def _values(results: list[Row], name: str, region: str | None) -> Iterator[Row]:
    for result in results:
        if result["from_name"] == name and (region is None or result["id"] == region):
            yield result["value"]


def _choices(results: list[Row], name: str) -> list[str]:
    return [choice for value in _values(results, name, None) for choice in value["choices"]]


def _choice(results: list[Row], name: str) -> str:
    found = _choices(results, name)
    if len(found) != 1:
        raise ValueError(f"{name} was not chosen; it is required")
    return found[0]


def _rating(results: list[Row], name: str, region: str | None) -> int | None:
    found = [int(value["rating"]) for value in _values(results, name, region)]
    if found and not 1 <= found[0] <= 5:
        raise ValueError(f"{name} is {found[0]}, expected 1 to 5")
    return found[0] if found else None


def _texts(results: list[Row], name: str, region: str | None) -> list[str]:
    found: list[str] = []
    for value in _values(results, name, region):
        text = value["text"]
        found += [text] if isinstance(text, str) else text
    return [text.strip() for text in found if text.strip()]
