"""From a scene to samples of all four tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from iqa_spider.core import Facts, Mask, Sample, SubTask, Task
from iqa_spider.dataset.facts import ground, scene_facts
from iqa_spider.dataset.scenes import Scene
from iqa_spider.regions import encode_rle
from iqa_spider.tasks import question_for, rating_question, rough, write_answer, write_rating

__all__ = ["sample_from_json", "sample_to_json", "samples_from", "samples_of"]

GROUNDING = (SubTask.HYD, SubTask.SID, SubTask.DAO)  # the last asks for an order


def samples_of(
    scene: Scene, photo: str, split: str, rng: np.random.Generator, *, free: float = 0.25
) -> list[Sample]:
    """Samples of a scene: global, rating, and for regional scenes local, grounding and referring.

    ``free`` is the share of casual wordings. A question is left out where it has no unique answer.
    """
    facts, masks = scene_facts(scene)
    return samples_from(facts, masks, photo, split, rng, free=free)


def samples_from(
    facts: Facts,
    masks: list[Mask],
    photo: str,
    split: str,
    rng: np.random.Generator,
    *,
    free: float = 0.25,
    source: str = "synthetic",
    ordered: bool = True,
) -> list[Sample]:
    """Samples of known facts; ``masks`` belong to ``facts.regions``.

    Without ``ordered`` the order of distortions is unknown (people marked them): nothing asks for it.
    """
    drafts = [
        (Task.GLOBAL, None, facts, False),
        *_regional(facts, rng),
        *_grounding(facts, rng, GROUNDING if ordered else GROUNDING[:2]),
    ]
    samples = []
    for number, (task, subtask, known, marked) in enumerate(drafts):
        question = question_for(task, subtask, known, rng, free=free, marked=marked)
        answer = write_answer(task, subtask, known, rng)
        samples.append(
            _sample(photo, number, split, task, subtask, rough(question, rng), answer, known, masks)
        )
    rating = _sample(
        photo, len(drafts), split, Task.GLOBAL, None, rating_question(rng), write_rating(facts), facts,
        masks,
    )  # fmt: skip
    samples.append(replace(rating, tags=("rating",)))
    return [replace(sample, source=source) for sample in samples]


def _regional(
    facts: Facts, rng: np.random.Generator
) -> Iterator[tuple[Task, SubTask | None, Facts, bool]]:
    """Up to three regions, the distorted ones first: a description and both referring patterns."""
    if facts.whole_image or not facts.regions:
        return
    order = sorted(range(len(facts.regions)), key=lambda i: not facts.regions[i].findings)
    for target in order[:3]:
        known = replace(facts, target=target)
        marked = bool(rng.random() < 0.6)
        yield Task.LOCAL, None, known, False
        yield Task.REFERRING, SubTask.SHORT, known, marked
        yield Task.REFERRING, SubTask.LONG, known, marked


def _grounding(
    facts: Facts, rng: np.random.Generator, subtasks: tuple[SubTask, ...]
) -> Iterator[tuple[Task, SubTask | None, Facts, bool]]:
    for subtask in subtasks:
        for _ in range(2):
            found = ground(facts, subtask, rng)
            if found is not None:
                yield Task.GROUNDING, subtask, found, False


def _sample(
    photo: str,
    number: int,
    split: str,
    task: Task,
    subtask: SubTask | None,
    question: str,
    answer: str,
    facts: Facts,
    masks: list[Mask],
) -> Sample:
    target = None if facts.target is None else encode_rle(masks[facts.target])
    return Sample(
        id=f"{photo}-{number:02d}",
        image=f"images/{photo}.png",
        photo=photo,
        task=task,
        subtask=subtask,
        question=question,
        answer=answer,
        facts=facts,
        split=split,
        source="synthetic",
        mask=target if task in (Task.GROUNDING, Task.LOCAL) else None,
        region=target if task is Task.REFERRING else None,
    )


def sample_to_json(sample: Sample) -> dict[str, Any]:
    return asdict(sample)


def sample_from_json(row: dict[str, Any]) -> Sample:
    """Inverse of `sample_to_json`; KeyError or ValueError if the row is broken."""
    subtask = row["subtask"]
    return Sample(
        id=row["id"],
        image=row["image"],
        photo=row["photo"],
        task=Task(row["task"]),
        subtask=None if subtask is None else SubTask(subtask),
        question=row["question"],
        answer=row["answer"],
        facts=Facts.from_json(row["facts"]),
        split=row["split"],
        source=row["source"],
        mask=row.get("mask"),
        region=row.get("region"),
        tags=tuple(row.get("tags", ())),
    )
