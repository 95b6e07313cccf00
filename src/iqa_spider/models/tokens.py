"""Region tokens: what the language model of `pocket` sees of a picture.

Each region (and the whole picture, and the region a question marks) becomes one token: a mix of the
language model's own word embeddings (its categories, its place, its colour) plus a projection of
numbers. Some of the numbers compare a region with its peers, since "worst" is a matter of comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iqa_spider.core import CATEGORIES, SEVERITY_WORDS, TERMS
from iqa_spider.tasks import PHRASE
from iqa_spider.tasks.naming import COLOURS

__all__ = ["FEATURES", "LEXICON", "RegionView", "encode_views"]

_COUNT: Final = len(CATEGORIES)
_LOOKS: Final = (*COLOURS, "dark", "light", "small", "large", "area")

LEXICON: Final = (*(PHRASE[c] for c in CATEGORIES), *TERMS, *_LOOKS, *SEVERITY_WORDS, "whole", "no")
"""Words whose embeddings are mixed into a token, in the order of the mixing weights."""

FEATURES: Final = 6 * _COUNT + 18


@dataclass(frozen=True, slots=True, eq=False)
class RegionView:
    """What is known of one region; all numbers in [0, 1] unless said otherwise.

    ``presence``, ``last``: probabilities a category; ``severity`` 0-5 a category; ``spread``: standard
    deviation of presence over the picture (global view only); ``x, y``: the anchor; ``colour``: mean
    RGB; ``looks``: the words of the region's name; ``kind``: region, global or asked.
    """

    presence: NDArray[np.float32]
    severity: NDArray[np.float32]
    last: NDArray[np.float32]
    quality: float
    x: float
    y: float
    area: float
    width: float
    height: float
    colour: tuple[float, float, float]
    looks: tuple[str, ...]
    kind: str = "region"
    spread: NDArray[np.float32] | None = None

    @property
    def strength(self) -> NDArray[np.float32]:
        """Expected severity a category: ``[12]``."""
        return self.presence * self.severity

    @property
    def total(self) -> float:
        return float(self.strength.sum())


def encode_views(views: Sequence[RegionView]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Features ``[N, FEATURES]`` and mixing weights ``[N, len(LEXICON)]`` of a picture's views."""
    peers = [view for view in views if view.kind == "region"] or list(views)
    strengths = np.stack([peer.strength for peer in peers])
    present = np.stack([peer.presence for peer in peers]) > 0.4
    strongest = strengths.max(0)
    weakest = np.where(present, strengths, 9.0).min(0)
    totals = strengths.sum(1)
    rows = [
        _features(view, strongest, weakest, float(totals.min()), float(totals.max()))
        for view in views
    ]
    return np.stack(rows), np.stack([_weights(view) for view in views])


def _features(
    view: RegionView,
    strongest: NDArray[np.float32],
    weakest: NDArray[np.float32],
    least: float,
    most: float,
) -> NDArray[np.float32]:
    strength = view.strength
    is_most = view.presence * np.exp(-2 * np.clip(strongest - strength, 0, 4))
    is_least = view.presence * np.exp(-2 * np.clip(strength - weakest, 0, 4))
    spread = np.zeros(_COUNT, np.float32) if view.spread is None else view.spread
    numbers = [
        view.total / 10,
        np.exp(-max(most - view.total, 0)),
        np.exp(-max(view.total - least, 0)),
        np.prod(1 - view.presence),
        view.presence.sum() / 2,
        view.quality,
        view.x,
        view.y,
        view.area,
        view.area**0.5,
        view.width,
        view.height,
        *view.colour,
        *(float(view.kind == kind) for kind in ("region", "global", "asked")),
    ]
    parts = [view.presence, strength / 5, view.last * view.presence, is_most, is_least, spread]
    return np.concatenate([*parts, np.array(numbers)]).astype(np.float32)


def _weights(view: RegionView) -> NDArray[np.float32]:
    weights = dict.fromkeys(LEXICON, 0.0)
    for category, share in zip(CATEGORIES, view.presence, strict=True):
        weights[PHRASE[category]] = float(share)
    if view.kind != "global":
        weights |= {"left": 1 - view.x, "right": view.x, "top": 1 - view.y, "bottom": view.y}
        for word in view.looks:
            weights[word] = 0.7
    else:
        weights["whole"] = 1.0
    if view.presence.max() > 0.3:
        main = float(view.severity[view.presence.argmax()])
        weights[SEVERITY_WORDS[int(np.clip(round(main), 1, 5)) - 1]] = 0.5
    weights["no"] = float(np.prod(1 - view.presence))
    return np.array([weights[word] for word in LEXICON], np.float32)
