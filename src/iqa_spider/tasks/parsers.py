"""Text -> facts. Reads our own answers exactly and those of other models as far as they go.

Nothing is guessed: where a text says nothing of a kind, the field stays empty and ``reason`` says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from iqa_spider.core import Category, Level
from iqa_spider.tasks.phrases import mentions

__all__ = ["ParsedAnswer", "ParsedRegion", "parse_answer", "parse_regions"]

_SEVERITIES: Final = {
    1: "faint faintly barely hardly negligible minimal trace",
    2: "mild mildly slight slightly light lightly minor weak subtle little low",
    3: "moderate moderately medium noticeable noticeably visible visibly some fairly",
    4: "strong strongly heavy heavily considerable considerably significant significantly high",
    5: "severe severely extreme extremely massive massively intense terrible terribly worst",
}
_SEVERITY: Final = {word: value for value, words in _SEVERITIES.items() for word in words.split()}
_SEVERITY_BEFORE: Final = re.compile(rf"\b({'|'.join(_SEVERITY)})\b(?:\s+[\w-]+)?\s*$")
_VERTICAL: Final = {"top": "top", "upper": "top", "bottom": "bottom", "lower": "bottom"}
_TERMS: Final = re.compile(r"\b(top|upper|bottom|lower|left|right)(?:most|-hand)?\b")
_WHOLE: Final = re.compile(
    r"\b(whole|entire|full|complete)\s+(image|picture|photo|photograph|frame|scene)\b"
    r"|\b(everywhere|all over|across the (image|picture|photo))\b"
)
_CLEAN: Final = re.compile(
    r"\bno\s+(\w+\s+){0,2}(distortions?|degradations?|artifacts?|artefacts?|flaws?|defects?)\b"
    r"|\b(undistorted|pristine|is clean|looks clean|without (any )?distortions?)\b"
    r"|^\s*(none|clean)\W*$"
)
_LEVEL: Final = re.compile(
    r"\bquality\b[^.]{0,40}?\b(bad|poor|fair|good|excellent)\b|^\s*(bad|poor|fair|good|excellent)\W*$"
)
_ORDER: Final = re.compile(r"\b(then|followed by|before|after(wards)?|first)\b")


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """What a text states. ``terms`` is (top|bottom|None, left|right|None)."""

    categories: tuple[Category, ...] = ()
    severities: dict[Category, int] = field(default_factory=dict)
    terms: tuple[str | None, str | None] = (None, None)
    level: Level | None = None
    whole_image: bool = False
    clean: bool = False
    ordered: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedRegion:
    """One region that a description speaks of."""

    terms: tuple[str | None, str | None]
    categories: tuple[Category, ...]
    severities: dict[Category, int]


def _severities(text: str) -> dict[Category, int]:
    found: dict[Category, int] = {}
    for category, start, _ in mentions(text):
        match = _SEVERITY_BEFORE.search(text[max(0, start - 30) : start])
        if match and category not in found:
            found[category] = _SEVERITY[match.group(1)]
    return found


def _terms(text: str) -> tuple[str | None, str | None]:
    """The first term named on each axis."""
    vertical: str | None = None
    horizontal: str | None = None
    for match in _TERMS.finditer(text):
        word = match.group(1)
        if word in _VERTICAL:
            vertical = vertical or _VERTICAL[word]
        else:
            horizontal = horizontal or word
    return vertical, horizontal


def _level(text: str) -> Level | None:
    match = _LEVEL.search(text)
    return Level(match.group(1) or match.group(2)) if match else None


def parse_answer(text: str) -> ParsedAnswer:
    """Read what a text says of distortions, their severity and order, position, level and extent."""
    lowered = text.strip().lower()
    if not lowered:
        return ParsedAnswer(reason="the answer is empty")
    categories = tuple(dict.fromkeys(category for category, _, _ in mentions(lowered)))
    terms, level = _terms(lowered), _level(lowered)
    whole = bool(_WHOLE.search(lowered))
    clean = bool(_CLEAN.search(lowered)) and not categories
    reason = None
    if not (categories or clean or whole or level or any(terms)):
        reason = "the answer names no distortion, position or level"
    return ParsedAnswer(
        categories=categories,
        severities=_severities(lowered),
        terms=terms,
        level=level,
        whole_image=whole,
        clean=clean,
        ordered=len(categories) > 1 and bool(_ORDER.search(lowered)),
        reason=reason,
    )


def parse_regions(text: str) -> list[ParsedRegion]:
    """The regions of a description: each sentence that names a position or the whole picture."""
    regions = []
    for sentence in re.split(r"(?<=[.!?])\s+", text.strip()):
        parsed = parse_answer(sentence)
        if parsed.categories and (any(parsed.terms) or parsed.whole_image):
            regions.append(ParsedRegion(parsed.terms, parsed.categories, parsed.severities))
    return regions
