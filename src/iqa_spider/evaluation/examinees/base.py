"""What sits an examination: anything that answers items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from iqa_spider.evaluation.bench.items import Item, Reply

__all__ = ["Answered", "Examinee", "by_picture"]


@dataclass(frozen=True, slots=True)
class Answered:
    """A reply to an item and the seconds of its parts (kept apart from what is scored)."""

    item: Item
    reply: Reply
    seconds: dict[str, float] = field(default_factory=dict)


@runtime_checkable
class Examinee(Protocol):
    """A model, a baseline or a file of answers.

    ``abilities`` is a subset of `ABILITIES`: a metric of something outside it is left out. ``describe``
    holds whatever decides the answers; a run is resumed only where it is the same.
    """

    @property
    def name(self) -> str: ...

    @property
    def abilities(self) -> frozenset[str]: ...

    def describe(self) -> dict[str, Any]: ...

    def answer(self, data: Path, items: Sequence[Item]) -> Iterator[Answered]:
        """Answer items in order; pictures lie under ``data``. A picture that fails gives error replies."""
        ...


def by_picture(items: Iterable[Item]) -> Iterator[tuple[str, list[Item]]]:
    """Runs of items of one picture, so that it is encoded once."""
    for image, group in groupby(items, key=lambda item: item.image):
        yield image, list(group)
