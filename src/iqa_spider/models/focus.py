"""Which region a grounding question is probably about, by the numbers that the encoder saw.

Comparing regions is arithmetic, at which eight layers of a language model are poor and an argmax is not. The
region found here enters the prompt as one more token; the language model writes the answer, and its
probabilities at the positional terms still make the point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from iqa_spider.core import CATEGORIES, Category, SubTask, Task
from iqa_spider.models.tokens import RegionView
from iqa_spider.tasks import Route

__all__ = ["focus", "with_focus"]

SURE = 0.35
"""Presence below which a category counts as not there: best exact sets of region means on photos held out."""


def _strength(view: RegionView, category: Category) -> float:
    return float(view.strength[CATEGORIES.index(category)])


def _total(view: RegionView) -> float:
    return float((view.strength * (view.presence > SURE)).sum() + 0.3 * view.total)


def _order(view: RegionView, way: Route) -> float:
    """How well the region's history fits: presences times the chance of the order asked for."""
    places = [CATEGORIES.index(category) for category in way.asked]
    two = float(np.sort(view.presence)[-2])
    there = float(np.prod(view.presence[places]))
    last = view.last[places]
    if way.order == "full":
        return there * float((1 - last[0]) * last[-1])
    return there * two * float(1 - last[0] if way.order == "first" else last[0])


def focus(views: Sequence[RegionView], way: Route) -> int | None:
    """Index of the region that fits the question best; None where it is no grounding question."""
    if way.task is not Task.GROUNDING or not views:
        return None
    if way.subtask is SubTask.DAO and way.asked:
        return int(np.argmax([_order(view, way) for view in views]))
    if way.subtask is SubTask.SID and way.asked:
        strengths = np.array([_strength(view, way.asked[0]) for view in views])
        if way.extremum == "least":
            place = CATEGORIES.index(way.asked[0])
            absent = np.array([view.presence[place] < SURE for view in views])
            strengths = np.where(absent & ~absent.all(), 99.0, strengths)
            return int(strengths.argmin())
        return int(strengths.argmax())
    totals = [_total(view) for view in views]
    return int(np.argmin(totals) if way.extremum == "least" else np.argmax(totals))


def with_focus(views: Sequence[RegionView], way: Route) -> list[RegionView]:
    """The views of a prompt, with the region in focus once more at the end."""
    regions = [view for view in views if view.kind == "region"]
    index = focus(regions, way)
    return [*views] if index is None else [*views, replace(regions[index], kind="asked")]
