"""Steps two and four: a dialogue that ends in an answer, and its check against the facts.

A reply that contradicts the facts is told why and asked again; after that the answer is written from the
facts. Nothing the model says can make a sample untrue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from iqa_spider.core import ReplyError, Sample, Task, TextModel
from iqa_spider.dataset.validate import contradictions
from iqa_spider.dataset.writing.prompts import FORM, correction, rounds, with_picture

__all__ = ["Attempt", "Transcript", "judge_answer", "write_answer_with"]

LONGEST: Final = 140
"""Words; the form asks for 80."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One reply to the last round and why it was refused (nothing: it was taken)."""

    text: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Transcript:
    """All that was said for one sample. ``answer`` is None where no reply was true to the facts."""

    id: str
    model: str
    messages: tuple[dict[str, str], ...]
    attempts: tuple[Attempt, ...]
    answer: str | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def write_answer_with(
    model: TextModel,
    sample: Sample,
    url: str,
    *,
    name: str = "",
    tries: int = 2,
    max_tokens: int = 400,
) -> Transcript:
    """Lead the dialogue about one sample; ``url`` is its picture, ``tries`` replies to the last round.

    Raises:
        EndpointError: the model cannot be reached (a useless reply is an attempt, not an error).
    """
    content, effects, last = rounds(sample)
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": FORM},
        with_picture(content, url),
    ]
    said = [f"system: {FORM}", f"user: (picture) {content}"]
    for following in (effects, last):
        reply = _reply(model, messages, max_tokens)
        _say(messages, said, reply, following)
    attempts: list[Attempt] = []
    for attempt in range(tries):
        text = _reply(model, messages, max_tokens)
        answer = _joined(sample, text)
        reasons = judge_answer(sample, text) if text else ("the reply was empty or cut off",)
        attempts.append(Attempt(text, reasons))
        if not reasons:
            return _transcript(sample, name, said, attempts, answer)
        if attempt + 1 < tries:
            _say(messages, said, text, correction(reasons))
    return _transcript(sample, name, said, attempts, None)


def _reply(model: TextModel, messages: list[dict[str, Any]], max_tokens: int) -> str:
    try:
        return model.complete(messages, max_tokens=max_tokens).strip()
    except ReplyError:
        return ""


def _say(messages: list[dict[str, Any]], said: list[str], reply: str, following: str) -> None:
    messages += [
        {"role": "assistant", "content": reply or "(nothing)"},
        {"role": "user", "content": following},
    ]
    said += [f"assistant: {reply}", f"user: {following}"]


def _transcript(
    sample: Sample, name: str, said: list[str], attempts: list[Attempt], answer: str | None
) -> Transcript:
    messages = tuple(
        {"role": role, "content": text} for role, _, text in (line.partition(": ") for line in said)
    )
    return Transcript(sample.id, name, messages, tuple(attempts), answer)


def _spatial(sample: Sample) -> str:
    """The spatial part of a grounded answer comes from the facts, word for word."""
    region = sample.facts.region
    if region is None:
        return "The whole image:"
    v, h = region.terms
    return f"The region at the {v} {h}, the {region.name}."


def _joined(sample: Sample, text: str) -> str:
    return f"{_spatial(sample)} {text}" if sample.task is Task.GROUNDING else text


def judge_answer(sample: Sample, text: str) -> tuple[str, ...]:
    """Why a reply cannot be the answer: its form, or what it says against the facts."""
    reasons = [reason for reason, broken in _FORM_RULES if broken(text)]
    whole = _joined(sample, text)
    reasons += contradictions(sample.task, sample.subtask, sample.facts, whole)
    if sample.task is Task.GROUNDING and sample.facts.region is not None:
        # The place in front would hide another place named in the semantic part.
        reasons += contradictions(Task.LOCAL, None, sample.facts, text)
    return tuple(dict.fromkeys(reasons))


_FORM_RULES: Final[tuple[tuple[str, Callable[[str], bool]], ...]] = (
    ("it is too long", lambda text: len(text.split()) > LONGEST),
    ("it has lists or markup", lambda text: any(m in text for m in ("\n", "**", "<", "```", "- "))),
    ("it does not end a sentence", lambda text: not text.rstrip().endswith((".", "!", "?"))),
)
