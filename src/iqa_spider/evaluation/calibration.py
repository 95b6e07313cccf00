"""The temperature of text-to-point and the reach of its snapping, chosen on training photos.

Each question is asked once; the logits of its answer then give a point for every setting. The text
depends on neither, so nothing is generated anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from iqa_spider.core import Generation, Mask, Point, SubTask, Task, TermLogits, generator
from iqa_spider.dataset.facts import ground, scene_facts
from iqa_spider.dataset.scenes import Photo, fit_photo, load_photos, make_scene
from iqa_spider.models import Spider, text_to_point
from iqa_spider.models.grounding import snap
from iqa_spider.tasks import anchor, parse_answer, question_for

__all__ = ["REACHES", "TEMPERATURES", "Trial", "calibrate", "point_inside"]

TEMPERATURES: Final = (0.25, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0)
REACHES: Final = (0.0, 0.1, 0.2, 0.3)


@dataclass(frozen=True, slots=True)
class Trial:
    """A setting, the share of points inside the true region, the mean distance to its anchor.

    ``distance`` is in units of the picture's sides; ``questions`` is how many were asked.
    """

    temperature: float
    reach: float
    inside: float
    distance: float
    questions: int


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    generation: Generation
    truth: Mask
    probe: Callable[[str], TermLogits]
    anchors: list[Point]


def point_inside(point: Point | None, mask: Mask) -> bool:
    """Does a pixel position lie on a mask ``[H, W]``? No point lies nowhere."""
    if point is None:
        return False
    height, width = mask.shape
    return bool(mask[min(int(point.y), height - 1), min(int(point.x), width - 1)])


def _ask(spider: Spider, photo: Photo, seed: str) -> list[_Asked]:
    rng = generator("calibrate", seed, photo.id)
    scene = make_scene(fit_photo(photo, 448), rng, uniform=0.0, clean=0.0)
    facts, masks = scene_facts(scene)
    session = spider.open(scene.picture)
    conversation, anchors = session.conversation, [r.anchor for r in session.seen_regions()]
    asked = []
    for subtask in (SubTask.HYD, SubTask.SID, SubTask.DAO):
        found = ground(facts, subtask, rng)
        if found is None or found.target is None:
            continue
        question = question_for(Task.GROUNDING, subtask, found, rng)
        generation = conversation.ask(question)
        if not parse_answer(generation.text).whole_image:
            probe = partial(conversation.probe, question)
            asked.append(_Asked(generation, masks[found.target], probe, anchors))
    return asked


def _try(asked: Sequence[_Asked], temperature: float, reach: float) -> Trial:
    inside, distance = [], []
    for item in asked:
        height, width = item.truth.shape
        size = (width, height)
        point = text_to_point(item.generation, size, temperature, item.probe).point
        point = snap(point, item.anchors, size, reach)
        goal = anchor(item.truth)
        inside.append(point_inside(point, item.truth))
        distance.append(np.hypot((point.x - goal.x) / width, (point.y - goal.y) / height))
    return Trial(temperature, reach, float(np.mean(inside)), float(np.mean(distance)), len(asked))


def calibrate(
    spider: Spider,
    folder: Path,
    *,
    split: str = "dev",
    limit: int | None = None,
    rounds: int = 2,
    on_photo: Callable[[int, int], None] = lambda done, total: None,
) -> list[Trial]:
    """Try all settings on the photos of a training split that people segmented; the best comes first.

    ``rounds`` scenes are made of each photo. Share inside less distance decides: either alone jumps with
    single questions.
    """
    photos = [p for p in load_photos(folder, split) if p.labels is not None][:limit]
    asked: list[_Asked] = []
    for index, photo in enumerate(photos):
        for number in range(rounds):
            asked += _ask(spider, photo, str(number))
        on_photo(index + 1, len(photos))
    if not asked:
        return []
    trials = [_try(asked, temperature, reach) for temperature in TEMPERATURES for reach in REACHES]
    return sorted(trials, key=lambda trial: trial.distance - trial.inside)
