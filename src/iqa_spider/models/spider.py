"""`Spider`: a backbone, text-to-point and a segmenter behind one question."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from iqa_spider.core import (
    Answer,
    Backbone,
    Box,
    Conversation,
    Generation,
    Mask,
    Picture,
    PictureLike,
    Point,
    Proposes,
    Rater,
    SeenRegion,
    SeesRegions,
    Segmenter,
    SegmenterSession,
    Task,
    TextPrompted,
    check_mask,
    level_of_score,
    open_picture,
)
from iqa_spider.models.assessment import Assessment, assess
from iqa_spider.models.grounding import snap, text_to_point
from iqa_spider.models.proposing import propose_regions
from iqa_spider.tasks import (
    Route,
    check_question,
    match_name,
    parse_answer,
    route,
    terms_of,
)
from iqa_spider.tasks.naming import Appearance

__all__ = ["Asked", "Session", "Spider"]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A question that was checked: its words, its kind, and the region ``bool [H, W]`` it refers to."""

    question: str
    way: Route
    region: Mask | None


class Spider:
    """Answers questions about the quality of pictures with text, point and mask."""

    def __init__(
        self,
        backbone: Backbone,
        segmenter: Segmenter,
        *,
        temperature: float = 1.0,
        reach: float = 0.0,
        proposer: Segmenter | None = None,
    ) -> None:
        """``temperature`` of text-to-point; ``reach`` within which a point snaps to a seen region.

        ``proposer`` divides pictures for a backbone that does not; None leaves it to the segmenter.
        """
        self.backbone, self.segmenter, self.proposer = backbone, segmenter, proposer
        self.temperature, self.reach = temperature, reach

    @classmethod
    def load(cls, name: str = "pocket", **options: Any) -> Self:
        """Load a model by name; see `load_spider` for the options."""
        from iqa_spider.models.registry import load_spider

        spider = load_spider(name, **options)
        return cls(
            spider.backbone,
            spider.segmenter,
            temperature=spider.temperature,
            reach=spider.reach,
            proposer=spider.proposer,
        )

    def open(self, picture: PictureLike) -> Session:
        """Encode a picture once; ask the session as often as you like."""
        return Session(self, open_picture(picture))

    def ask(self, image: PictureLike, question: str, region: Mask | Box | None = None) -> Answer:
        """Ask one question about one picture; a region is a mask ``bool [H, W]`` or a box."""
        check_question(question)
        return self.open(image).ask(question, region=region)


