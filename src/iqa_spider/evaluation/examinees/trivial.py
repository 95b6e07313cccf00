"""Baselines that know nothing of the picture: whatever does not beat them has learnt nothing.

They see the answers of the very items they sit for (the majority answer is that of the test), which makes
them as strong as a constant can be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from iqa_spider.core import Mask, Point, SegmenterSession, SpiderError, generator, open_picture
from iqa_spider.core import Segmenter as SegmenterProtocol
from iqa_spider.evaluation.bench.items import Item, Reply
from iqa_spider.evaluation.examinees.base import Answered, by_picture
from iqa_spider.evaluation.store import digest
from iqa_spider.regions import decode_rle, encode_rle

__all__ = ["CentrePoint", "FullMask", "Majority", "Random"]


class Majority:
    """The most frequent answer of a kind of question; ties go to the first in the alphabet."""

    name, abilities = "majority", frozenset(("text",))

    def __init__(self, items: Sequence[Item]) -> None:
        self.answers = {kind: _common(group) for kind, group in _kinds(items).items()}

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, "answers": self.answers}

    def answer(self, data: Path, items: Sequence[Item]) -> Iterator[Answered]:
        for item in items:
            yield Answered(item, Reply(text=self.answers[item.kind]))


def _kinds(items: Sequence[Item]) -> Mapping[str, list[Item]]:
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.kind, []).append(item)
    return groups


def _first(counts: Counter[str]) -> str:
    return min(counts, key=lambda name: (-counts[name], name))


def _common(group: Sequence[Item]) -> str:
    key = _first(Counter(item.key for item in group))
    return _first(Counter(item.reference for item in group if item.key == key))


class Random:
    """The answer and the mask of another item of the same kind, a uniform point and score; seeded.

    An item that is the only one of its kind gets neither words nor a mask.
    """

    name = "random"
    abilities = frozenset(("text", "mask", "point", "score", "closed"))

    def __init__(self, items: Sequence[Item], seed: int = 0) -> None:
        self.seed, self.groups = seed, _kinds(items)
        # Where the items of a photo stand in their group: 10,000 items leave no time to look through it.
        self.places: dict[tuple[str, str], list[int]] = {}
        for kind, group in self.groups.items():
            for place, item in enumerate(group):
                self.places.setdefault((kind, item.photo), []).append(place)
        self.items = digest([item.to_json() for item in items])

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, "seed": self.seed, "items": self.items}

    def answer(self, data: Path, items: Sequence[Item]) -> Iterator[Answered]:
        for item in items:
            yield Answered(item, self._reply(item))

    def _reply(self, item: Item) -> Reply:
        rng = generator(self.seed, "random", item.id)
        other = self._other(item, rng)
        closed: dict[str, dict[str, float | None]] = {
            name: {option: round(float(rng.normal()), 5) for option in way.options}
            for name, way in item.closed.items()
        }
        text = "" if other is None else other.reference
        if "letters" in item.closed:
            options = item.closed["letters"].options
            text = options[int(rng.integers(len(options)))]
        mask, point = (None, None) if other is None else self._place(item, other, rng)
        score = round(float(rng.uniform(0, 100)), 4)
        return Reply(text=text, mask=mask, point=point, score=score, closed=closed)

    def _other(self, item: Item, rng: np.random.Generator) -> Item | None:
        """Of another photo where there is one: two questions on one photo often share the answer."""
        group, own = self.groups[item.kind], self.places[item.kind, item.photo]
        if len(own) == len(group):
            own = [place for place in own if group[place].id == item.id]
        if len(own) == len(group):
            return None
        found = int(rng.integers(len(group) - len(own)))
        for place in own:
            found += found >= place
        return group[found]

    @staticmethod
    def _place(
        item: Item, other: Item, rng: np.random.Generator
    ) -> tuple[dict[str, Any] | None, tuple[float, float] | None]:
        own, taken = item.truth.get("mask"), other.truth.get("mask")
        if not item.wants_mask or own is None:
            return None, None
        height, width = own["size"]
        point = (round(float(rng.uniform(0, width)), 2), round(float(rng.uniform(0, height)), 2))
        # The other answer may be the whole image, which has no mask of its own.
        mask = np.ones((height, width), np.uint8)
        if taken is not None:
            mask = decode_rle(taken).astype(np.uint8)
        resized: Mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST) > 0
        return encode_rle(resized), point


class FullMask:
    """Marks every pixel."""

    name, abilities = "full-mask", frozenset(("mask",))

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}

    def answer(self, data: Path, items: Sequence[Item]) -> Iterator[Answered]:
        for image, group in by_picture(items):
            if not any(item.wants_mask for item in group):
                yield from (Answered(item, Reply()) for item in group)
                continue
            try:
                height, width = open_picture(data / image).shape[:2]
            except SpiderError as error:
                yield from (Answered(item, Reply(error=str(error))) for item in group)
                continue
            full = encode_rle(np.ones((height, width), bool))
            for item in group:
                yield Answered(item, Reply(mask=full if item.wants_mask else None))


class CentrePoint:
    """Clicks the middle of the picture and takes the segmenter's best mask."""

    name, abilities = "centre-point", frozenset(("mask", "point"))

    def __init__(self, segmenter: SegmenterProtocol) -> None:
        self.segmenter = segmenter

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, "segmenter": self.segmenter.name}

    def answer(self, data: Path, items: Sequence[Item]) -> Iterator[Answered]:
        for image, group in by_picture(items):
            reply = Reply()
            if any(item.wants_mask for item in group):
                reply = self._click(data / image)
            for item in group:
                wanted = item.wants_mask or reply.error is not None
                yield Answered(item, reply if wanted else Reply())

    def _click(self, path: Path) -> Reply:
        try:
            picture = open_picture(path)
            session: SegmenterSession = self.segmenter.open(picture)
            height, width = picture.shape[:2]
            best = session.segment([Point(width / 2, height / 2)])[0]
        except SpiderError as error:
            return Reply(error=str(error))
        return Reply(mask=encode_rle(best.mask), point=(width / 2, height / 2))
