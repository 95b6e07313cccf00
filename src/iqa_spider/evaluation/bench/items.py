"""The values that a benchmark works with: an item, a reply, and the scores of one item.

All three are plain JSON, so that a run folder holds everything and nothing has to be pickled.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from iqa_spider.core import Mask
from iqa_spider.evaluation.store import digest
from iqa_spider.regions import decode_rle

__all__ = ["ABILITIES", "Closed", "Item", "ItemScore", "Reply"]

ABILITIES = frozenset(("text", "mask", "point", "score", "closed"))
"""What a model can give. A metric of something it cannot give is left out, never zero."""


@dataclass(frozen=True, slots=True)
class Closed:
    """A question scored by likelihood: which option continues ``beginning`` best."""

    beginning: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a benchmark.

    ``image`` is relative to the data folder; ``photo`` is what the bootstrap draws. ``reference`` is a
    right answer in words, ``key`` the class by which the majority answer is found. ``truth`` is
    what scoring needs, ``region`` the COCO RLE of what the question refers to. ``closed`` maps the
    name of a way of scoring to its options. ``slices`` are the groups that the item counts in.
    """

    id: str
    image: str
    photo: str
    kind: str
    question: str
    reference: str = ""
    key: str = ""
    truth: dict[str, Any] = field(default_factory=dict)
    region: dict[str, Any] | None = None
    wants_mask: bool = False
    closed: dict[str, Closed] = field(default_factory=dict)
    slices: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def region_mask(self) -> Mask | None:
        """``bool [H, W]`` of the region asked about."""
        return None if self.region is None else decode_rle(self.region)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def fingerprint(self) -> str:
        """Changes with anything the answer may depend on, so that no stale answer is taken."""
        closed = {name: asdict(c) for name, c in self.closed.items()}
        return digest([self.image, self.question, self.region, self.wants_mask, closed])


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model gave; all that it did not give is None.

    ``mask`` is COCO RLE in the pixels of the picture, ``point`` (x, y) in pixels, ``score`` 0-100,
    ``closed`` log-likelihoods by way and option. ``error`` says why there is no answer at all.
    """

    text: str = ""
    mask: dict[str, Any] | None = None
    point: tuple[float, float] | None = None
    whole_image: bool = False
    score: float | None = None
    closed: dict[str, dict[str, float | None]] = field(default_factory=dict)
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        point = data.get("point")
        return cls(**{**data, "point": None if point is None else (point[0], point[1])})


@dataclass(frozen=True, slots=True)
class ItemScore:
    """Values by metric; ``unscored`` gives the reason for each metric that has none."""

    values: dict[str, tuple[float, ...]] = field(default_factory=dict)
    unscored: dict[str, str] = field(default_factory=dict)
    unparsed: str | None = None