class Session:
    """One encoded picture."""

    def __init__(self, spider: Spider, picture: Picture) -> None:
        start = time.perf_counter()
        self.spider, self.picture = spider, picture
        self.height, self.width = picture.shape[:2]
        self.conversation: Conversation = spider.backbone.open(picture)
        self._segmenter: SegmenterSession | None = None
        self._regions: Sequence[SeenRegion] | None = None
        self._rating: tuple[float, dict[str, float]] | None = None
        self.encode_seconds = time.perf_counter() - start

    @property
    def segmenter(self) -> SegmenterSession:
        if self._segmenter is None:
            self._segmenter = self.spider.segmenter.open(self.picture)
        return self._segmenter

    def rate(self) -> tuple[float, dict[str, float]] | None:
        """Score 0-100 and level probabilities, where the backbone can rate."""
        if self._rating is None and isinstance(self.conversation, Rater):
            self._rating = self.conversation.rate()
        return self._rating

    def seen_regions(self) -> Sequence[SeenRegion]:
        """The regions the backbone proposes; none where it does not divide pictures."""
        if isinstance(self.conversation, SeesRegions):
            return self.conversation.seen_regions()
        return ()

    def regions(self) -> Sequence[SeenRegion]:
        """The backbone's regions, or the segmenter's where it has none; found once.

        None where the segmenter takes no clicks either.
        """
        if self._regions is None:
            self._regions = self.seen_regions()
            if not isinstance(self.conversation, SeesRegions):
                proposer = self.spider.proposer
                own = self.segmenter if proposer is None else proposer.open(self.picture)
                if isinstance(own, Proposes):
                    self._regions = propose_regions(own, self.picture)
        return self._regions

    def find_region(self, name: str) -> Mask | None:
        """The region of `regions` that a name fits best ("the dark area at the top left"), if one does."""
        return _best(self.regions(), name)

    def ask(
        self, question: str, *, region: Mask | Box | None = None, ground: bool | None = None
    ) -> Answer:
        """Answer a question.

        ``region`` is what the question refers to. ``ground`` forces a point and mask (True) or forbids
        them (False); by default the kind of question decides.
        """
        asked = self.prepare(question, region)
        start = time.perf_counter()
        generation = self.conversation.ask(asked.question, region=asked.region)
        return self.complete(asked, generation, time.perf_counter() - start, ground=ground)

    def prepare(self, question: str, region: Mask | Box | None = None) -> Asked:
        """Check a question and find what it refers to: the first half of `ask`."""
        question = check_question(question)
        mask = self._region(region)
        way = route(question, has_region=mask is not None)
        if mask is None and way.task in (Task.REFERRING, Task.LOCAL):
            # The backbone's own regions alone: a model that has none reads the words for itself.
            mask = _best(self.seen_regions(), question)
        return Asked(question, way, mask)

    def complete(
        self, asked: Asked, generation: Generation, seconds: float, *, ground: bool | None = None
    ) -> Answer:
        """Point, mask and score of what the backbone said in ``seconds``: the second half of `ask`."""
        start = time.perf_counter()
        wanted = asked.way.task is Task.GROUNDING if ground is None else ground
        answer = self._answer(asked.question, asked.way, generation, asked.region, wanted)
        spent = answer.pop("seconds", {"point": 0.0, "segment": 0.0})
        rest = time.perf_counter() - start - sum(spent.values())
        times = {"encode": self.encode_seconds, "generate": seconds, **spent, "rate": rest}
        return Answer(**answer, seconds=times)

    def _region(self, region: Mask | Box | None) -> Mask | None:
        if isinstance(region, Box):
            return region.inside(self.width, self.height).mask(self.width, self.height)
        return None if region is None else check_mask(region, self.height, self.width)

    def _answer(
        self, question: str, way: Route, generation: Generation, region: Mask | None, ground: bool
    ) -> dict[str, Any]:
        parsed = parse_answer(generation.text)
        fields: dict[str, Any] = {
            "text": generation.text,
            "task": way.task,
            "distortions": parsed.categories,
            "severities": parsed.severities,
            "whole_image": parsed.whole_image,
        }
        if ground and parsed.whole_image:
            # The gate: a whole-image answer needs no point and no segmenter.
            fields["mask"] = np.ones((self.height, self.width), bool)
        elif ground:
            fields |= self._ground(question, generation, region)
        elif region is not None:
            fields["mask"] = region
        if rated := self.rate():
            fields |= {"score": rated[0], "level": level_of_score(rated[0])}
        return fields

    def _ground(self, question: str, generation: Generation, region: Mask | None) -> dict[str, Any]:
        size = (self.width, self.height)
        probe: Callable[[str], Any] = lambda beginning: self.conversation.probe(  # noqa: E731
            question, beginning, region=region
        )
        start = time.perf_counter()
        found = text_to_point(generation, size, self.spider.temperature, probe)
        anchors = [region.anchor for region in self.seen_regions()] if self.spider.reach else []
        near = snap(found.point, anchors, size, self.spider.reach)
        point = Point(min(near.x, self.width - 1), min(near.y, self.height - 1))
        pointed = time.perf_counter()
        if isinstance(self.segmenter, TextPrompted):
            best = self.segmenter.segment_text(generation.text)[0]
        else:
            best = self.segmenter.segment([point])[0]
        terms = {
            "vertical": found.vertical.probabilities,
            "horizontal": found.horizontal.probabilities,
        }
        seconds = {"point": pointed - start, "segment": time.perf_counter() - pointed}
        return {"point": point, "terms": terms, "mask": best.mask, "seconds": seconds}

    def assess(self) -> Assessment:
        """Level, score, description, every region with its distortions, and the worst one."""
        return assess(self)


def _best(seen: Sequence[SeenRegion], name: str) -> Mask | None:
    scores = match_name(name, [(_appearance(r.looks), terms_of(r.mask)) for r in seen])
    if not scores or max(scores) < 2:
        return None
    return seen[int(np.argmax(scores))].mask


def _appearance(looks: tuple[str, ...]) -> Appearance:
    """Colour, light and size among the words of a region's looks."""
    words = [w for w in looks if w not in ("area", "dark", "light", "small", "large")]
    light = next((w for w in looks if w in ("dark", "light")), "")
    size = next((w for w in looks if w in ("small", "large")), "")
    return Appearance(words[0] if words else "", light, size)
