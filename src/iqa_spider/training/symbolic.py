"""Stage 1's world: pictures made of facts alone, with the mistakes an encoder would make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from iqa_spider.core import (
    CATEGORIES,
    Accumulation,
    Facts,
    Finding,
    RegionFacts,
    SubTask,
    Task,
    level_of_score,
)
from iqa_spider.dataset.facts import ground
from iqa_spider.distortions import AccumulationPolicy, sample_accumulation
from iqa_spider.models.focus import with_focus
from iqa_spider.models.tokens import RegionView
from iqa_spider.tasks import Appearance, Route, region_name, write_answer
from iqa_spider.tasks.naming import COLOURS, SIZES
from iqa_spider.tasks.writers import write_rating
from iqa_spider.training.wordings import worded

__all__ = [
    "AskableScene",
    "Exercise",
    "exercise",
    "pick_task",
    "plan_exercise",
    "scene_from_facts",
    "write_exercise",
]


FAR = 0.2
"""Distance (unit square) beyond which the region in focus is another one than the true region."""


@dataclass(frozen=True, slots=True, eq=False)
class Exercise:
    """A question with its views and answer; ``target`` is the (x, y) that the terms should carry."""

    question: str
    way: Route
    views: tuple[RegionView, ...]
    answer: str
    target: tuple[float, float] | None
    score: float | None
    facts: Facts


class AskableScene(Protocol):
    """What is true of a picture and what is seen of it.

    ``views`` are of the regions that were proposed, ``asked`` of the true ones, in the order of the facts.
    """

    @property
    def facts(self) -> Facts: ...
    @property
    def overall(self) -> RegionView: ...
    @property
    def views(self) -> tuple[RegionView, ...]: ...
    @property
    def asked(self) -> tuple[RegionView, ...]: ...
    @property
    def anchors(self) -> tuple[tuple[float, float], ...]: ...


@dataclass(frozen=True, slots=True, eq=False)
class SymbolicScene:
    """Regions as facts and as views (same order), the picture's global view and its score."""

    regions: tuple[RegionFacts, ...]
    views: tuple[RegionView, ...]
    anchors: tuple[tuple[float, float], ...]
    overall: RegionView
    score: float
    uniform: bool

    @property
    def facts(self) -> Facts:
        level = level_of_score(self.score)
        return Facts(self.regions, whole_image=self.uniform, level=level, score=self.score)

    @property
    def asked(self) -> tuple[RegionView, ...]:
        return self.views


def _findings(accumulation: Accumulation | None) -> tuple[Finding, ...]:
    if accumulation is None:
        return ()
    return tuple(Finding(d.category, d.severity) for d in accumulation.distortions)


