"""Which task a question is: a linear reader over words, letters and what the rules make of it.

People ask in more ways than a rule book holds. The reader was trained on wordings that many voices wrote
(`training/wordings.jsonl`) and on our own pools; names of distortions are replaced by one word first, so
that "first X, then Y" is one shape for all of them. It is a table of numbers: reading takes a millisecond
and no torch.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from iqa_spider.core import SubTask, Task
from iqa_spider.tasks.hints import asked_categories, delexicalise
from iqa_spider.tasks.phrases import PHRASE
from iqa_spider.tasks.questions import check_question
from iqa_spider.tasks.router import Route, mend, route_by_rules

__all__ = [
    "BUCKETS",
    "EXTREMA",
    "KINDS",
    "ORDERS",
    "OUTPUTS",
    "Table",
    "features",
    "meaning",
    "route",
]

BUCKETS: Final = 16384
KINDS: Final = ("global", "rating", "local", "short", "long", "hyd-g", "sid-g", "dao-g")
EXTREMA: Final = ("most", "least")
ORDERS: Final = ("full", "first", "last")
OUTPUTS: Final = len(KINDS) + len(EXTREMA) + len(ORDERS) + 2
"""Columns of the table: kinds, extrema, orders, then straight and reversed for two named in order."""

_WORD: Final = re.compile(r"[a-z]+|\d+|[?:>]|->")


def _words(text: str) -> list[str]:
    return _WORD.findall(delexicalise(mend(text)))


def _clues(question: str, has_region: bool) -> Iterator[str]:
    """Names of everything the reader notices in a question."""
    words = ["^", *_words(question)[:80], "$"]
    for index, word in enumerate(words):
        yield f"w {word}"
        if index + 1 < len(words):
            yield f"b {word} {words[index + 1]}"
        if index + 2 < len(words):
            yield f"t {word} {words[index + 1]} {words[index + 2]}"
            yield f"s {word} {words[index + 2]}"
        padded = f"<{word}>"
        for start in range(len(padded) - 3):
            yield f"c {padded[start : start + 4]}"
    rules = route_by_rules(question, has_region=has_region)
    asked = len(rules.asked) or len(asked_categories(mend(question)))
    found = (rules.task, rules.subtask, rules.extremum, rules.order, rules.rating)
    for name, value in zip(("task", "sub", "ext", "order", "rate"), found, strict=True):
        yield f"rule {name} {value}"
    yield f"rules {' '.join(map(str, found))}"
    yield f"asked {min(asked, 3)}"
    yield f"asked {min(asked, 3)} {has_region} {rules.task}"
    yield f"region {has_region}"
    yield f"length {min(len(words) // 4, 8)}"


def features(question: str, has_region: bool) -> NDArray[np.int64]:
    """Rows of the table that a question lights up, each once: ``int64 [n]``."""
    rows = {zlib.crc32(clue.encode()) % BUCKETS for clue in _clues(question, has_region)}
    return np.array(sorted(rows), np.int64)


class Table(NamedTuple):
    """``weights float32 [BUCKETS, OUTPUTS]`` and ``bias float32 [OUTPUTS]``."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    @classmethod
    def load(cls, path: Path) -> Table:
        with np.load(path) as data:
            return cls(data["weights"].astype(np.float32), data["bias"].astype(np.float32))


@lru_cache(maxsize=1)
def shipped_table() -> Table:
    """The table that ships with the package."""
    with resources.as_file(resources.files("iqa_spider.tasks") / "reader.npz") as path:
        return Table.load(path)


def _scores(question: str, has_region: bool, table: Table) -> NDArray[np.float32]:
    """Scores of all columns: ``float32 [OUTPUTS]``."""
    weights, bias = table
    rows = features(question, has_region)
    return np.asarray(weights[rows].sum(0) / np.sqrt(len(rows)) + bias, np.float32)


def _best(values: NDArray[np.float32], names: tuple[str, ...]) -> str:
    return names[int(values.argmax())]


def route(question: str, *, has_region: bool = False, table: Table | None = None) -> Route:
    """Find the task of a question; ``has_region`` says that a box or mask came with it.

    Raises:
        QuestionError: the question is empty or too long.
    """
    found = _scores(check_question(question), has_region, table or shipped_table())
    kinds, rest = found[: len(KINDS)].copy(), found[len(KINDS) :]
    asked = asked_categories(mend(question))
    banned = ("global", "rating", "hyd-g", "sid-g", "dao-g") if has_region else ()
    if not asked:
        banned = (*banned, "sid-g", "dao-g")
    kinds[[KINDS.index(name) for name in banned]] = -np.inf
    kind = _best(kinds, KINDS)
    extremum, order = _best(rest[:2], EXTREMA), _best(rest[2:5], ORDERS)
    if kind in ("global", "rating"):
        return Route(Task.GLOBAL, rating=kind == "rating")
    if kind == "local":
        return Route(Task.LOCAL)
    if kind in ("short", "long"):
        return Route(Task.REFERRING, SubTask(kind))
    if kind == "hyd-g":
        return Route(Task.GROUNDING, SubTask.HYD, extremum)
    if kind == "sid-g":
        return Route(Task.GROUNDING, SubTask.SID, extremum, asked[:1])
    if order == "full" and len(asked) < 2:
        order = _best(rest[3:5], ORDERS[1:])
    pair = asked[:2] if order == "full" else asked[:1]
    if order == "full" and rest[6] > rest[5]:
        pair = pair[::-1]
    return Route(Task.GROUNDING, SubTask.DAO, None, pair, order)


def meaning(way: Route) -> str:
    """What a question asks for in a few plain words, the same for all its wordings."""
    if way.task is Task.GLOBAL:
        return "rate the picture" if way.rating else "describe the picture"
    if way.task is Task.LOCAL:
        return "describe the region"
    if way.task is Task.REFERRING:
        return "distortions of the region" + (
            " and their effects" if way.subtask is SubTask.LONG else ""
        )
    names = [PHRASE[category] for category in way.asked]
    if way.subtask is SubTask.DAO and names:
        if way.order == "full":
            return f"find {names[0]}, then {names[-1]}"
        return f"find {names[0]} {way.order}"
    if way.subtask is SubTask.SID and names:
        return f"find the {way.extremum} {names[0]}"
    return f"find the {way.extremum or 'most'} degraded"
