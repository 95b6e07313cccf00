"""Question pools: our own words on the slots, intents and counts of Tables 10-18 of the paper."""

from __future__ import annotations

from typing import Final

import numpy as np

from iqa_spider.core import Category, Facts, QuestionError, RegionFacts, SubTask, Task
from iqa_spider.tasks.phrases import ALIASES, PHRASE
from iqa_spider.tasks.pools import POOLS
from iqa_spider.tasks.positions import POSITIONS

__all__ = ["MARKED", "POOLS", "check_question", "question_for", "rating_question", "refer_to"]

MARKED: Final = (
    "the marked region",
    "this region",
    "the selected area",
    "the highlighted part",
    "this area",
    "the outlined region",
    "this part of the picture",
)
"""Ways to speak of a region that the caller marks with a box or a mask."""


def _pick(pool: tuple[str, ...], rng: np.random.Generator) -> str:
    return pool[int(rng.integers(len(pool)))]


def refer_to(region: RegionFacts, rng: np.random.Generator) -> str:
    """Name a region in words: ``the large green area at the top left``."""
    v, h = region.terms
    if rng.random() < 0.15:
        return f"the {v} {h} part"
    return f"the {region.name} {_pick(POSITIONS, rng).format(v=v, h=h)}"


def _name(category: Category, rng: np.random.Generator, free: bool) -> str:
    if not free:
        return PHRASE[category]
    # Nouns only: "blurry" does not fit a slot that wants a thing.
    nouns = [a for a in ALIASES[category] if not a.endswith(("ed", "y", "est", "ier", "ing", "_"))]
    return _pick((PHRASE[category], *nouns), rng)


def _pool_name(task: Task, subtask: SubTask | None, facts: Facts, rng: np.random.Generator) -> str:
    if task is Task.GROUNDING:
        assert subtask is not None
        kind = facts.order if subtask is SubTask.DAO else facts.extremum
        return f"{subtask.value}/{kind}"
    if task is Task.REFERRING:
        assert subtask is not None
        known = facts.region
        count = "multi" if known and len(known.findings) == 2 and rng.random() < 0.5 else "single"
        return f"referring/{count}/{subtask.value}"
    return task.value


def question_for(
    task: Task,
    subtask: SubTask | None,
    facts: Facts,
    rng: np.random.Generator,
    *,
    free: float = 0.0,
    marked: bool = False,
) -> str:
    """A question of the task's pool with its slots filled from the facts.

    With probability ``free`` the wording is casual and categories go by other names. ``marked``
    speaks of "this region" instead of naming it.
    """
    casual = bool(rng.random() < free)
    key = _pool_name(task, subtask, facts, rng)
    pool = POOLS[f"free/{key}"] if casual and f"free/{key}" in POOLS else POOLS[key]
    template = _pick(pool, rng)
    names = [_name(category, rng, casual) for category in facts.asked]
    slots = {"distortion": names[0] if names else ""}
    slots["first"], slots["second"] = (names[0], names[-1]) if names else ("", "")
    if "{region}" in template:
        if facts.region is None:
            slots["region"] = "the whole picture"
        else:
            slots["region"] = _pick(MARKED, rng) if marked else refer_to(facts.region, rng)
    return template.format(**slots)


def rating_question(rng: np.random.Generator) -> str:
    """A question that wants a level of overall quality and no more."""
    return _pick(POOLS["rating"], rng)


def check_question(question: str, limit: int = 2000) -> str:
    """The question without surrounding space; raise `QuestionError` if empty or beyond ``limit`` words."""
    text = question.strip()
    if not text:
        raise QuestionError(
            'the question is empty: ask something, such as "Which region is worst?"'
        )
    if len(text.split()) > limit:
        raise QuestionError(f"the question has more than {limit} words; shorten it")
    return text
