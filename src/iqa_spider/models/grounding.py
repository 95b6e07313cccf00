"""Text-to-point (eqs. 2-4 of the paper): from the logits of positional terms to pixels.

At the step that wrote the term, the closed set of its axis is put through a softmax with temperature
(the paper prints the temperature outside the exponent, where it would cancel); the probability of
"right" is x / W, that of "bottom" is y / H. Nothing is generated anew and no parameter is added.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iqa_spider.core import (
    FORMS,
    HORIZONTAL,
    TERMS,
    VERTICAL,
    AxisTerm,
    Generation,
    Grounded,
    Point,
    TermLogits,
)

__all__ = ["PROBE", "closed_softmax", "find_axis", "snap", "text_to_point"]

PROBE: Final = "The region at the"
"""Beginning of an answer that is scored where the answer named no term on an axis."""


def closed_softmax(logits: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Softmax over the closed set (eq. 2), ``softmax(logit / temperature)``."""
    if temperature <= 0:
        raise ValueError(f"temperature must be positive, not {temperature}")
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max())
    return np.asarray(powers / powers.sum())


def _axis(
    logits: TermLogits, form: int, words: tuple[str, str], temperature: float
) -> dict[str, float]:
    rows = [TERMS.index(word) for word in words]
    column = logits[rows, form]
    if np.isnan(column).any():
        column = logits[rows, 0]
    values = closed_softmax(column, temperature)
    return {word: float(value) for word, value in zip(words, values, strict=True)}


def find_axis(
    generation: Generation, words: tuple[str, str], temperature: float
) -> AxisTerm | None:
    """The first step of the answer that begins a term of this axis, and its distribution.

    A term may be one token or several, follow a space, a hyphen or nothing, and be capitalised: it
    is looked for in the text, and the step whose piece holds its first letter is the one that chose.
    """
    text, starts = "", []
    for piece in generation.pieces:
        starts.append(len(text))
        text += piece
    lowered = text.lower()
    places = [(at, word) for word in words if (at := _word_at(lowered, word)) >= 0]
    if not places:
        return None
    at, word = min(places)
    step = int(np.searchsorted(starts, at, side="right")) - 1
    piece = generation.pieces[step]
    form = _form(piece, at - starts[step])
    probabilities = _axis(generation.logits[step], form, words, temperature)
    return AxisTerm(word, probabilities, step)


def _word_at(text: str, word: str) -> int:
    """Offset of the word in the text, on word boundaries; -1 if it is not there."""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        if not (text[at - 1 : at].isalpha() or text[end : end + 1].isalpha()):
            return at
        at = text.find(word, at + 1)
    return -1


def _form(piece: str, offset: int) -> int:
    """Which of `FORMS` a piece is: led by a space or not, capitalised or not."""
    spaced = offset > 0 and piece[offset - 1] == " "
    capital = piece[offset : offset + 1].isupper()
    return FORMS.index((" " if spaced else "") + ("{C}" if capital else "{}"))


def text_to_point(
    generation: Generation,
    size: tuple[int, int],
    temperature: float,
    probe: Callable[[str], TermLogits],
) -> Grounded:
    """The point an answer speaks of.

    ``size`` is (width, height) in pixels. ``probe(beginning)`` gives the closed set's logits after a
    fixed beginning of an answer; it is called only for an axis that the answer left open.
    """
    vertical = find_axis(generation, VERTICAL, temperature)
    if vertical is None:
        vertical = _probed(probe(PROBE), VERTICAL, temperature)
    horizontal = find_axis(generation, HORIZONTAL, temperature)
    if horizontal is None:
        horizontal = _probed(probe(f"{PROBE} {vertical.term}"), HORIZONTAL, temperature)
    x = size[0] * horizontal.probabilities["right"]
    y = size[1] * vertical.probabilities["bottom"]
    return Grounded(Point(x, y), vertical, horizontal)


def snap(point: Point, anchors: Sequence[Point], size: tuple[int, int], reach: float) -> Point:
    """The nearest anchor of a region within ``reach`` (in units of the picture's sides), else the point.

    Two probabilities carry a place only so exactly; a backbone that divides its picture into regions
    knows which of them the place can mean.
    """
    if reach <= 0 or not anchors:
        return point
    far = [np.hypot((a.x - point.x) / size[0], (a.y - point.y) / size[1]) for a in anchors]
    nearest = int(np.argmin(far))
    return anchors[nearest] if far[nearest] <= reach else point


def _probed(logits: TermLogits, words: tuple[str, str], temperature: float) -> AxisTerm:
    probabilities = _axis(logits, 0, words, temperature)
    return AxisTerm(max(words, key=lambda word: probabilities[word]), probabilities, None)
