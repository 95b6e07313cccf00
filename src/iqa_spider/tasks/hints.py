"""Categories in questions: what people say besides the names ("who cranked the contrast up?").

Looser than `phrases.mentions`, which reads answers: a question is known to ask for a distortion, so a
word of direction near "contrast" or "colour" is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from iqa_spider.core import Category
from iqa_spider.tasks.phrases import mentions

__all__ = ["asked_categories", "delexicalise", "question_mentions"]

_UP: Final = (
    r"(?:crank\w*|boost\w*|push\w*|exaggerat\w*|overdone|overdid|overcook\w*|excess\w*|harsh\w*|pump\w*|"
    r"amplif\w*|inflat\w*|increas\w*|strengthen\w*|rais\w*|heighten\w*|intensif\w*|too (?:high|strong|much)|"
    r"ramp\w* up|dial\w* up|turn\w* up|up|jack\w*)"
)
_DOWN: Final = (
    r"(?:drain\w*|suck\w*|drop\w*|flat\w*|lower\w*|reduc\w*|weak\w*|fad\w*|los[ts]\w*|los(?:e|ing|es)|"
    r"lack\w*|gone|remov\w*|mut\w*|dull\w*|pale\w*|decreas\w*|knock\w* back|too (?:low|weak|little)|"
    r"leach\w*|bleach\w*|strip\w*|wash\w*|missing|crush\w*|turn\w* down|dial\w* down|down|grey\w*|gray\w*|low)"
)
_GAP: Final = r"(?:\W+\w+){0,4}?\W+"
_COLOUR: Final = r"(?:colou?rs?|saturation|chroma|hues?|colou?ring)"
_VIVID: Final = (
    r"(?:vivid\w*|neon|gaudy|garish\w*|lurid|radioactive|candy|cartoonish|too colou?rful)"
)


def _near(a: str, b: str) -> str:
    """One within five words of the other."""
    return rf"(?:{a}){_GAP}(?:{b})|(?:{b}){_GAP}(?:{a})"


_C = Category
_LOOSE: Final = tuple(
    (re.compile(rf"\b(?:{pattern})\b"), category)
    for pattern, category in (
        (r"unsharp[- ]?mask\w*|over-?sharp\w*|sharpen\w*|halo(?:e?s|ing)?|crispened", _C.OVERSHARPEN),
        (r"soften\w*|softness|soft focus|(?:in|out of|lost|missed) focus|defocus\w*|smear\w*", _C.BLUR),
        (r"codec\w*|coding|encod\w* (?:loss|damage|artefacts?|artifacts?)|bit-?rate\w*|jpe?g\w*|lossy\w*", _C.COMPRESSION),
        (r"mosaic\w*|big (?:square )?pixels|square pixels|nearest[- ]neighbou?r|pixell?at\w*", _C.PIXELATE),
        (r"lighten\w*|blown[- ]?out|over-?expos\w*|too bright|overbright\w*|brighten\w*|glar\w*", _C.BRIGHTEN),
        (r"under-?expos\w*|too dark|darken\w*|murk\w*|gloom\w*", _C.DARKEN),
        (r"poster[iy][sz]\w*|band(?:ing|ed)|quanti[sz]\w*|too few (?:colou?rs|tones|shades)|colou?r steps", _C.QUANTIZATION),
        (r"grain\w*|nois\w*|speckl\w*|salt[- ]and[- ]pepper|snow\w*", _C.NOISE),
        (_near(r"brightness|exposure", r"(?:crank\w*|boost\w*|push\w*|increas\w*|rais\w*|too (?:high|much))"), _C.BRIGHTEN),
        (_near(r"brightness|exposure", r"(?:down|lower\w*|reduc\w*|drop\w*|too (?:low|little)|pull\w* down)"), _C.DARKEN),
        (_near("contrast", _UP), _C.CONTRAST_STRENGTHEN),
        (_near("contrast", _DOWN) + "|lowest[- ]contrast", _C.CONTRAST_WEAKEN),
        (_near(_COLOUR, _UP) + "|" + _near(_COLOUR, _VIVID) + "|" + _VIVID, _C.SATURATE_STRENGTHEN),
        (r"saturation slider|over-?saturat\w*", _C.SATURATE_STRENGTHEN),
        (_near(_COLOUR, _DOWN), _C.SATURATE_WEAKEN),
        (r"de-?saturat\w*|under-?saturat\w*", _C.SATURATE_WEAKEN),
    )
)  # fmt: skip


_STRONGER: Final = (
    (re.compile(r"\bunsharp[- ]?mask\w*"), _C.OVERSHARPEN),
    (re.compile(rf"\b{_COLOUR}{_GAP}fad\w*|\bfad\w*{_GAP}{_COLOUR}\b"), _C.SATURATE_WEAKEN),
)
"""Phrases that hold a name of another category ("unsharp", "faded") and win over it."""


def question_mentions(text: str) -> list[tuple[Category, int, int]]:
    """Mentions in a question, names first, then loose words outside of them, in order of place."""
    lowered = text.lower()
    found = list(mentions(lowered))
    for pattern, category in _STRONGER:
        for match in pattern.finditer(lowered):
            found = [m for m in found if m[2] <= match.start() or m[1] >= match.end()]
            found.append((category, match.start(), match.end()))
    for pattern, category in _LOOSE:
        for match in pattern.finditer(lowered):
            start, end = match.span()
            if all(end <= m[1] or start >= m[2] for m in found):
                found.append((category, start, end))
    return sorted(found, key=lambda mention: mention[1])


def asked_categories(text: str) -> tuple[Category, ...]:
    """Categories that a question asks for, in order of first mention."""
    return tuple(dict.fromkeys(category for category, _, _ in question_mentions(text)))


def delexicalise(text: str) -> str:
    """The question with each mention replaced by one word, so that its shape can be read."""
    return "".join(_pieces(text.lower()))


def _pieces(text: str) -> Iterator[str]:
    place = 0
    for _, start, end in question_mentions(text):
        yield text[place:start]
        yield " distname "
        place = end
    yield text[place:]
