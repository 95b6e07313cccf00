"""The backbone `openai`: a model behind an OpenAI-compatible server that returns log-probabilities.

This is how Phi-3.5-Vision runs, whose class transformers 5 does not have, and any model that needs more memory
than this machine has. Text-to-point wants the probabilities of the positional terms at each step:

- vLLM returns exactly the tokens asked for (`logprob_token_ids`), whose ids its `/tokenize` tells;
- any other server returns its most probable tokens; a term that is not among them gets the lowest
  log-probability that is, which is the most it can have, and a warning says so once;
- a server that returns none cannot ground or rate, and says so when asked to.

Servers cache the beginning that a picture's questions share; here the picture is encoded as text once.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iqa_spider.core import (
    LEVELS,
    Box,
    ConfigError,
    EndpointError,
    Generation,
    Mask,
    PartlyAnsweredError,
    Picture,
    SpiderError,
    TermLogits,
    check_mask,
)
from iqa_spider.models.boxes import BOX_STYLES, refer
from iqa_spider.models.checkpoints import LoadOptions
from iqa_spider.models.endpoint import Endpoint, picture_url
from iqa_spider.models.levels import RATING_QUESTION, score_of_levels
from iqa_spider.models.pictures import shrink
from iqa_spider.models.remote_steps import WORDS, Step, align, read_steps, term_table
from iqa_spider.tasks import RATING_PREFIX

__all__ = ["RemoteBackbone", "RemoteConversation", "load_remote"]

TOP: Final = 20
"""Most log-probabilities a step that OpenAI and vLLM return unless the server is told otherwise."""

_LEVEL_WORDS: Final = tuple(f" {level}" for level in LEVELS)


class RemoteBackbone:
    """Follows `core.Backbone`."""

    def __init__(
        self, endpoint: Endpoint, *, boxes: str = "thousandths", max_side: int | None = None
    ):
        self.endpoint, self.boxes, self.max_side = endpoint, boxes, max_side
        self.name = f"openai:{endpoint.model}"
        self._ids: list[int] | None = None
        self._asked_ids = False
        self._warned: set[str] = set()
        self._lock = threading.Lock()

    def open(self, picture: Picture) -> RemoteConversation:
        """Encode ``uint8 [H, W, 3]`` as a PNG data URL once."""
        return RemoteConversation(self, picture)

    def ask_many(
        self,
        requests: Sequence[tuple[RemoteConversation, str, Mask | None]],
        *,
        max_tokens: int = 160,
    ) -> list[Generation]:
        """Answer questions with as many requests under way as the endpoint allows.

        Raises:
            PartlyAnsweredError: some requests failed; it holds the answers to the others.
        """
        pending = self.endpoint.map(
            lambda r: r[0].ask(r[1], region=r[2], max_tokens=max_tokens), requests
        )
        outcomes: list[Generation | SpiderError] = []
        for _, future in pending:
            try:
                outcomes.append(future.result())
            except SpiderError as error:
                outcomes.append(error)
        answers = [outcome for outcome in outcomes if isinstance(outcome, Generation)]
        if len(answers) < len(outcomes):
            raise PartlyAnsweredError(outcomes)
        return answers

    def aside(self, works: Sequence[Callable[[], object]]) -> None:
        """Have several requests under way at once; see `core.WaitsAside`."""
        for _ in self.endpoint.map(lambda work: work(), works):
            pass

    def warn(self, key: str, message: str) -> None:
        """Say something once a backbone."""
        with self._lock:
            if key in self._warned:
                return
            self._warned.add(key)
        warnings.warn(f"{self.endpoint.base_url} ({self.endpoint.model}): {message}", stacklevel=3)

    def token_ids(self) -> list[int] | None:
        """Ids of the single tokens among the terms' forms and the levels, where the server tells them."""
        with self._lock:
            if not self._asked_ids:
                self._asked_ids = True
                self._ids = self._tokenize()
            return self._ids

    def _tokenize(self) -> list[int] | None:
        address = re.sub(r"/v\d+/?$", "", self.endpoint.base_url) + "/tokenize"
        found: list[int] = []
        for word in (*WORDS, *_LEVEL_WORDS):
            body = {
                "model": self.endpoint.model,
                "prompt": word,
                "add_special_tokens": False,
            }
            try:
                reply: Any = self.endpoint.client.post(address, body=body, cast_to=object)
                ids = reply["tokens"]
            except Exception:  # any server but vLLM: no such route, or another reply
                return None
            if len(ids) == 1:
                found.append(int(ids[0]))
        return sorted(set(found)) or None

    def request(self, messages: list[dict[str, Any]], max_tokens: int, **extra: Any) -> Any:
        """One greedy completion with log-probabilities; the reply's first choice."""
        ids = self.token_ids()
        body = {**({"logprob_token_ids": ids} if ids else {}), **extra}
        options: dict[str, Any] = {"max_tokens": max_tokens, "temperature": 0.0}
        wanted = {"logprobs": True, "top_logprobs": TOP}
        try:
            reply = self.endpoint.chat(messages, **options, **wanted, extra_body=body or None)
        except EndpointError as error:
            if not _refused(error) or extra:
                raise
            self.warn("none", "refuses log-probabilities: it can describe, but not ground or rate")
            reply = self.endpoint.chat(messages, **options)
        if not reply.choices:
            raise EndpointError(f"{self.endpoint.base_url} ({self.endpoint.model}): no reply")
        return reply.choices[0]


