"""Accumulation of distortions, inside a region, and its random choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from iqa_spider.core import FUNCTIONS, ORDERS, Accumulation, Category, Distortion, Mask, Picture
from iqa_spider.distortions.registry import distort
from iqa_spider.distortions.variants import vary

__all__ = ["UNPAIRED", "AccumulationPolicy", "accumulate", "apply_region", "sample_accumulation"]

UNPAIRED = tuple(
    c for c in Category if c not in {*ORDERS, *(b for after in ORDERS.values() for b in after)}
)
"""Categories that no pair of Table 8 holds: under the policy of the data set one region in fifty has each."""

FROM_TWO = frozenset(
    {
        Category.BRIGHTEN,
        Category.DARKEN,
        Category.CONTRAST_STRENGTHEN,
        Category.CONTRAST_WEAKEN,
        Category.SATURATE_STRENGTHEN,
        Category.SATURATE_WEAKEN,
        Category.OVERSHARPEN,
    }
)
"""Categories whose severity 1 a viewer hardly sees without the original: drawn from 2 on."""


@dataclass(frozen=True, slots=True)
class AccumulationPolicy:
    """How accumulations are drawn.

    ``single_share`` is the share of regions with one distortion; ``strongest`` the highest severity;
    ``often`` are categories that come up twice as often as others where one distortion is drawn.
    """

    single_share: float = 0.25
    strongest: int = 5
    often: tuple[Category, ...] = ()


def accumulate(
    picture: Picture, accumulation: Accumulation, rng: np.random.Generator, *, variety: float = 0.0
) -> Picture:
    """Apply the distortions one after the other to the whole picture.

    With ``variety`` above 0, each is done by other means of its category with that probability.
    """
    for distortion in accumulation.distortions:
        other = variety > 0 and rng.random() < variety
        picture = (vary if other else distort)(picture, distortion, rng)
    return picture


def apply_region(
    picture: Picture,
    mask: Mask,
    accumulation: Accumulation,
    rng: np.random.Generator,
    *,
    feather: float = 0.0,
    variety: float = 0.0,
) -> Picture:
    """Distort the picture and keep the result inside the mask (edge softened by ``feather`` pixels)."""
    distorted = accumulate(picture, accumulation, rng, variety=variety)
    if feather <= 0:
        return np.where(mask[..., None], distorted, picture)
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), feather)[..., None]
    return np.rint(picture + (distorted.astype(np.float32) - picture) * alpha).astype(np.uint8)


def sample_accumulation(
    rng: np.random.Generator,
    policy: AccumulationPolicy | None = None,
    categories: Sequence[Category] | None = None,
) -> Accumulation:
    """Draw one distortion (any category) or an ordered pair of Table 8.

    A second blur has severity 2 at most and a second compression one more than the first: stronger
    ones would wipe out the trace of what came before.
    """
    policy = policy or AccumulationPolicy()
    allowed = tuple(categories or Category)
    pairs = [(a, b) for a in ORDERS if a in allowed for b in sorted(ORDERS[a]) if b in allowed]
    if not pairs or rng.random() < policy.single_share:
        lots = (*allowed, *(category for category in policy.often if category in allowed))
        return Accumulation((_draw(lots[int(rng.integers(len(lots)))], policy, rng),))
    first, second = (Category(c) for c in pairs[int(rng.integers(len(pairs)))])
    before = _draw(first, policy, rng)
    limit = {Category.BLUR: 2, Category.COMPRESSION: before.severity + 1}.get(second, 5)
    after = _draw(second, policy, rng, limit)
    return Accumulation((before, after))


def _draw(
    category: Category, policy: AccumulationPolicy, rng: np.random.Generator, limit: int = 5
) -> Distortion:
    names = [name for name, of in FUNCTIONS.items() if of is category]
    lowest = 2 if category in FROM_TWO else 1
    highest = max(lowest, min(policy.strongest, limit))
    name = names[int(rng.integers(len(names)))]
    return Distortion(name, int(rng.integers(lowest, highest + 1)))