def _seen(
    findings: tuple[Finding, ...], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Presence, severity and last-ness as a fallible encoder would report them."""
    presence = rng.beta(0.6, 14, 12).astype(np.float32)
    severity = np.clip(rng.normal(2.2, 0.8, 12), 0, 5).astype(np.float32)
    last = rng.uniform(0.2, 0.8, 12).astype(np.float32)
    if rng.random() < 0.15:
        presence[rng.integers(12)] = rng.uniform(0.2, 0.6)
    for place, finding in enumerate(findings):
        index = CATEGORIES.index(finding.category)
        sure = rng.beta(6, 1.2) if rng.random() < 0.9 else rng.uniform(0.1, 0.5)
        presence[index] = sure
        severity[index] = np.clip(finding.severity + rng.normal(0, 0.5), 0.3, 5)
        if len(findings) == 2:
            last[index] = np.clip((0.75 if place else 0.25) + rng.normal(0, 0.2), 0, 1)
        else:
            last[index] = rng.uniform(0.4, 0.9)
    return presence, severity, last


def scene_from_facts(rng: np.random.Generator, regions: int) -> SymbolicScene:
    """A made-up picture of some regions; sometimes uniform or undistorted."""
    draw = rng.random()
    uniform, clean = draw < 0.14, 0.14 <= draw < 0.22
    policy = AccumulationPolicy(single_share=0.4)
    whole = _findings(sample_accumulation(rng, policy)) if uniform else ()
    bad = 0 if uniform or clean else int(rng.integers(1, min(regions, 5) + 1))
    facts, views, anchors = [], [], []
    for index in range(regions):
        findings = (
            whole
            if uniform
            else _findings(sample_accumulation(rng, policy) if index < bad else None)
        )
        fact, view, anchor = _region(findings, rng)
        facts.append(fact)
        views.append(view)
        anchors.append(anchor)
    areas = np.array([view.area for view in views])
    areas = areas / areas.sum()
    pain = np.array([min(1.0, fact.total_severity / 8) for fact in facts])
    score = float(np.clip(100 * (1 - (areas * pain).sum()), 0, 100))
    return SymbolicScene(
        tuple(facts), tuple(views), tuple(anchors), _overall(views, areas, score), score, uniform
    )


def _region(
    findings: tuple[Finding, ...], rng: np.random.Generator
) -> tuple[RegionFacts, RegionView, tuple[float, float]]:
    x, y = (float(v) for v in rng.uniform(0.06, 0.94, 2))
    look = Appearance(
        COLOURS[rng.integers(len(COLOURS))],
        ("dark", "light", "")[rng.integers(3)],
        SIZES[rng.integers(3)],
    )
    fact = RegionFacts(
        region_name(look), (("top", "bottom")[y >= 0.5], ("left", "right")[x >= 0.5]), findings
    )
    presence, severity, last = _seen(findings, rng)
    area = float({"small": 0.03, "": 0.12, "large": 0.3}[look.size] * rng.uniform(0.7, 1.3))
    view = RegionView(
        presence, severity, last, float(np.clip(1 - fact.total_severity / 14 + rng.normal(0, 0.05), 0, 1)),
        float(np.clip(x + rng.normal(0, 0.03), 0, 1)), float(np.clip(y + rng.normal(0, 0.03), 0, 1)),
        area, min(1.0, area**0.5 * 1.3), min(1.0, area**0.5 * 1.3),
        tuple(float(v) for v in rng.uniform(0, 1, 3)),  # type: ignore[arg-type]
        tuple(region_name(look).split()),
    )  # fmt: skip
    return fact, view, (x, y)


def _overall(views: list[RegionView], areas: NDArray[np.float64], score: float) -> RegionView:
    presence = np.stack([v.presence for v in views])
    mean = (areas[:, None] * presence).sum(0).astype(np.float32)
    spread = np.sqrt((areas[:, None] * (presence - mean) ** 2).sum(0)).astype(np.float32)
    severity = np.stack([v.severity for v in views]).mean(0)
    last = np.stack([v.last for v in views]).mean(0)
    return RegionView(
        mean, severity, last, 0.45 + 0.55 * score / 100, 0.5, 0.5, 1.0, 1.0, 1.0, (0.5, 0.5, 0.5), (),
        "global", spread,
    )  # fmt: skip


def pick_task(rng: np.random.Generator) -> tuple[Task, SubTask | None]:
    """Draw a task: about Table 7's mix, with more grounding and short referring."""
    options: list[tuple[Task, SubTask | None, float]] = [
        (Task.GROUNDING, SubTask.HYD, 0.25),
        (Task.GROUNDING, SubTask.SID, 0.18),
        (Task.GROUNDING, SubTask.DAO, 0.19),
        (Task.REFERRING, SubTask.SHORT, 0.15),
        (Task.REFERRING, SubTask.LONG, 0.07),
        (Task.LOCAL, None, 0.04),
        (Task.GLOBAL, None, 0.24),
    ]
    weights = np.array([o[2] for o in options])
    task, subtask, _ = options[int(rng.choice(len(options), p=weights / weights.sum()))]
    return task, subtask


def plan_exercise(
    facts: Facts, rng: np.random.Generator, task: Task, subtask: SubTask | None
) -> tuple[Route, Facts] | None:
    """What to ask about a scene and the facts of its answer; None where it has no unique one."""
    if task is Task.GLOBAL:
        return Route(task, rating=bool(rng.random() < 0.8)), facts
    if task is Task.GROUNDING:
        found = ground(facts, subtask, rng)
        if found is None:
            return None
        return Route(task, subtask, found.extremum, found.asked, found.order), found
    if facts.whole_image and task is Task.REFERRING and rng.random() < 0.4:
        return Route(task, subtask), replace(facts, target=None)  # asked of the whole picture
    if not facts.regions:
        return None
    target = int(rng.integers(len(facts.regions)))
    return Route(task, subtask), replace(facts, target=target, whole_image=False)


def write_exercise(
    way: Route,
    facts: Facts,
    views: Sequence[RegionView],
    asked: RegionView | None,
    anchor: tuple[float, float] | None,
    rng: np.random.Generator,
) -> Exercise | None:
    """Word the question, write the answer and lay out the views (an ``asked`` region comes last).

    None where the region in focus is far from the true one: learning from both at once would make the
    point the mean of two places, which is neither.
    """
    if way.task is Task.GROUNDING:
        views = with_focus(views, way)
        focus = views[-1] if views and views[-1].kind == "asked" else None
        if focus and anchor and np.hypot(focus.x - anchor[0], focus.y - anchor[1]) > FAR:
            return None
    elif asked is not None:
        views = [*views, replace(asked, kind="asked")]
    located = way.task in (Task.GROUNDING, Task.LOCAL) and facts.target is not None
    return Exercise(
        worded(way, facts, rng, marked=facts.target is not None),
        way,
        tuple(views),
        write_rating(facts) if way.rating else write_answer(way.task, way.subtask, facts, rng),
        anchor if located else None,
        facts.score if way.task is Task.GLOBAL else None,
        facts,
    )


def exercise(
    scene: AskableScene, rng: np.random.Generator, task: Task, subtask: SubTask | None
) -> Exercise | None:
    """A question of this task about the scene, or None where the scene has no unique answer to it."""
    plan = plan_exercise(scene.facts, rng, task, subtask)
    if plan is None:
        return None
    way, facts = plan
    views = [scene.overall, *(scene.views[i] for i in rng.permutation(len(scene.views)))]
    target = facts.target
    asked = None
    if task in (Task.LOCAL, Task.REFERRING):
        asked = scene.overall if target is None else scene.asked[target]
    anchor = None if target is None else scene.anchors[target]
    return write_exercise(way, facts, views, asked, anchor, rng)
