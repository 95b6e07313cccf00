"""The embedded backbone: `PocketVision` sees, `PocketLanguage` answers."""

from __future__ import annotations

import numpy as np

from iqa_spider.core import (
    LEVELS,
    Generation,
    Mask,
    Picture,
    SeenRegion,
    TermLogits,
    check_mask,
)
from iqa_spider.models.focus import with_focus
from iqa_spider.models.grounding import closed_softmax
from iqa_spider.models.language import PocketLanguage, Prompt
from iqa_spider.models.tokens import RegionView
from iqa_spider.models.vision import PocketVision, Seen
from iqa_spider.tasks import RATING_PREFIX, route

__all__ = ["PocketBackbone", "PocketConversation"]

RATING_QUESTION = "Rate the quality of this picture."


class PocketBackbone:
    """Follows `core.Backbone`."""

    name = "pocket"

    def __init__(self, vision: PocketVision, language: PocketLanguage) -> None:
        self.vision, self.language = vision, language

    def open(self, picture: Picture) -> PocketConversation:
        """Encode ``uint8 [H, W, 3]`` once."""
        return PocketConversation(self.language, self.vision.open(picture))


class PocketConversation:
    """One picture; its views are computed and every question reuses them."""

    def __init__(self, language: PocketLanguage, seen: Seen) -> None:
        self.language, self.seen = language, seen

    def seen_regions(self) -> list[SeenRegion]:
        pairs = zip(self.seen.regions, self.seen.masks, strict=True)
        return [SeenRegion(view.looks, mask) for view, mask in pairs]

    def views(self, region: Mask | None, question: str = "") -> list[RegionView]:
        views = [self.seen.overall, *self.seen.regions]
        if region is None and question:
            return with_focus(views, route(question))
        if region is not None:
            width, height = self.seen.size
            views.append(self.seen.view(check_mask(region, height, width), "asked"))
        return views

    def _prompt(self, question: str, region: Mask | None) -> Prompt:
        return self.language.prompt(question, self.views(region, question))

    def ask(
        self, question: str, *, region: Mask | None = None, max_tokens: int = 160
    ) -> Generation:
        return self.language.generate(self._prompt(question, region), max_tokens)

    def probe(self, question: str, answer: str, *, region: Mask | None = None) -> TermLogits:
        prompt = self._prompt(question, region)
        logits = self.language.next_logits(prompt, answer)
        return np.asarray(logits.numpy()[self.language.form_ids], np.float32)

    def rate(self) -> tuple[float, dict[str, float]]:
        """Score 0-100 and the closed-set probabilities of the five levels behind it."""
        prompt = self.language.prompt(RATING_QUESTION, self.views(None))
        logits = self.language.next_logits(prompt, RATING_PREFIX).numpy()
        ids = [self.language.tokenizer.encode(f" {level}").ids[0] for level in LEVELS]
        shares = closed_softmax(logits[ids], 1.0)
        score = float((shares * np.arange(len(LEVELS))).sum() * 25)
        return score, {str(level): float(p) for level, p in zip(LEVELS, shares, strict=True)}
