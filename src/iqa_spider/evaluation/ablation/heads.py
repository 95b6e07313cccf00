"""Ways from an answer to a point and a mask.

``text``: eqs. 2-4 of the paper, the logits of the terms where the answer wrote them; ``snapped``: the same,
moved to the nearest region that the backbone sees. ``probed-2`` and ``probed-3``: terms scored after a
fixed beginning instead, two or three an axis (middle and center stand for one half). ``quarter``: the
middle of the quarter that the words name; no logits. ``named-*``: the counterpart of a text-prompted
segmenter (Fig. 5) for the embedded model: the proposed region that the answer's words fit best: all of
them, the spatial part or the semantic part. ``prompted-*``: the same parts put to a text-prompted segmenter,
as in Fig. 5. ``centre``: the middle of the picture. ``oracle-*``: a point
inside the true region, or the middle of its true quarter: what a better point could still gain, the
segmenter being what it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from iqa_spider.core import ConfigError, Generation, Mask, Point, TextPrompted
from iqa_spider.evaluation.bench.items import Item
from iqa_spider.evaluation.examinees.local import ScoresOptions
from iqa_spider.models import Session, text_to_point
from iqa_spider.models.grounding import PROBE, closed_softmax, snap
from iqa_spider.regions import decode_rle
from iqa_spider.tasks import anchor, parse_answer, terms_of

__all__ = ["GATED", "HEADS", "TEMPERED", "Aim", "parts_of"]


SNAP: Final = 0.2
"""Reach of snapping where the model's card names none."""


@dataclass(frozen=True, slots=True, eq=False)
class Aim:
    """All that a head may use. ``temperature`` is of the closed softmax; ``worded`` takes words as prompts."""

    session: Session
    item: Item
    generation: Generation
    temperature: float
    worded: TextPrompted | None = None

    @property
    def truth(self) -> Mask | None:
        mask = self.item.truth.get("mask")
        return None if mask is None else decode_rle(mask)

    def at(self, x: float, y: float) -> Point:
        """A point by shares of width and height, inside the picture."""
        width, height = self.session.width, self.session.height
        return Point(min(x * width, width - 1), min(y * height, height - 1))


Found = tuple[Point | None, Mask | None]


def _click(aim: Aim, point: Point) -> Found:
    return point, aim.session.segmenter.segment([point])[0].mask


def _point(aim: Aim) -> Point:
    probe: Callable[[str], Any] = lambda beginning: aim.session.conversation.probe(  # noqa: E731
        aim.item.question, beginning
    )
    size = (aim.session.width, aim.session.height)
    found = text_to_point(aim.generation, size, aim.temperature, probe).point
    return aim.at(found.x / size[0], found.y / size[1])


def _snapped(aim: Aim) -> Found:
    session = aim.session
    anchors = [region.anchor for region in session.seen_regions()]
    size = (session.width, session.height)
    return _click(aim, snap(_point(aim), anchors, size, session.spider.reach or SNAP))


def _share(aim: Aim, beginning: str, terms: tuple[str, ...]) -> tuple[float, str]:
    """Mean place of the terms, 0 (all on the first) to 1, and the likeliest term."""
    talk = aim.session.conversation
    if not isinstance(talk, ScoresOptions):
        raise ConfigError(
            f"{aim.session.spider.backbone.name} offers no likelihoods, which probing needs"
        )
    logits = np.array(talk.likelihoods(aim.item.question, beginning, terms))
    shares = closed_softmax(logits, aim.temperature)
    return float(shares @ np.linspace(0, 1, len(terms))), terms[int(shares.argmax())]


def _probed(aim: Aim, vertical: tuple[str, ...], horizontal: tuple[str, ...]) -> Found:
    y, term = _share(aim, PROBE, vertical)
    x, _ = _share(aim, f"{PROBE} {term}", horizontal)
    return _click(aim, aim.at(x, y))


def _quarter_of(aim: Aim, terms: tuple[str | None, str | None]) -> Found:
    vertical, horizontal = terms
    if vertical is None or horizontal is None:
        return None, None
    x, y = (0.25 if term in ("left", "top") else 0.75 for term in (horizontal, vertical))
    return _click(aim, aim.at(x, y))


_PLACE: Final = re.compile(
    r"\b(?:at|in|on|towards)\s+the\s+(?:top|bottom|upper|lower)?\s*(?:left|right)?(?:\s+(?:part|corner))?\b[:,]?",
    re.IGNORECASE,
)


def parts_of(text: str) -> dict[str, str]:
    """The answer whole, its spatial part (the terms) and its semantic part (all but the phrase of place)."""
    terms = " ".join(term for term in parse_answer(text).terms if term)
    semantic = " ".join(_PLACE.sub(" ", text).split())
    return {"whole": text, "spatial": terms, "semantic": semantic}


def _named(aim: Aim, part: str) -> Found:
    mask = aim.session.find_region(parts_of(aim.generation.text)[part])
    return None, mask


def _prompted(aim: Aim, part: str) -> Found:
    if aim.worded is None:
        raise ConfigError(
            "heads prompted-* need a segmenter that takes words: --prompted clipseg:PATH"
        )
    words = parts_of(aim.generation.text)[part]
    return None, aim.worded.segment_text(words)[0].mask if words else None


def _oracle_point(aim: Aim) -> Found:
    return (None, None) if aim.truth is None else _click(aim, anchor(aim.truth))


def _oracle_quarter(aim: Aim) -> Found:
    return (None, None) if aim.truth is None else _quarter_of(aim, terms_of(aim.truth))


HEADS: Final[Mapping[str, Callable[[Aim], Found]]] = {
    "text": lambda aim: _click(aim, _point(aim)),
    "snapped": _snapped,
    "probed-2": lambda aim: _probed(aim, ("top", "bottom"), ("left", "right")),
    "probed-3": lambda aim: _probed(aim, ("top", "middle", "bottom"), ("left", "center", "right")),
    "quarter": lambda aim: _quarter_of(aim, parse_answer(aim.generation.text).terms),
    "named-whole": lambda aim: _named(aim, "whole"),
    "named-spatial": lambda aim: _named(aim, "spatial"),
    "named-semantic": lambda aim: _named(aim, "semantic"),
    "prompted-whole": lambda aim: _prompted(aim, "whole"),
    "prompted-spatial": lambda aim: _prompted(aim, "spatial"),
    "prompted-semantic": lambda aim: _prompted(aim, "semantic"),
    "centre": lambda aim: _click(aim, aim.at(0.5, 0.5)),
    "oracle-point": _oracle_point,
    "oracle-quarter": _oracle_quarter,
}

GATED: Final = frozenset(HEADS) - {"centre", "oracle-point", "oracle-quarter"}
"""Heads that the whole-image gate precedes: the others do not listen to the words."""

TEMPERED: Final = frozenset(("text", "snapped", "probed-2", "probed-3"))
"""Heads that put logits through a softmax with temperature."""
