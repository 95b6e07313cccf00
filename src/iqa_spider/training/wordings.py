"""Questions as many voices wrote them, with what each asks for (``wordings.jsonl`` beside this file)."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from iqa_spider.core import Category, ConfigError, Facts, SubTask, Task
from iqa_spider.tasks import Route, question_for, rating_question, rough

__all__ = ["Wording", "read_wordings", "shipped_wordings", "worded"]

FREE = 0.35
"""Share of our own questions in casual words."""

VOICES = 0.4
"""Share of questions taken from the wordings, where one fits."""


@dataclass(frozen=True, slots=True)
class Wording:
    """A question, whether a region came with it, and what it asks for."""

    question: str
    has_region: bool
    way: Route


def _wording(row: dict[str, Any]) -> Wording:
    way = Route(
        Task(row["task"]),
        SubTask(row["subtask"]) if row["subtask"] else None,
        row["extremum"],
        tuple(Category(name) for name in row["asked"]),
        row["order"],
        bool(row["rating"]),
    )
    return Wording(row["question"], bool(row["has_region"]), way)


def read_wordings(path: Path) -> list[Wording]:
    """Rows ``{question, has_region, task, subtask, extremum, asked, order, rating}`` of a JSONL file."""
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            rows.append(_wording(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}:{number}: not a wording ({error})") from error
    return rows


def shipped_wordings() -> list[Wording]:
    """The wordings that ship with the package."""
    with resources.as_file(resources.files("iqa_spider.training") / "wordings.jsonl") as path:
        return read_wordings(path)


@lru_cache(maxsize=1)
def _by_way() -> dict[Route, list[str]]:
    table: dict[Route, list[str]] = defaultdict(list)
    for item in shipped_wordings():
        table[item.way].append(item.question)
    return dict(table)


def worded(way: Route, facts: Facts, rng: np.random.Generator, *, marked: bool) -> str:
    """A question that asks for ``way``: one of the voices' where it fits, else from our pools.

    A voice that speaks of "the sky" fits any region that is marked, and no other.
    """
    voices = _by_way().get(way, ())
    by_name = way.task in (Task.LOCAL, Task.REFERRING) and not marked
    if voices and not by_name and rng.random() < VOICES:
        return rough(voices[int(rng.integers(len(voices)))], rng)
    if way.rating:
        return rough(rating_question(rng), rng)
    question = question_for(way.task, way.subtask, facts, rng, free=FREE, marked=marked)
    return rough(question, rng)
