"""Letters of multiple-choice answers, read strictly: what could be meant otherwise is not read at all.

The field's scripts count the letter as a substring ("A" in "A blurry picture"), compare the first character,
or draw one at random where parsing fails. Here an answer is its letter, its words, or it is unparsed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["LETTERS", "lettered", "read_letter"]

LETTERS: Final = "ABCD"

_ALONE: Final = re.compile(r"^\W*([A-D])\W*$")
_FIRST_LINE: Final = re.compile(r"^\s*\(?([A-D])[.):]?\s*(?:\n|$)")
_EMPHASIS: Final = re.compile(r"\*\*|__|`")
_LEADING: Final = re.compile(r"^\s*(?:\(([A-D])\)|([A-D])[.):])\s*\S")
_STATED: Final = re.compile(
    r"\b(?i:answer|option|choice)\b(?:\s+(?:is|would be|must be))?\s*:?\s*\(?([A-D])\b(?!['’-])"
    r"(?!(?<=A)\s+[a-z])"  # "the answer is A blurry ...": an article
)


def lettered(question: str, candidates: Sequence[str]) -> str:
    """The question with its candidates, and the request for a letter alone."""
    choices = "\n".join(
        f"{letter}. {text}" for letter, text in zip(LETTERS, candidates, strict=False)
    )
    return f"{question}\nPick one answer and reply with its letter alone.\n{choices}"


def read_letter(text: str, candidates: Sequence[str]) -> int | None:
    """Index of the answer, or None where the text does not name exactly one.

    Read are: the letter alone, or alone on the first line; a letter with a bracket, stop or colon before the
    words; "the answer is B"; the words of one candidate and nothing else. Bold type means nothing, a letter
    beyond the candidates is not read.
    """
    text = _EMPHASIS.sub("", text)
    known = LETTERS[: len(candidates)]
    plain = _plain(text)
    for index, candidate in enumerate(candidates):
        if plain and plain == _plain(candidate):
            return index
    alone = _ALONE.match(text)
    if alone:
        return _index(alone.group(1), known)
    leading = _LEADING.match(text)
    stated = {match.group(1) for match in _STATED.finditer(text)}
    if leading:
        stated.add(leading.group(1) or leading.group(2))
    first = _FIRST_LINE.match(text)
    if first:
        stated.add(first.group(1))
    # "A. ... B. ..." repeats the question: more than one letter with a stop is no choice.
    listed = set(re.findall(r"(?:^|\n)\s*\(?([A-D])(?:[.):]|\s*(?=\n|$))", text))
    found = stated | listed
    return _index(found.pop(), known) if len(found) == 1 and stated else None


def _index(letter: str, known: str) -> int | None:
    return known.index(letter) if letter in known else None


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().strip(".!").lower()
