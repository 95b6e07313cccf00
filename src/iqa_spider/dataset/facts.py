"""What is true of a scene, and which questions about it have one right answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from iqa_spider.core import Category, Facts, Finding, Mask, RegionFacts, SubTask, level_of_score
from iqa_spider.dataset.quality import score_of
from iqa_spider.dataset.scenes import Scene
from iqa_spider.tasks import appearance, region_name, terms_of

__all__ = ["ground", "scene_facts"]


def scene_facts(scene: Scene) -> tuple[Facts, list[Mask]]:
    """Facts of all regions of a scene, and their masks; uniform and clean pictures have one region."""
    score = score_of(scene.picture, scene.pristine)
    uniform = len(scene.accumulations) == 1 and bool((scene.labels == 1).all())
    if not scene.accumulations:
        return Facts((), whole_image=True, level=level_of_score(score), score=score), []
    regions, masks = [], []
    for index, accumulation in enumerate(scene.accumulations):
        mask = scene.labels == index + 1
        if mask.mean() < 0.01:
            continue
        findings = () if accumulation is None else tuple(
            Finding(d.category, d.severity) for d in accumulation.distortions
        )  # fmt: skip
        name = region_name(appearance(scene.picture, mask))
        regions.append(RegionFacts(name, terms_of(mask), findings, area=float(mask.mean())))
        masks.append(mask)
    facts = Facts(tuple(regions), whole_image=uniform, level=level_of_score(score), score=score)
    return facts, masks


def ground(facts: Facts, subtask: SubTask | None, rng: np.random.Generator) -> Facts | None:
    """Facts of a grounding question with one right answer, or None."""
    regions = facts.regions
    if facts.whole_image or not any(r.findings for r in regions):
        if subtask is not SubTask.HYD:
            return None
        extremum = ("most", "least")[int(rng.integers(2))]
        clean = not any(r.findings for r in regions)
        kept = () if clean else regions
        return replace(facts, regions=kept, whole_image=True, extremum=extremum, target=None)
    if subtask is SubTask.HYD:
        extremum = "most" if rng.random() < 0.65 else "least"
        totals = [r.total_severity for r in regions]
        return _unique(facts, totals, extremum, ())
    categories = sorted({c for r in regions for c in r.categories})
    if subtask is SubTask.SID:
        category = categories[int(rng.integers(len(categories)))]
        values = [{f.category: f.severity for f in r.findings}.get(category, 0) for r in regions]
        extremum = "most" if rng.random() < 0.6 else "least"
        if extremum == "least":
            values = [v if v else 99 for v in values]
        return _unique(facts, values, extremum, (category,))
    return _by_order(facts, rng)


def _unique(
    facts: Facts, values: list[int], extremum: str, asked: tuple[Category, ...]
) -> Facts | None:
    best = max(values) if extremum == "most" else min(values)
    if values.count(best) != 1:
        return None
    return replace(facts, target=values.index(best), extremum=extremum, asked=asked)


def _by_order(facts: Facts, rng: np.random.Generator) -> Facts | None:
    """DAO-G: exactly one region of two distortions has the order, the first or the last asked for."""
    double = [i for i, r in enumerate(facts.regions) if len(r.findings) == 2]
    if not double:
        return None
    target = double[int(rng.integers(len(double)))]
    order = ("full", "first", "last")[int(rng.integers(3))]
    keys = {
        i: facts.regions[i].categories[
            {"full": slice(0, 2), "first": slice(0, 1)}.get(order, slice(1, 2))
        ]
        for i in double
    }
    if list(keys.values()).count(keys[target]) != 1:
        return None
    lone = [r.categories for r in facts.regions if len(r.findings) == 1]
    if order != "full" and keys[target] in lone:
        return None
    return replace(facts, target=target, order=order, asked=keys[target])
