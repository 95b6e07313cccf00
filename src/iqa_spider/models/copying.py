"""Words that an answer may copy from what was seen (a pointer-generator, See et al. 2017).

Eight layers write sentences well and read numbers badly: left alone they call every region "the large
grey area, with severe noise, then mild blur", though the encoder saw its colour, which distortion came last
and how strong each is. So the prompt carries, for a handful of views, the words that a sentence about them
would use, each at a slot of its own ("severity of the first finding", "second word of the name"). At each step
the hidden state weighs the slots and the words there gain that much in the logits. What to say when, and
whether to say it, stays with the layers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from iqa_spider.core import CATEGORIES, SEVERITY_WORDS, Finding
from iqa_spider.models.focus import SURE
from iqa_spider.models.tokens import RegionView
from iqa_spider.tasks import PHRASE, find_categories, region_level

__all__ = [
    "SLOTS",
    "alone",
    "findings_seen",
    "looks_uniform",
    "said_before",
    "slot_tokens",
    "turn",
    "worst_regions",
]

FORMS: Final = 6
"""Most tokens at one slot: the pieces of a word, small and capital."""

DOUBTFUL: Final = 0.25
"""Presence below which a category is not even offered as the second of a pair.

The layers know pairs by heart and say "noise" behind "pixelation" unseen. On held-out photos the exact sets of
single distortions rise from 0.42 to 0.51 with it, and those of pairs fall from 0.79 to 0.77.
"""

_ONE: Final = re.compile(
    rf"(?:\b(?:{'|'.join(SEVERITY_WORDS)}) |^)(?:{'|'.join(PHRASE.values())})$", re.IGNORECASE
)
_SECOND: Final = re.compile(rf"\bthen ({'|'.join(SEVERITY_WORDS)})$")

RANKS: Final = 3
_NAME_WORDS: Final = 4
_PER_FINDING: Final = 3
_PER_VIEW: Final = 2 * _PER_FINDING + _NAME_WORDS + 3
_VIEWS: Final = 2 + RANKS

SLOTS: Final = _VIEWS * _PER_VIEW
"""Slots of a prompt: of the whole picture, the marked region, and the three worst regions."""

NEAR: Final = 0.12
"""Regions with the same findings nearer than this (unit square) are told once."""


def findings_seen(view: RegionView) -> tuple[Finding, ...]:
    """At most two findings of a view in the order in which they were applied, as the encoder sees it."""
    strongest = np.argsort(-view.presence, kind="stable")[:2]
    found = sorted(
        (int(i) for i in strongest if view.presence[i] >= SURE), key=lambda i: view.last[i]
    )
    return tuple(Finding(CATEGORIES[i], _severity(float(view.severity[i]))) for i in found)


def _runner_up(view: RegionView) -> list[Finding]:
    """The second likeliest category: where the layers want another one, it should not be the first again."""
    index = int(np.argsort(-view.presence, kind="stable")[1])
    if not DOUBTFUL <= view.presence[index] < SURE:
        return []
    return [Finding(CATEGORIES[index], _severity(float(view.severity[index])))]


def _severity(value: float) -> int:
    return int(np.clip(round(value), 1, 5))


def looks_uniform(views: Sequence[RegionView]) -> bool:
    """Whether the regions look so alike that one history holds for all of the picture.

    A logistic fit on what was seen of held-out training photos (largest difference of a category's presence
    between two regions, range of total severity), distorted by our means and by other libraries: 0.92 of
    uniformly distorted pictures, 0.09 of others.
    """
    regions = [view for view in views if view.kind == "region"]
    presence = np.stack([view.presence for view in regions]) if regions else np.zeros((1, 12))
    totals = [view.total for view in regions] or [0.0]
    differ = float((presence.max(0) - presence.min(0)).max())
    return 4.40 - 3.58 * differ - 0.871 * (max(totals) - min(totals)) > 0


def worst_regions(views: Sequence[RegionView]) -> list[RegionView]:
    """The regions that a description would tell: those with findings, worst first, none twice."""
    views = [view for view in views if view.kind == "region"]
    ranked = sorted(views, key=lambda view: -sum(f.severity for f in findings_seen(view)))
    chosen: list[RegionView] = []
    for view in ranked:
        if len(chosen) == RANKS or not findings_seen(view):
            break
        if not any(_same(view, other) for other in chosen):
            chosen.append(view)
    return chosen


def _same(one: RegionView, other: RegionView) -> bool:
    near = np.hypot(one.x - other.x, one.y - other.y) < NEAR
    return bool(near) and {f.category for f in findings_seen(one)} == {
        f.category for f in findings_seen(other)
    }


def _words(view: RegionView, place: tuple[str, str]) -> list[tuple[str, bool]]:
    """The word of each slot of one view, and whether the slot holds its tail instead of its head."""
    findings = findings_seen(view)
    offered = [*findings, *_runner_up(view)][:2] if findings else []
    words: list[tuple[str, bool]] = []
    for index in range(2):
        finding = offered[index] if index < len(offered) else None
        severity = SEVERITY_WORDS[finding.severity - 1] if finding else ""
        phrase = PHRASE[finding.category] if finding else ""
        words += [(severity, False), (phrase, False), (phrase, True)]
    if not findings:
        words[0] = ("no", False)
    name = view.looks[:_NAME_WORDS]
    words += [(word, False) for word in (*name, *[""] * (_NAME_WORDS - len(name)))]
    words += [(word, False) for word in place]
    return [*words, (str(region_level(sum(f.severity for f in findings))), False)]


def slot_tokens(tokenizer: Tokenizer, views: Sequence[RegionView]) -> NDArray[np.int64]:
    """Token ids at each slot of a prompt with these views: ``int64 [SLOTS, FORMS]``, -1 where none.

    The marked region has no positional terms here: those carry its coordinate (`PocketLanguage.copied`).
    In their place the whole picture has the beginning of "The whole image", if it looks uniform.
    """
    table = np.full((_VIEWS, _PER_VIEW, FORMS), -1, np.int64)
    whole = ("the", "whole") if looks_uniform(views) else ("", "")
    told = [(0, view, whole) for view in views if view.kind == "global"][:1]
    told += [(1, view, ("", "")) for view in views if view.kind == "asked"][-1:]
    told += [(2 + rank, view, _place(view)) for rank, view in enumerate(worst_regions(views))]
    for index, view, place in told:
        for slot, (word, tail) in enumerate(_words(view, place)):
            ids = _pieces(tokenizer, word, tail)
            table[index, slot, : len(ids)] = ids
    return table.reshape(SLOTS, FORMS)


def turn(slots: NDArray[np.int64], text: str) -> NDArray[np.int64]:
    """Slots ``[SLOTS, FORMS]`` for the sentence that comes next in ``text``.

    A description tells the worst regions one a sentence, behind the sentence on the whole. Which of them is
    up is counted here: the layers say that they want a region's word, and mix up whose (of the regions told
    on held-out photos, 0.56 stood at their own place without it, all with it). Where a region is marked,
    the answer is about that one, and nothing changes.
    """
    table = slots.reshape(_VIEWS, _PER_VIEW, FORMS)
    if (table[1] >= 0).any():
        return slots
    table = table.copy()
    up = min(max(text.count(".") - 1, 0), RANKS - 1)
    table[2:] = table[2 + up]
    return table.reshape(SLOTS, FORMS)


def said_before(text: str) -> str | None:
    """The phrase that must not come next: of a text that ends in "then strong", its last category.

    Coverage (See et al. 2017) without the training: a pair is of two categories.
    """
    if not _SECOND.search(text):
        return None
    named = find_categories(re.split(r"[.:]", text)[-1])
    return PHRASE[named[-1]] if named else None


def alone(slots: NDArray[np.int64], text: str) -> bool:
    """Whether ``text`` ends in a finding behind which no second one may come: none was seen (see `turn`)."""
    if not _ONE.search(text.strip()):
        return False
    table = slots.reshape(_VIEWS, _PER_VIEW, FORMS)
    whole = "whole image" in re.split(r"\. ", text)[-1].lower()
    row = 1 if (table[1] >= 0).any() else 0 if whole else 2
    second = table[row, _PER_FINDING : 2 * _PER_FINDING]
    return bool((second < 0).all())


def _place(view: RegionView) -> tuple[str, str]:
    return ("top", "bottom")[view.y >= 0.5], ("left", "right")[view.x >= 0.5]


def _pieces(tokenizer: Tokenizer, word: str, tail: bool) -> list[int]:
    """Ids of a word's head, or of all pieces behind it, in small and capital spelling."""
    if not word:
        return []
    spellings = [tokenizer.encode(f" {form}").ids for form in (word, word.capitalize())]
    ids = [i for s in spellings for i in (s[1:] if tail else s[:1])]
    return list(dict.fromkeys(ids))[:FORMS]
