"""The embedded backbone: `PocketVision` sees, `PocketLanguage` answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from iqa_spider.core import (
    LEVELS,
    Generation,
    Mask,
    Picture,
    Point,
    Proposes,
    SeenRegion,
    Task,
    TermLogits,
    check_mask,
)
from iqa_spider.models.boxed import is_box, region_in_box
from iqa_spider.models.focus import with_focus
from iqa_spider.models.grounding import closed_softmax
from iqa_spider.models.language import PocketLanguage, Prompt
from iqa_spider.models.tokens import RegionView
from iqa_spider.models.vision import PocketVision, Seen
from iqa_spider.tasks import RATING_PREFIX, Route, route

__all__ = ["PocketBackbone", "PocketConversation"]

RATING_QUESTION = "Rate the quality of this picture."


class PocketConversation:
    """One picture; its views are computed and every question reuses them."""

    def __init__(self, language: PocketLanguage, seen: Seen, session: Proposes) -> None:
        self.language, self.seen, self.session = language, seen, session

    def seen_regions(self) -> list[SeenRegion]:
        pairs = zip(self.seen.regions, self.seen.masks, strict=True)
        width, height = self.seen.size
        return [
            SeenRegion(view.looks, mask, Point(view.x * width, view.y * height))
            for view, mask in pairs
        ]

    def views(self, region: Mask | None, way: Route | None = None) -> list[RegionView]:
        """Global view, regions, and last the region that was marked or that fits the question best.

        A question about the distortions of nothing in particular is about the whole picture.
        """
        views = [self.seen.overall, *self.seen.regions]
        if region is None and way is not None and way.task is Task.REFERRING:
            return [*views, replace(self.seen.overall, kind="asked")]
        if region is not None:
            width, height = self.seen.size
            mask = check_mask(region, height, width)
            if is_box(mask):
                mask = region_in_box(mask, self.session, self.seen.masks)
            return [*views, self.seen.view(mask, "asked")]
        return views if way is None else with_focus(views, way)

    def prompt(self, question: str, region: Mask | None = None) -> Prompt:
        """What the language model reads."""
        way = route(question, has_region=region is not None)
        if region is None and way.task is Task.LOCAL:
            way = Route(Task.GLOBAL)  # a region that nobody could find: the picture is described
        return self.language.prompt(way, self.views(region, way))

    def ask(
        self, question: str, *, region: Mask | None = None, max_tokens: int = 160
    ) -> Generation:
        return self.language.generate(self.prompt(question, region), max_tokens)

    def probe(self, question: str, answer: str, *, region: Mask | None = None) -> TermLogits:
        prompt = self.prompt(question, region)
        logits = self.language.next_logits(prompt, answer)
        return np.asarray(logits.numpy()[self.language.form_ids], np.float32)

    def likelihoods(
        self,
        question: str,
        beginning: str,
        options: Sequence[str],
        *,
        region: Mask | None = None,
    ) -> list[float]:
        """Log-likelihood of each option after ``beginning``: scoring by a closed set."""
        prompt = self.prompt(question, region)
        return self.language.likelihoods(prompt, beginning, options)

    def rate(self) -> tuple[float, dict[str, float]]:
        """Score 0-100 and the closed-set probabilities of the five levels behind it."""
        prompt = self.prompt(RATING_QUESTION)
        logits = self.language.next_logits(prompt, RATING_PREFIX).numpy()
        ids = [self.language.tokenizer.encode(f" {level}").ids[0] for level in LEVELS]
        shares = closed_softmax(logits[ids], 1.0)
        score = float((shares * np.arange(len(LEVELS))).sum() * 25)
        return score, {str(level): float(p) for level, p in zip(LEVELS, shares, strict=True)}


class PocketBackbone:
    """Follows `core.Backbone`."""

    name = "pocket"
    conversation: type[PocketConversation] = PocketConversation

    def __init__(self, vision: PocketVision, language: PocketLanguage) -> None:
        self.vision, self.language = vision, language

    def open(self, picture: Picture) -> PocketConversation:
        """Encode ``uint8 [H, W, 3]`` once."""
        seen = self.vision.open(picture)
        return self.conversation(self.language, seen, self.vision.segmenter.open(picture))
