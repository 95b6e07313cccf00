"""COCO instances: every distorted region, once for each of its distortions.

Severity and place in the order of application stand in ``attributes``; categories are the twelve.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Final

from iqa_spider.core import CATEGORIES, Box
from iqa_spider.dataset.check import read_recipe_at, scan_recipes, splits_of
from iqa_spider.dataset.engines import Engine, LocalEngine, in_order
from iqa_spider.dataset.files import replacing
from iqa_spider.dataset.load import read_samples
from iqa_spider.dataset.recipe import Recipe
from iqa_spider.regions import encode_rle

__all__ = ["export_coco"]

NUMBERS: Final = {str(category): place for place, category in enumerate(CATEGORIES, 1)}


@dataclass(frozen=True, slots=True)
class _Entry:
    """A picture and the byte at which its recipe starts, if it has one."""

    image: str
    recipe: int | None


def export_coco(folder: Path, out: Path, *, engine: Engine | None = None) -> dict[str, int]:
    """Write ``out/instances_SPLIT.json``; returns the number of annotations of each split."""
    out.mkdir(parents=True, exist_ok=True)
    recipes = dict(scan_recipes(folder))
    written = {}
    for split in splits_of(folder):
        pictures = dict.fromkeys((s.photo, s.image) for s in read_samples(folder, split))
        entries = [_Entry(image, recipes.get(photo)) for photo, image in pictures]
        found = in_order(engine or LocalEngine(), partial(_read, folder.resolve()), entries)
        with replacing(out / f"instances_{split}.json") as file:
            written[split] = _write(file, entries, found)
    return written


def _read(folder: Path, entry: _Entry) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Sides of a picture and its annotations, without ids."""
    size = _size(folder / entry.image)
    if entry.recipe is None:
        return size, []
    return size, list(_annotations(read_recipe_at(folder, entry.recipe)))


def _write(
    file: BinaryIO,
    entries: list[_Entry],
    found: Iterator[tuple[dict[str, int], list[dict[str, Any]]]],
) -> int:
    """Images go straight into the file; annotations, which belong behind them, wait in another."""
    count = 0
    with TemporaryFile() as annotations:
        file.write(b'{"images": [')
        for number, (entry, (size, rows)) in enumerate(zip(entries, found, strict=True), 1):
            image = {"id": number, "file_name": entry.image, **size}
            file.write((", " if number > 1 else "").encode() + json.dumps(image).encode())
            for row in rows:
                count += 1
                text = json.dumps({"id": count, "image_id": number, **row})
                annotations.write(f"{', ' if count > 1 else ''}{text}".encode())
        file.write(b'], "annotations": [')
        annotations.seek(0)
        shutil.copyfileobj(annotations, file)
    categories = [{"id": number, "name": name} for name, number in NUMBERS.items()]
    file.write(f'], "categories": {json.dumps(categories)}}}'.encode())
    return count


def _size(path: Path) -> dict[str, int]:
    from PIL import Image

    with Image.open(path) as picture:
        return {"width": picture.width, "height": picture.height}


def _annotations(recipe: Recipe) -> Iterator[dict[str, Any]]:
    for index, region in enumerate(recipe.plan.regions):
        if region.accumulation is None:
            continue
        box = Box.around(region.mask)
        for order, distortion in enumerate(region.accumulation.distortions, 1):
            yield {
                "category_id": NUMBERS[str(distortion.category)],
                "segmentation": encode_rle(region.mask),
                "bbox": [box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0],
                "area": int(region.mask.sum()),
                "iscrowd": 0,
                "attributes": {
                    "region": index + 1,
                    "function": distortion.function,
                    "severity": distortion.severity,
                    "order": order,
                },
            }
