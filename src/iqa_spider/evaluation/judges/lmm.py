"""An LMM as the judge, through an OpenAI-compatible endpoint: several rounds, a structured reply.

The reply must be the JSON object asked for, with a score on the scale; anything else is asked for again,
then the round is lost. A case without one good round is unscored with the last reason. A verdict is the
mean of its rounds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from iqa_spider.core import EndpointError, SpiderError, open_picture
from iqa_spider.evaluation.judges.base import Case
from iqa_spider.evaluation.judges.rubrics import RUBRICS, Rubric, Verdict
from iqa_spider.evaluation.store import digest
from iqa_spider.models.endpoint import Endpoint, picture_url

__all__ = ["LmmJudge", "Mark", "judge_messages"]

TRIES: Final = 3
"""Requests a round before it counts as lost."""

_FENCE: Final = re.compile(r"^```(?:json)?\s*(.*?)\s*```$", re.DOTALL)


class Mark(BaseModel):
    """The reply that a judge has to give."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: str
    score: int = Field(ge=0)


def judge_messages(case: Case, image_url: str | None = None) -> list[dict[str, Any]]:
    """System message with the rubric, user message with the case and, if wanted, the picture."""
    body = (
        f"Question:\n{case.question}\n\nReference:\n{case.reference}\n\n"
        f"Answer to be marked:\n<answer>\n{case.answer}\n</answer>\n\n"
        'Reply with one JSON object: {"reason": a sentence, "score": the number}.'
    )
    content: Any = body
    if image_url is not None:
        content = [
            {"type": "text", "text": body},
            {"type": "image_url", "image_url": {"url": image_url}},
        ]
    return [
        {"role": "system", "content": case.rubric.text},
        {"role": "user", "content": content},
    ]


def response_format(rubric: Rubric) -> dict[str, Any]:
    """JSON schema for servers that constrain what is generated; others ignore it."""
    schema = {
        "type": "object",
        "properties": {
            "reason": {"type": "string"},
            "score": {"type": "integer", "minimum": 0, "maximum": rubric.top},
        },
        "required": ["reason", "score"],
        "additionalProperties": False,
    }
    return {
        "type": "json_schema",
        "json_schema": {"name": "mark", "strict": True, "schema": schema},
    }


def read_mark(text: str, top: int) -> Mark:
    """The mark in a reply; ValueError says what is wrong with it."""
    fenced = _FENCE.match(text.strip())
    try:
        mark = Mark.model_validate_json(fenced.group(1) if fenced else text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "reply"
        raise ValueError(f"{place}: {first['msg']}") from error
    if mark.score > top:
        raise ValueError(f"score {mark.score} is off the scale of 0 to {top}")
    return mark


class LmmJudge:
    """Follows `Judge`."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        rounds: int = 5,
        temperature: float = 0.0,
        look: bool = False,
        structured: bool = True,
    ) -> None:
        self.endpoint, self.rounds, self.temperature = endpoint, rounds, temperature
        self.look, self.structured = look, structured

    @property
    def name(self) -> str:
        return self.endpoint.model

    def describe(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "rounds": self.rounds,
            "temperature": self.temperature,
            "sees the picture": self.look,
            "structured": self.structured,
            "rubrics": digest({name: rubric.text for name, rubric in RUBRICS.items()}),
        }

    def judge(self, cases: Iterable[Case]) -> Iterator[tuple[Case, Verdict]]:
        for case, future in self.endpoint.map(self.verdict, cases):
            yield case, future.result()

    def verdict(self, case: Case) -> Verdict:
        """All rounds of one case; raises `EndpointError` if the server itself fails."""
        if not case.answer.strip():
            return Verdict(0.0, "the answer is empty")
        try:
            url = picture_url(open_picture(case.image)) if self.look and case.image else None
        except SpiderError as error:
            return Verdict(None, str(error))
        messages = judge_messages(case, url)
        scores, reason = [], ""
        for number in range(self.rounds):
            try:
                mark = self._round(case, messages, number)
            except ValueError as error:
                reason = f"round {number + 1}: {error}"
                continue
            scores.append(float(mark.score))
            reason = reason or mark.reason
        if not scores:
            return Verdict(None, reason)
        return Verdict(sum(scores) / len(scores), reason, tuple(scores))

    def _round(self, case: Case, messages: list[dict[str, Any]], number: int) -> Mark:
        options: dict[str, Any] = {"temperature": self.temperature, "max_tokens": 300}
        if self.structured:
            options["response_format"] = response_format(case.rubric)
        error: ValueError | None = None
        for attempt in range(TRIES):
            # Another seed each time: the same request at temperature 0 would fail the same way.
            reply = self.endpoint.chat(messages, seed=number * TRIES + attempt, **options)
            if not reply.choices:
                raise EndpointError(f"{self.endpoint.base_url} ({self.name}): the reply is empty")
            try:
                return read_mark(reply.choices[0].message.content or "", case.rubric.top)
            except ValueError as found:
                error = found
        raise ValueError(f"{TRIES} replies were not a mark ({error})")