def _refused(error: EndpointError) -> bool:
    """Whether the server understood the request and would not have it (400 or 422)."""
    return getattr(error.__cause__, "status_code", None) in (400, 422)


class RemoteConversation:
    """One picture behind the endpoint; follows `core.Conversation` and `core.Rater`."""

    def __init__(self, backbone: RemoteBackbone, picture: Picture) -> None:
        self.backbone = backbone
        self.size = (picture.shape[1], picture.shape[0])
        sent = shrink(picture, backbone.max_side)
        self.sent = (sent.shape[1], sent.shape[0])
        self.url = picture_url(sent)

    def _messages(self, question: str, region: Mask | None) -> list[dict[str, Any]]:
        if region is not None:
            box = Box.around(check_mask(region, self.size[1], self.size[0]))
            question = refer(question, box, self.size, self.sent, BOX_STYLES[self.backbone.boxes])
        picture = {"type": "image_url", "image_url": {"url": self.url}}
        return [{"role": "user", "content": [picture, {"type": "text", "text": question}]}]

    def ask(
        self, question: str, *, region: Mask | None = None, max_tokens: int = 160
    ) -> Generation:
        choice = self.backbone.request(self._messages(question, region), max_tokens)
        text = choice.message.content or ""
        steps = self._steps(choice)
        tokens = [entry.token for entry in (choice.logprobs.content or [])] if steps else [text]
        tables = [self._table(step) for step in steps or [Step({})]]
        logits: NDArray[np.float32] = np.stack(tables)
        # The server keeps its token ids to itself.
        return Generation(text.strip(), (-1,) * len(tables), align(text, tokens), logits)

    def _steps(self, choice: Any) -> list[Step]:
        return read_steps(choice, len(self.backbone.token_ids() or ()))

    def _table(self, step: Step) -> TermLogits:
        table, floored = term_table(step)
        written = any(word in step.found for word in WORDS)
        if floored and written:
            self.backbone.warn(
                "floor",
                "returns only its most probable tokens; a positional term that is not among them gets the "
                "lowest log-probability that is, so points are drawn towards the middle",
            )
        return table

    def probe(self, question: str, answer: str, *, region: Mask | None = None) -> TermLogits:
        """The first column holds each term's best form, whatever the server writes after ``answer``."""
        step = self._continue(self._messages(question, region), answer)
        if not step.found:
            raise EndpointError(
                f"{self.backbone.endpoint.base_url} ({self.backbone.endpoint.model}): returns no "
                "log-probabilities, which a point needs; serve the model with vLLM, or name another --model"
            )
        table = self._table(step)
        best = np.nanmax(table, 1)
        return np.asarray(np.concatenate([best[:, None], table[:, 1:]], 1), np.float32)

    def rate(self) -> tuple[float, dict[str, float]] | None:
        """Levels after the beginning of a rating's answer; None where there are no log-probabilities."""
        step = self._continue(self._messages(RATING_QUESTION, None), RATING_PREFIX)
        if not step.found:
            return None
        floor = min(step.found.values())
        found = [
            [v for k, v in step.found.items() if k.strip().lower() == level] for level in LEVELS
        ]
        if not any(found):
            return None
        return score_of_levels([max(values, default=floor) for values in found])

    def _continue(self, messages: list[dict[str, Any]], beginning: str) -> Step:
        """The step after a beginning of the answer that we fix."""
        begun = [*messages, {"role": "assistant", "content": beginning}]
        more = {"continue_final_message": True, "add_generation_prompt": False}
        try:
            choice = self.backbone.request(begun, 1, **more)
        except EndpointError as error:
            if not _refused(error):
                raise
            self.backbone.warn(
                "begin", "cannot continue an answer: it is asked for the next word instead"
            )
            asked = f'Give only the next word of this answer: "{beginning} ..."'
            request = [*messages, {"role": "user", "content": asked}]
            choice = self.backbone.request(request, 1)
        steps = self._steps(choice)
        return steps[0] if steps else Step({})


def load_remote(name: str, options: LoadOptions) -> RemoteBackbone:
    """The client of ``--model openai:NAME --endpoint URL``; nothing is asked of the server yet."""
    if not options.endpoint:
        raise ConfigError(
            f"--model openai:{name} needs --endpoint URL, the server's address up to /v1"
        )
    endpoint = Endpoint(
        options.endpoint,
        name,
        api_key=options.api_key,
        timeout=options.timeout,
        retries=options.retries,
        concurrency=options.concurrency,
    )
    return RemoteBackbone(endpoint, boxes=options.boxes or "thousandths", max_side=options.max_side)
