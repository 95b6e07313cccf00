"""What a server's reply tells of each step: log-probabilities by token, and the closed set among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from iqa_spider.core import FORMS, TERMS, TermLogits

__all__ = ["WORDS", "Step", "align", "read_steps", "term_table"]

WORDS: Final = tuple(form.format(t, C=t.capitalize()) for t in TERMS for form in FORMS)


@dataclass(frozen=True, slots=True)
class Step:
    """Log-probability of each token that a server returned for one step, by its text.

    ``closed`` says that these are the tokens we named, not the most probable ones.
    """

    found: dict[str, float]
    closed: bool = False


def align(text: str, tokens: Sequence[str]) -> tuple[str, ...]:
    """The tokens' shares of the text; joined they are the text.

    Some servers drop the space before a token, which would run the words together.
    """
    if "".join(tokens) == text:
        return tuple(tokens)
    starts, at = [], 0
    for token in tokens:
        found = text.find(token.strip(), at) if token.strip() else at
        at = found if found >= 0 else at
        starts.append(at)
        at += len(token.strip())
    bounds = [0, *starts[1:], len(text)] if starts else []
    return tuple(text[a:b] for a, b in pairwise(bounds))


def term_table(step: Step) -> tuple[TermLogits, bool]:
    """``float32 [terms, forms]`` of a step, and whether a floor stood in for a missing term.

    All forms are NaN where the server returned nothing; a form that the tokenizer splits is NaN too.
    """
    table = np.full((len(TERMS), len(FORMS)), np.nan, np.float32)
    if not step.found:
        return table, False
    floor, floored = np.nan if step.closed else min(step.found.values()), False
    for column, form in enumerate(FORMS):
        words = [form.format(term, C=term.capitalize()) for term in TERMS]
        there = [word in step.found for word in words]
        if any(there):  # a form that no term is written in says nothing
            floored |= not step.closed and not all(there)
            table[:, column] = [step.found.get(word, floor) for word in words]
    if np.isnan(table[:, 0]).all():
        # No term was seen with its space: some servers drop it, in others no term is likely at all.
        table[:, 0] = table[:, 1] if not np.isnan(table[:, 1]).all() else floor
    return table, floored


def read_steps(choice: Any, closed: int) -> list[Step]:
    """Steps of a reply's choice, none where it holds no log-probabilities.

    ``closed`` is how many tokens we named; a server that ignores them returns fewer or others."""
    content = (choice.logprobs.content if choice.logprobs else None) or []
    steps = []
    for entry in content:
        tops = entry.top_logprobs or []
        found = {top.token: top.logprob for top in tops}
        found.setdefault(entry.token, entry.logprob)
        steps.append(Step(found, 0 < closed <= len(tops)))
    return steps
