"""Rough wordings: what people type when they are in a hurry."""

from __future__ import annotations

import numpy as np

__all__ = ["rough"]


def rough(text: str, rng: np.random.Generator) -> str:
    """Lower the case, drop the end mark, or slip in one typo; often nothing at all."""
    if rng.random() < 0.3:
        text = text.lower()
    if rng.random() < 0.3:
        text = text.rstrip(".?!")
    if rng.random() < 0.3:
        text = _typo(text, rng)
    return text


def _typo(text: str, rng: np.random.Generator) -> str:
    """Swap, drop or double one letter inside a longer word."""
    words = text.split(" ")
    long = [i for i, word in enumerate(words) if len(word) > 4 and word.isalpha()]
    if not long:
        return text
    index = long[int(rng.integers(len(long)))]
    word = words[index]
    at = int(rng.integers(1, len(word) - 2))
    kind = int(rng.integers(3))
    changed = (
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
    )[kind]
    return " ".join([*words[:index], changed, *words[index + 1 :]])
