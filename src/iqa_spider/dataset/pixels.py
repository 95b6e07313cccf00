"""Do the pixels show what the facts say? Renders a recipe again and looks region by region."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from iqa_spider.core import Finding, Mask, RegionFacts, Sample, Task, open_picture
from iqa_spider.dataset.recipe import Recipe
from iqa_spider.dataset.scenes import Photo, Scene
from iqa_spider.regions import decode_rle, iou

__all__ = ["UNSEEN", "change_of", "check_scene", "unseen_regions"]

UNSEEN: Final = 0.5
"""Mean absolute change, in grey levels of 255, below which a distortion left no trace: less than rounding."""
SOFT: Final = 9
"""Pixels that a softened edge (1.5 pixels) reaches into its neighbour, with room."""


def change_of(scene: Scene) -> NDArray[np.float32]:
    """Mean absolute change over the channels, ``float32 [H, W]``, in grey levels."""
    difference = scene.picture.astype(np.float32) - scene.pristine.astype(np.float32)
    return np.asarray(np.abs(difference).mean(-1), np.float32)


def unseen_regions(scene: Scene) -> list[int]:
    """Indices of the regions that were distorted without a trace (JPEG on a plain wall, say)."""
    change = change_of(scene)
    found = []
    for index, accumulation in enumerate(scene.accumulations):
        mask = scene.labels == index + 1
        if accumulation is not None and mask.any() and change[mask].mean() < UNSEEN:
            found.append(index)
    return found


def check_scene(
    recipe: Recipe, photo_path: str, folder: Path, samples: Sequence[Sample]
) -> Iterator[tuple[str, str]]:
    """Yield ``(where, what is wrong)`` for one picture of a set at ``folder`` and its samples."""
    scene = recipe.render(Photo(recipe.photo, open_picture(photo_path), None, ""))
    stored = open_picture(folder / samples[0].image)
    if stored.shape != scene.picture.shape or not (stored == scene.picture).all():
        yield recipe.photo, "the stored picture is not what its recipe renders"
        return
    for index in unseen_regions(scene):
        yield recipe.photo, f"region {index + 1} is said to be distorted and is unchanged"
    for index in _touched(scene):
        yield recipe.photo, f"region {index + 1} is said to be clean and is changed"
    regions = [scene.labels == index + 1 for index in range(len(scene.accumulations))]
    for sample in samples:
        reason = _against_recipe(sample, scene, regions)
        if reason is not None:
            yield sample.id, reason


def _touched(scene: Scene) -> Iterator[int]:
    """Clean regions that changed away from their edge."""
    change = change_of(scene)
    kernel = np.ones((2 * SOFT + 1, 2 * SOFT + 1), np.uint8)
    for index, accumulation in enumerate(scene.accumulations):
        if accumulation is None:
            mask = (scene.labels == index + 1).astype(np.uint8)
            if (change[cv2.erode(mask, kernel) > 0] > 0).any():
                yield index


def _against_recipe(sample: Sample, scene: Scene, regions: list[Mask]) -> str | None:
    """The facts of the sample's region are those that the recipe applied under its mask."""
    facts, known = sample.facts, sample.facts.region
    rle = sample.region if sample.task is Task.REFERRING else sample.mask
    if known is None or rle is None:
        if facts.whole_image and facts.regions:
            return _differ(facts.regions[0], scene, 0)
        return None
    mask = decode_rle(rle)
    overlaps = [iou(mask, region) for region in regions]
    best = int(np.argmax(overlaps)) if overlaps else -1
    if best < 0 or overlaps[best] < 0.999:
        return "the mask is no region of the recipe"
    return _differ(known, scene, best)


def _differ(known: RegionFacts, scene: Scene, index: int) -> str | None:
    if index >= len(scene.accumulations):
        return "the facts speak of a region that the recipe does not have"
    accumulation = scene.accumulations[index]
    applied = () if accumulation is None else accumulation.distortions
    if tuple(Finding(d.category, d.severity) for d in applied) != known.findings:
        return f"the facts of region {index + 1} are not what the recipe applied"
    return None
