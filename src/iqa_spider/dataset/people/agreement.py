"""How far annotators agree on a photo, and which photos they disagree on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from iqa_spider.core import LEVELS, Mask
from iqa_spider.dataset.people.annotations import Annotation
from iqa_spider.regions import iou

__all__ = ["Agreement", "agreement_of", "best_annotation", "pair_iou"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Over all pairs of people who saw the same photo. Shares are 0-1, None where nobody shared a photo.

    ``iou`` is the mean over the types that either marked; ``level`` counts levels at most one apart;
    ``worst`` are photos by mean IoU, worst first.
    """

    photos: int
    shared: int
    pairs: int
    extent: float | None
    iou: float | None
    level: float | None
    worst: tuple[tuple[str, float], ...]


def agreement_of(annotations: Sequence[Annotation], *, worst: int = 20) -> Agreement:
    """Compare everybody with everybody, photo by photo."""
    by_photo: dict[str, list[Annotation]] = defaultdict(list)
    for annotation in annotations:
        by_photo[annotation.photo].append(annotation)
    extents, levels, overlaps = [], [], []
    scores: dict[str, float] = {}
    for photo, group in by_photo.items():
        found = []
        for a, b in combinations(group, 2):
            extents.append(a.extent == b.extent)
            levels.append(abs(LEVELS.index(a.level) - LEVELS.index(b.level)) <= 1)
            found.append(pair_iou(a, b))
        if found:
            scores[photo] = float(np.mean(found))
            overlaps += found
    ranked = sorted(scores.items(), key=lambda item: (item[1], item[0]))[:worst]
    return Agreement(
        len(by_photo), len(scores), len(extents), _mean(extents), _mean(overlaps), _mean(levels),
        tuple((photo, round(score, 4)) for photo, score in ranked),
    )  # fmt: skip


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _masks(annotation: Annotation) -> dict[str, Mask]:
    masks: dict[str, Mask] = {}
    for region in annotation.regions:
        known = masks.get(region.category)
        masks[region.category] = region.mask if known is None else known | region.mask
    return masks


def pair_iou(a: Annotation, b: Annotation) -> float:
    """Mean IoU over the types that either person gave; a type that one alone gave counts 0.

    Where both gave types for the whole picture, a shared type counts 1.
    """
    first, second = _masks(a), _masks(b)
    types = {*first, *second, *a.types, *b.types}
    if not types:
        return float(a.extent == b.extent)
    values = []
    for kind in types:
        if kind in first and kind in second:
            values.append(iou(first[kind], second[kind]))
        else:
            values.append(float(kind in a.types and kind in b.types))
    return float(np.mean(values))


def best_annotation(group: Sequence[Annotation]) -> Annotation:
    """The one that agrees best with the others; the first of equals."""
    if len(group) < 3:
        return group[0]
    scores = [
        float(np.mean([pair_iou(one, other) for other in group if other is not one]))
        for one in group
    ]
    return group[int(np.argmax(scores))]
