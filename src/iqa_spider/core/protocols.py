"""The seams of the system: what a backbone, a segmenter and a text model have to offer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from iqa_spider.core.answers import Generation, TermLogits
from iqa_spider.core.geometry import Mask, Picture, Point

__all__ = [
    "AsksMany",
    "Backbone",
    "Candidate",
    "Conversation",
    "Proposes",
    "Rater",
    "SeenRegion",
    "SeesRegions",
    "Segmenter",
    "SegmenterSession",
    "TextModel",
    "TextPrompted",
    "WaitsAside",
]


@runtime_checkable
class Conversation(Protocol):
    """A picture that was encoded once and can be asked many times."""

    def ask(
        self, question: str, *, region: Mask | None = None, max_tokens: int = 160
    ) -> Generation:
        """Answer greedily. ``region`` (``bool [H, W]``) is what the question refers to."""
        ...

    def probe(self, question: str, answer: str, *, region: Mask | None = None) -> TermLogits:
        """The closed set's logits at the step after ``answer``, a beginning that we fix."""
        ...


@runtime_checkable
class Backbone(Protocol):
    """A vision-language model."""

    @property
    def name(self) -> str: ...

    def open(self, picture: Picture) -> Conversation:
        """Encode ``uint8 [H, W, 3]`` once."""
        ...


@runtime_checkable
class Rater(Protocol):
    """A conversation that can put its picture on the scale of quality."""

    def rate(self) -> tuple[float, dict[str, float]] | None:
        """Score 0-100 (higher is better) and the probabilities of the five levels behind it.

        None where the model turns out not to offer them, such as a server without log-probabilities.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class SeenRegion:
    """A region that a model proposed by itself: words of its looks, its mask ``bool [H, W]``, its anchor.

    The anchor is a point well inside the region.
    """

    looks: tuple[str, ...]
    mask: Mask
    anchor: Point


@runtime_checkable
class SeesRegions(Protocol):
    """A conversation that divides its picture into regions."""

    def seen_regions(self) -> Sequence[SeenRegion]: ...


@runtime_checkable
class AsksMany(Protocol):
    """A backbone that answers questions about one or several of its open pictures together."""

    def ask_many(
        self, requests: Sequence[tuple[Any, str, Mask | None]], *, max_tokens: int = 160
    ) -> list[Generation]:
        """One generation a (conversation, question, region), equal to asking one by one.

        Raises `PartlyAnsweredError`, which holds the answers that came, where one can fail alone.
        """
        ...


@runtime_checkable
class WaitsAside(Protocol):
    """A backbone that computes elsewhere, so that many of its answers can be waited for at once."""

    def aside(self, works: Sequence[Callable[[], object]]) -> None:
        """Run works at once and wait for all; one that fails says so to nobody."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One mask a segmenter offers, with the IoU it expects (0-1)."""

    mask: Mask
    score: float


@runtime_checkable
class SegmenterSession(Protocol):
    """A picture that was embedded once and can be clicked many times."""

    def segment(self, points: Sequence[Point]) -> list[Candidate]:
        """Masks of the region that holds all the points, best first."""
        ...


@runtime_checkable
class Proposes(Protocol):
    """A segmenter's session that can be clicked all over, so that it divides its picture by itself."""

    def click_grid(
        self, points: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Masks of clicks ``[N, 2]`` (x, y) in 0-1 of the picture's sides, one object a click.

        Returns probabilities ``[N, K, h, w]`` on a grid over the picture, and expected IoU ``[N, K]``.
        """
        ...

    def enlarge(self, probability: NDArray[np.float32]) -> Mask:
        """A grid of probabilities ``[h, w]`` as ``bool [H, W]`` of the picture."""
        ...


@runtime_checkable
class Segmenter(Protocol):
    """A promptable segmenter."""

    @property
    def name(self) -> str: ...

    def open(self, picture: Picture) -> SegmenterSession:
        """Embed ``uint8 [H, W, 3]`` once."""
        ...


@runtime_checkable
class TextPrompted(Protocol):
    """A segmenter's session that is prompted by an answer's words instead of by points."""

    def segment_text(self, answer: str) -> list[Candidate]:
        """Masks of what the answer speaks of, best first."""
        ...


@runtime_checkable
class TextModel(Protocol):
    """Anything that continues a dialogue in text, such as an LMM behind an endpoint."""

    def complete(self, messages: Sequence[dict[str, Any]], *, max_tokens: int = 512) -> str:
        """The reply to messages in the form of OpenAI's chat (content: text, or parts with pictures).

        Raises `ReplyError` if the reply is of no use, another `EndpointError` if there was none.
        """
        ...
