"""Questions about several open pictures, asked of the backbone in one go where it can.

One that fails does not take the others with it: each has an answer or an error of its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from iqa_spider.core import (
    Answer,
    AsksMany,
    Backbone,
    Box,
    Generation,
    Mask,
    MemoryLimitError,
    PartlyAnsweredError,
    SpiderError,
    WaitsAside,
)
from iqa_spider.models.spider import Asked, Session

__all__ = ["ask_together"]

Request = tuple[Session, str, Mask | Box | None]


def ask_together(
    requests: Sequence[Request], grounds: Sequence[bool | None] = ()
) -> list[Answer | SpiderError]:
    """Answers as `Session.ask` gives them, to (session, question, region) of one `Spider`, in order.

    ``grounds`` says of each request whether it wants a point and mask, as ``ground`` of `Session.ask`. The
    seconds of ``generate`` are each question's share of the whole.

    Raises:
        MemoryLimitError: the questions do not fit into memory together; fewer might.
    """
    found: dict[int, Answer | SpiderError] = {}
    ready: list[tuple[int, Session, Asked]] = []
    for index, (session, question, region) in enumerate(requests):
        try:
            ready.append((index, session, session.prepare(question, region)))
        except SpiderError as error:
            found[index] = error
    if ready:
        backbone = ready[0][1].spider.backbone
        start = time.perf_counter()
        said = _generate(backbone, [(session, asked) for _, session, asked in ready])
        share = (time.perf_counter() - start) / len(ready)
        if isinstance(backbone, WaitsAside):
            # Each picture's rating is another request; what fails here fails again, in its own row.
            sessions = {id(session): session for _, session, _ in ready}
            backbone.aside([session.rate for session in sessions.values()])
        for (index, session, asked), generation in zip(ready, said, strict=True):
            ground = grounds[index] if grounds else None
            found[index] = _complete(session, asked, generation, share, ground)
    return [found[index] for index in range(len(requests))]


def _generate(
    backbone: Backbone, ready: Sequence[tuple[Session, Asked]]
) -> list[Generation | SpiderError]:
    if not isinstance(backbone, AsksMany):
        return [_alone(session, asked) for session, asked in ready]
    rows = [(session.conversation, asked.question, asked.region) for session, asked in ready]
    try:
        return list(backbone.ask_many(rows))
    except PartlyAnsweredError as error:
        return list(error.outcomes)
    except MemoryLimitError:
        raise
    except SpiderError as error:
        return [error] if len(ready) == 1 else [_alone(*pair) for pair in ready]


def _alone(session: Session, asked: Asked) -> Generation | SpiderError:
    try:
        return session.conversation.ask(asked.question, region=asked.region)
    except SpiderError as error:
        return error


def _complete(
    session: Session,
    asked: Asked,
    said: Generation | SpiderError,
    seconds: float,
    ground: bool | None,
) -> Answer | SpiderError:
    if isinstance(said, SpiderError):
        return said
    try:
        return session.complete(asked, said, seconds, ground=ground)
    except SpiderError as error:
        return error
