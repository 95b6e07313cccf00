"""One distortion alone, done by other means than the data set's: what a picture from elsewhere mostly has.

Three quarters of the data set's distorted regions hold one of six pairs (Table 8). A model can learn those by
heart: "pixelated" drags "noise" behind it, and brightening, which no pair holds, is never said. Here every
category comes equally often, in one region or all over, through `distortions.vary`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iqa_spider.core import CATEGORIES, FUNCTIONS, Category, Distortion, Mask, Picture, generator
from iqa_spider.dataset.scenes import Photo
from iqa_spider.distortions.variants import vary
from iqa_spider.models import Spider

if TYPE_CHECKING:
    from iqa_spider.evaluation.figures import Figures

__all__ = ["add_alone"]

REGIONS = 2
"""Regions a photo; their categories take turns over the photos."""

SMALLEST = 0.05
"""Share of the picture below which a region is not drawn."""

REFER = "What is wrong with this region?"
DESCRIBE = "What is wrong with this picture?"


def add_alone(spider: Spider, photo: Photo, number: int, figures: Figures) -> None:
    """Ask for the one distortion of a region and of a picture; ``number`` is the photo's place in its split."""
    assert photo.labels is not None
    rng = generator("alone", photo.id)
    large = [v for v in np.unique(photo.labels) if v > 0 and (photo.labels == v).mean() >= SMALLEST]
    for turn in range(REGIONS if large else 0):
        category = CATEGORIES[(number * REGIONS + turn) % len(CATEGORIES)]
        mask: Mask = photo.labels == large[int(rng.integers(len(large)))]
        picture = np.where(mask[..., None], _done(photo.picture, category, rng), photo.picture)
        said = spider.open(picture).ask(REFER, region=mask).distortions
        figures.add(f"alone, {category} named", category in said, photo.id)
        figures.add("alone, region exact", set(said) == {category}, photo.id)
        figures.add("alone, region named", category in said, photo.id)
    category = CATEGORIES[number % len(CATEGORIES)]
    session = spider.open(_done(photo.picture, category, rng))
    said = session.ask(DESCRIBE, ground=False).distortions
    figures.add("alone, whole exact", set(said) == {category}, photo.id)
    figures.add("alone, whole named", category in said, photo.id)


def _done(picture: Picture, category: Category, rng: np.random.Generator) -> Picture:
    """The picture ``uint8 [H, W, 3]`` with a distortion of severity 2 to 5 all over."""
    name = next(name for name, of in FUNCTIONS.items() if of is category)
    return vary(picture, Distortion(name, int(rng.integers(2, 6))), rng)
