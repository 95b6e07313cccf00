"""COCO instances: every distorted region, once for each of its distortions.

Severity and place in the order of application stand in ``attributes``; categories are the twelve.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from iqa_spider.core import CATEGORIES, Box
from iqa_spider.dataset.check import read_recipes, splits_of
from iqa_spider.dataset.load import read_samples
from iqa_spider.dataset.recipe import Recipe
from iqa_spider.regions import encode_rle

__all__ = ["export_coco"]


def export_coco(folder: Path, out: Path) -> dict[str, int]:
    """Write ``out/instances_SPLIT.json``; returns the number of annotations of each split."""
    out.mkdir(parents=True, exist_ok=True)
    recipes = read_recipes(folder)
    numbers = {str(category): place for place, category in enumerate(CATEGORIES, 1)}
    written = {}
    for split in splits_of(folder):
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        pictures = dict.fromkeys((s.photo, s.image) for s in read_samples(folder, split))
        for photo, image in pictures:
            number = len(images) + 1
            images.append({"id": number, "file_name": image, **_size(folder / image)})
            if photo in recipes:
                annotations += list(_annotations(recipes[photo], number, numbers))
        rows = [{"id": place, **row} for place, row in enumerate(annotations, 1)]
        categories = [{"id": number, "name": name} for name, number in numbers.items()]
        data = {"images": images, "annotations": rows, "categories": categories}
        (out / f"instances_{split}.json").write_text(json.dumps(data), encoding="utf-8")
        written[split] = len(rows)
    return written


def _size(path: Path) -> dict[str, int]:
    from PIL import Image

    with Image.open(path) as picture:
        return {"width": picture.width, "height": picture.height}


def _annotations(recipe: Recipe, image: int, numbers: dict[str, int]) -> Iterator[dict[str, Any]]:
    for index, region in enumerate(recipe.plan.regions):
        if region.accumulation is None:
            continue
        box = Box.around(region.mask)
        for order, distortion in enumerate(region.accumulation.distortions, 1):
            yield {
                "image_id": image,
                "category_id": numbers[str(distortion.category)],
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
