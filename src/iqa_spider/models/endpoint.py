"""A model behind an OpenAI-compatible HTTP endpoint (vLLM, SGLang, llama.cpp, a hosted service).

One client for all that talks to such a server: the `openai` backbone, judges and answer writers. Waiting,
retrying with back-off and time-outs are the client library's; what remains here is our errors, pictures as
data URLs and a limit on requests under way.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from PIL import Image

from iqa_spider.core import EndpointError, MissingExtraError, Picture, ReplyError

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.chat import ChatCompletion

__all__ = ["Endpoint", "picture_url"]

T = TypeVar("T")
R = TypeVar("R")


def picture_url(picture: Picture, *, max_side: int | None = None) -> str:
    """``uint8 [H, W, 3]`` as a PNG data URL: lossless, since recoding would add distortions of its own."""
    image = Image.fromarray(picture)
    if max_side and max(image.size) > max_side:
        image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


class Endpoint:
    """One model of one server; follows `core.TextModel`.

    Args:
        base_url: address up to ``/v1``.
        model: name by which the server knows the model.
        api_key: many local servers want none; "none" is sent then.
        timeout: seconds a request may take.
        retries: further tries after a time-out, a dropped connection, 408, 409, 429 or 5xx.
        concurrency: requests under way at once in `map`.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        timeout: float = 120.0,
        retries: int = 4,
        concurrency: int = 8,
    ) -> None:
        try:
            import openai
        except ImportError as error:
            raise MissingExtraError("a model behind an endpoint", "openai") from error
        self.base_url, self.model, self.concurrency = base_url, model, concurrency
        self._options: dict[str, Any] = {"api_key": api_key, "timeout": timeout, "retries": retries}
        self._errors, self._unreachable = openai.OpenAIError, openai.APIConnectionError
        self.client: OpenAI = openai.OpenAI(
            base_url=base_url, api_key=api_key or "none", timeout=timeout, max_retries=retries
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Travels to other processes as its settings: a client with open connections cannot."""
        make = partial(type(self), concurrency=self.concurrency, **self._options)
        return make, (self.base_url, self.model)

    @property
    def name(self) -> str:
        return self.model

    def chat(self, messages: Sequence[dict[str, Any]], **options: Any) -> ChatCompletion:
        """One chat completion; options go to the client as they are.

        Raises:
            EndpointError: refused, timed out or failed after all retries; names address and model.
        """
        create: Callable[..., ChatCompletion] = self.client.chat.completions.create
        try:
            return create(model=self.model, messages=list(messages), **options)
        except self._unreachable as error:
            raise EndpointError(
                f"{self.base_url} ({self.model}): {error} Is the server up, and --endpoint its address?"
            ) from error
        except self._errors as error:
            raise EndpointError(f"{self.base_url} ({self.model}): {error}") from error

    def complete(self, messages: Sequence[dict[str, Any]], *, max_tokens: int = 512) -> str:
        """The text of the reply, greedy; raise `ReplyError` if it is empty or was cut off."""
        reply = self.chat(messages, max_tokens=max_tokens, temperature=0.0)
        choice = reply.choices[0] if reply.choices else None
        text = (choice.message.content or "").strip() if choice else ""
        if choice is None or not text:
            raise ReplyError(f"{self.base_url} ({self.model}): the reply is empty")
        if choice.finish_reason == "length":
            raise ReplyError(
                f"{self.base_url} ({self.model}): the reply was cut off at {max_tokens} tokens"
            )
        return text

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[T, Future[R]]]:
        """Run ``function`` on items in ``concurrency`` threads; yields ``(item, future)`` in order."""
        with ThreadPoolExecutor(self.concurrency) as pool:
            pending = [(item, pool.submit(function, item)) for item in items]
            try:
                for item, future in pending:
                    future.exception()  # waits; the caller decides what an error means
                    yield item, future
            finally:
                for _, future in pending:
                    future.cancel()
