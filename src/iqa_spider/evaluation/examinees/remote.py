"""Any model behind an OpenAI-compatible endpoint, asked about many pictures at once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from iqa_spider.core import EndpointError, Picture, SpiderError, open_picture
from iqa_spider.evaluation.bench.items import Closed, Item, Reply
from iqa_spider.evaluation.examinees.base import Answered
from iqa_spider.evaluation.examinees.texts import TextClicker, region_hint
from iqa_spider.models.endpoint import Endpoint, picture_url

__all__ = ["RemoteExaminee"]

MAX_TOKENS: Final = 400
TOP: Final = 20
"""Alternatives a step that a server is asked for; more than most give."""


class RemoteExaminee:
    """Follows `Examinee`. Answers greedily; ``closed`` needs a server that returns log-probabilities."""

    def __init__(
        self, endpoint: Endpoint, clicker: TextClicker | None, *, closed: bool = False
    ) -> None:
        self.endpoint, self.clicker, self.closed = endpoint, clicker, closed

    @property
    def name(self) -> str:
        return self.endpoint.model

    @property
    def abilities(self) -> frozenset[str]:
        grounds = ("mask", "point") if self.clicker else ()
        return frozenset(("text", *grounds, *(("closed",) if self.closed else ())))

    def describe(self) -> dict[str, Any]:
        grounding = self.clicker.describe() if self.clicker else None
        return {
            "name": self.name,
            "max_tokens": MAX_TOKENS,
            "grounding": grounding,
            "closed": self.closed,
        }

    def answer(self, data: Path, items: Sequence[Item]) -> Iterator[Answered]:
        def one(item: Item) -> tuple[Reply, float]:
            start = time.perf_counter()
            reply = self._ask(open_picture(data / item.image), item)
            return reply, time.perf_counter() - start

        for item, future in self.endpoint.map(one, items):
            error = future.exception()
            if isinstance(error, SpiderError):
                yield Answered(item, Reply(error=str(error)))
                continue
            reply, seconds = future.result()
            if item.wants_mask and self.clicker is not None:
                # Here, not in the threads of the requests: the segmenter keeps its last picture.
                reply = self.clicker.ground(reply, open_picture(data / item.image))
            yield Answered(item, reply, {"generate": seconds})

    def _ask(self, picture: Picture, item: Item) -> Reply:
        question = {"type": "text", "text": item.question + region_hint(item.region_mask())}
        image = {"type": "image_url", "image_url": {"url": picture_url(picture)}}
        messages = [{"role": "user", "content": [image, question]}]
        closed = {name: self._closed(messages, way) for name, way in item.closed.items()}
        text = self.endpoint.complete(messages, max_tokens=MAX_TOKENS)
        return Reply(text=text, closed=closed if self.closed else {})

    def _closed(self, messages: list[dict[str, Any]], way: Closed) -> dict[str, float | None]:
        """Log-probability of each option's first token; None where the server does not list it."""
        if not self.closed:
            return {}
        turn = [*messages]
        extra: dict[str, Any] = {}
        if way.beginning:
            turn.append({"role": "assistant", "content": way.beginning})
            extra = {"extra_body": {"continue_final_message": True, "add_generation_prompt": False}}
        reply = self.endpoint.chat(
            turn, max_tokens=1, temperature=0.0, logprobs=True, top_logprobs=TOP, **extra
        )
        steps = (
            reply.choices[0].logprobs.content
            if reply.choices and reply.choices[0].logprobs
            else None
        )
        if not steps:
            raise EndpointError(
                f"{self.endpoint.base_url} ({self.name}): returns no log-probabilities; leave out --closed"
            )
        listed: dict[str, float] = {}
        for step in steps[0].top_logprobs:
            listed.setdefault(step.token.strip().lower(), step.logprob)
        return {option: _listed(listed, option) for option in way.options}


def _listed(listed: dict[str, float], option: str) -> float | None:
    """The option itself or a beginning of it of three letters and more (a longer word's first token)."""
    word = option.strip().lower()
    if word in listed:
        return listed[word]
    parts = [v for token, v in listed.items() if len(token) >= 3 and word.startswith(token)]
    return max(parts, default=None)
