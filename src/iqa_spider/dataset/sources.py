"""Which photos a folder holds, of which split, and with what regions."""

from __future__ import annotations

import csv
import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from iqa_spider.core import DatasetError, stable_seed

__all__ = ["PhotoSource", "find_photos", "with_regions"]

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"))


@dataclass(frozen=True, slots=True)
class PhotoSource:
    """A photo on disk, its split, its label map if it has one, the JSON of names of its values, and the name of
    its main object where that is known."""

    id: str
    path: str
    split: str
    labels: str | None = None
    names: str | None = None
    object: str = ""


def find_photos(folder: Path) -> list[PhotoSource]:
    """Photos of a folder: by its ``photos.csv`` where there is one, else every picture in it.

    Without a table one photo in ten goes to ``test``, by a hash of its name.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder of photos")
    table = folder / "photos.csv"
    if table.exists():
        with table.open(newline="") as file:
            return [_from_row(folder, row) for row in csv.DictReader(file)]
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    names = Counter(p.stem for p in found)
    sources = []
    for path in found:
        id = (
            path.stem
            if names[path.stem] == 1
            else str(path.relative_to(folder)).replace(os.sep, "_")
        )
        split = "test" if stable_seed("split", id) % 10 == 0 else "train"
        sources.append(PhotoSource(id, str(path), split))
    if not sources:
        raise DatasetError(f"{folder}: holds no photos")
    return sources


def with_regions(sources: list[PhotoSource], folder: Path) -> list[PhotoSource]:
    """The photos with the label maps and names of ``folder``; every photo must have both."""
    found = []
    for source in sources:
        labels, names = folder / f"{source.id}.png", folder / f"{source.id}.json"
        if not (labels.exists() and names.exists()):
            raise DatasetError(
                f"{folder}: no regions of photo {source.id}; run `iqa-spider dataset regions` to the end"
            )
        found.append(replace(source, labels=str(labels), names=str(names)))
    return found


def _from_row(folder: Path, row: dict[str, str]) -> PhotoSource:
    labels = folder / "regions" / f"{row['id']}.png" if row.get("has_regions") == "1" else None
    path = folder / "photos" / f"{row['id']}.jpg"
    return PhotoSource(
        row["id"],
        str(path),
        row["split"],
        None if labels is None else str(labels),
        object=row.get("object_name") or "",
    )
