"""A `Spider` in this process."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from iqa_spider.core import Answer, Mask, SpiderError, open_picture
from iqa_spider.evaluation.bench.items import ABILITIES, Item, Reply
from iqa_spider.evaluation.examinees.base import Answered, by_picture
from iqa_spider.models import Session, Spider
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
    """Follows `Examinee`. The benchmark says whether a mask is wanted, not the router."""

    abilities = ABILITIES

    def __init__(self, spider: Spider, name: str, settings: dict[str, Any]) -> None:
        self.spider, self.name, self.settings = spider, name, settings

    def describe(self) -> dict[str, Any]:
        place = {"temperature": self.spider.temperature, "reach": self.spider.reach}
        return {"name": self.name, **place, **self.settings}

    def answer(self, data: Path, items: Sequence[Item]) -> Iterator[Answered]:
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
            start = time.perf_counter()
            closed = self._closed(session, item, region)
        except SpiderError as error:
            return Answered(item, Reply(error=str(error)))
        seconds = (
            {**found.seconds, "closed": time.perf_counter() - start} if closed else found.seconds
        )
        return Answered(item, _reply(found, item, closed), dict(seconds))

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
