"""A `Spider` in this process: one question after the other, or several together where the backbone can."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from iqa_spider.core import (
    Answer,
    AsksMany,
    Mask,
    MemoryLimitError,
    SpiderError,
    open_picture,
)
from iqa_spider.evaluation.bench.items import ABILITIES, Item, Reply
from iqa_spider.evaluation.examinees.base import Answered, by_picture
from iqa_spider.models import Session, Spider, ask_together
from iqa_spider.regions import encode_rle

__all__ = ["ScoresOptions", "SpiderExaminee"]


@runtime_checkable
class ScoresOptions(Protocol):
    """A conversation that says how likely it finds given continuations."""

    def likelihoods(
        self,
        question: str,
        beginning: str,
        options: Sequence[str],
        *,
        region: Mask | None = None,
    ) -> list[float]:
        """Log-likelihood of each option after a fixed beginning of the answer."""
        ...


class SpiderExaminee:
    """Follows `Examinee`. The benchmark says whether a mask is wanted, not the router.

    ``batch`` questions, of one picture or several, are answered together; fewer where memory ends.
    """

    abilities = ABILITIES

    def __init__(self, spider: Spider, name: str, settings: dict[str, Any], batch: int = 1) -> None:
        self.spider, self.name, self.settings = spider, name, settings
        self.batch = batch if isinstance(spider.backbone, AsksMany) else 1

    def describe(self) -> dict[str, Any]:
        place = {"temperature": self.spider.temperature, "reach": self.spider.reach}
        return {"name": self.name, **place, **self.settings}

    def answer(self, data: Path, items: Sequence[Item]) -> Iterator[Answered]:
        if self.batch > 1:
            yield from self._in_batches(data, items)
            return
        for image, group in by_picture(items):
            try:
                session = self.spider.open(open_picture(data / image))
            except SpiderError as error:
                yield from (Answered(item, Reply(error=str(error))) for item in group)
                continue
            for item in group:
                yield self._one(session, item)

    def _one(self, session: Session, item: Item) -> Answered:
        try:
            region = item.region_mask()
            found = session.ask(item.question, region=region, ground=item.wants_mask)
        except SpiderError as error:
            return Answered(item, Reply(error=str(error)))
        return self._finished(session, item, found)

    def _finished(self, session: Session, item: Item, found: Answer) -> Answered:
        """The reply with its closed sets."""
        start = time.perf_counter()
        try:
            closed = self._closed(session, item, item.region_mask())
        except SpiderError as error:
            return Answered(item, Reply(error=str(error)))
        seconds = (
            {**found.seconds, "closed": time.perf_counter() - start} if closed else found.seconds
        )
        return Answered(item, _reply(found, item, closed), dict(seconds))

    def _in_batches(self, data: Path, items: Sequence[Item]) -> Iterator[Answered]:
        opened: dict[str, Session | SpiderError] = {}
        for start in range(0, len(items), self.batch):
            part = items[start : start + self.batch]
            # A picture whose questions go on in the next batch stays open.
            opened = {i.image: opened[i.image] for i in part if i.image in opened}
            yield from self._together(data, part, opened)

    def _together(
        self, data: Path, items: Sequence[Item], opened: dict[str, Session | SpiderError]
    ) -> Iterator[Answered]:
        said = self._said(data, items, opened)
        if isinstance(said, MemoryLimitError):
            opened.clear()
            if len(items) == 1:
                yield Answered(items[0], Reply(error=str(said)))
                return
            half = len(items) // 2
            yield from self._together(data, items[:half], opened)
            opened.clear()
            yield from self._together(data, items[half:], opened)
            return
        for item, found in zip(items, said, strict=True):
            session = opened[item.image]
            if isinstance(found, SpiderError) or isinstance(session, SpiderError):
                yield Answered(item, Reply(error=str(found)))
            else:
                yield self._finished(session, item, found)

    def _said(
        self, data: Path, items: Sequence[Item], opened: dict[str, Session | SpiderError]
    ) -> list[Answer | SpiderError] | MemoryLimitError:
        """An answer or an error an item; `MemoryLimitError` where they are too many at once."""
        try:
            for item in items:
                if item.image not in opened:
                    opened[item.image] = self._open(data / item.image)
            ready = [(i, s) for i in items if isinstance(s := opened[i.image], Session)]
            answers = ask_together(
                [(session, item.question, item.region_mask()) for item, session in ready],
                [item.wants_mask for item, _ in ready],
            )
        except MemoryLimitError as error:
            # The frames of the traceback would keep the very memory that has to be freed.
            return error.with_traceback(None)
        found = {item.id: answer for (item, _), answer in zip(ready, answers, strict=True)}
        failed = {i.id: s for i in items if isinstance(s := opened[i.image], SpiderError)}
        return [found.get(item.id) or failed[item.id] for item in items]

    def _open(self, path: Path) -> Session | SpiderError:
        try:
            return self.spider.open(open_picture(path))
        except MemoryLimitError:
            raise
        except SpiderError as error:
            return error

    def _closed(
        self, session: Session, item: Item, region: Mask | None
    ) -> dict[str, dict[str, float | None]]:
        talk = session.conversation
        if not isinstance(talk, ScoresOptions):
            return {}
        found: dict[str, dict[str, float | None]] = {}
        for name, way in item.closed.items():
            values = talk.likelihoods(item.question, way.beginning, way.options, region=region)
            found[name] = {o: round(v, 5) for o, v in zip(way.options, values, strict=True)}
        return found


def _reply(found: Answer, item: Item, closed: dict[str, dict[str, float | None]]) -> Reply:
    mask = found.mask if item.wants_mask else None
    point = found.point
    return Reply(
        text=found.text,
        mask=None if mask is None else encode_rle(mask),
        point=None if point is None else (round(point.x, 2), round(point.y, 2)),
        whole_image=found.whole_image,
        score=None if found.score is None else round(found.score, 4),
        closed=closed,
    )
