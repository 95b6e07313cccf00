"""What a backbone generates and what a user gets back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iqa_spider.core.facts import Task
from iqa_spider.core.geometry import HORIZONTAL, VERTICAL, Mask, Point
from iqa_spider.core.quality import Category, Level

__all__ = ["FORMS", "TERMS", "Answer", "AxisTerm", "Generation", "Grounded", "TermLogits"]

TERMS: Final = (*VERTICAL, *HORIZONTAL)
"""The closed set, in the order of the columns of `TermLogits`: top, bottom, left, right."""

FORMS: Final = (" {}", "{}", " {C}", "{C}")
"""Surface forms of a term: with a leading space or without, lower case or capitalised."""

TermLogits = NDArray[np.float32]
"""``float32 [terms, forms]``: logit of the first token of each form of each term at one step.

NaN where a backbone cannot tell (an endpoint that returns only its top-k, say)."""


@dataclass(frozen=True, slots=True)
class Generation:
    """Text as the language model wrote it, step by step.

    ``pieces[t]`` is the text of the token of step ``t``; joined they are ``text`` before stripping.
    ``logits`` is ``float32 [steps, terms, forms]``: the closed set at the step that produced it.
    """

    text: str
    tokens: tuple[int, ...]
    pieces: tuple[str, ...]
    logits: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class AxisTerm:
    """The distribution over the two terms of one axis, and how it came about."""

    term: str
    probabilities: dict[str, float]
    step: int | None
    """The step of the answer that named the term; None if it was asked for afterwards (probed)."""


@dataclass(frozen=True, slots=True)
class Grounded:
    """A point in pixels with both axis distributions (eqs. 2-4)."""

    point: Point
    vertical: AxisTerm
    horizontal: AxisTerm


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The answer to one question about one picture.

    ``mask`` (``bool [H, W]``) and ``point`` are in the pixels of the displayed picture; both are None
    where the question asks for no region. ``score`` is 0-100, higher is better. ``seconds`` holds
    the time of each part: encode (once a picture), generate, point (text-to-point alone), segment, rate.
    """

    text: str
    task: Task
    distortions: tuple[Category, ...] = ()
    severities: dict[Category, int] = field(default_factory=dict)
    mask: Mask | None = None
    point: Point | None = None
    terms: dict[str, dict[str, float]] | None = None
    whole_image: bool = False
    level: Level | None = None
    score: float | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
