"""`Spider`: a backbone, text-to-point and a segmenter behind one question."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from iqa_spider.core import (
    Answer,
    Backbone,
    Box,
    ConfigError,
    Conversation,
    Finding,
    Generation,
    Mask,
    Picture,
    PictureLike,
    Point,
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
from iqa_spider.models.assessment import Assessment, RegionReport
from iqa_spider.models.grounding import snap, text_to_point
from iqa_spider.tasks import (
    Route,
    check_question,
    match_name,
    parse_answer,
    region_level,
    route,
    terms_of,
)
from iqa_spider.tasks.naming import Appearance

__all__ = ["Session", "Spider"]

WORST = "Which part of this picture has suffered the most?"
DESCRIBE = "Describe the quality of this picture in detail."
REFER = "Which distortion(s) were applied to this region? Describe the effects too."


class Spider:
    """Answers questions about the quality of pictures with text, point and mask."""

    def __init__(
        self,
        backbone: Backbone,
        segmenter: Segmenter,
        *,
        temperature: float = 1.0,
        reach: float = 0.0,
    ) -> None:
        """``temperature`` of text-to-point; ``reach`` within which a point snaps to a seen region."""
        self.backbone, self.segmenter = backbone, segmenter
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

    def find_region(self, name: str) -> Mask | None:
        """The proposed region that a name fits best ("the dark area at the top left"), if one does."""
        seen = self.seen_regions()
        scores = match_name(name, [(_appearance(r.looks), terms_of(r.mask)) for r in seen])
        if not scores or max(scores) < 2:
            return None
        return seen[int(np.argmax(scores))].mask

    def ask(
        self, question: str, *, region: Mask | Box | None = None, ground: bool | None = None
    ) -> Answer:
        """Answer a question.

        ``region`` is what the question refers to. ``ground`` forces a point and mask (True) or forbids
        them (False); by default the kind of question decides.
        """
        start = time.perf_counter()
        question = check_question(question)
        mask = self._region(region)
        way = route(question, has_region=mask is not None)
        if mask is None and way.task in (Task.REFERRING, Task.LOCAL):
            mask = self.find_region(question)
        generation = self.conversation.ask(question, region=mask)
        told = time.perf_counter()
        wanted = way.task is Task.GROUNDING if ground is None else ground
        answer = self._answer(question, way, generation, mask, wanted)
        spent = answer.pop("seconds", {"point": 0.0, "segment": 0.0})
        rest = time.perf_counter() - told - sum(spent.values())
        seconds = {"encode": self.encode_seconds, "generate": told - start, **spent, "rate": rest}
        return Answer(**answer, seconds=seconds)

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
        rating = self.rate()
        if rating is None:
            raise ConfigError(
                f"{self.spider.backbone.name} cannot rate pictures, which assess needs: it returns no "
                "log-probabilities; name another --model, or ask it with `iqa-spider ask`"
            )
        score, levels = rating
        answer = self.ask(WORST)
        description = self.ask(DESCRIBE, ground=False).text
        regions = self._regions()
        damaged = [i for i, r in enumerate(regions) if r.findings]
        worst = max(
            damaged, key=lambda i: sum(f.severity for f in regions[i].findings), default=None
        )
        level = level_of_score(score)
        return Assessment(level, score, levels, description, regions, worst, answer)

    def _regions(self) -> tuple[RegionReport, ...]:
        return tuple(self._report(r.looks, r.mask) for r in self.seen_regions())

    def _report(self, looks: tuple[str, ...], mask: Mask) -> RegionReport:
        text = self.conversation.ask(REFER, region=mask).text
        parsed = parse_answer(text)
        findings = tuple(Finding(c, parsed.severities.get(c, 3)) for c in parsed.categories)
        return RegionReport(
            name=" ".join(looks),
            mask=mask,
            box=Box.around(mask),
            terms=terms_of(mask),
            area=float(mask.mean()),
            findings=findings,
            quality=region_level(sum(f.severity for f in findings)),
            text=text,
        )


def _appearance(looks: tuple[str, ...]) -> Appearance:
    """Colour, light and size among the words of a region's looks."""
    words = [w for w in looks if w not in ("area", "dark", "light", "small", "large")]
    light = next((w for w in looks if w in ("dark", "light")), "")
    size = next((w for w in looks if w in ("small", "large")), "")
    return Appearance(words[0] if words else "", light, size)
