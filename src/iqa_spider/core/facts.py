"""What is true of a sample, as structure. Answers are written from facts and parsed back to them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

from iqa_spider.core.geometry import Box
from iqa_spider.core.quality import Category, Level

__all__ = ["Facts", "Finding", "RegionFacts", "Sample", "SubTask", "Task"]


class Task(StrEnum):
    """The four tasks of the paper."""

    GLOBAL = "global"
    LOCAL = "local"
    GROUNDING = "grounding"
    REFERRING = "referring"


class SubTask(StrEnum):
    """Grounding sub-tasks and the two answer patterns of referring."""

    HYD = "hyd-g"
    SID = "sid-g"
    DAO = "dao-g"
    SHORT = "short"
    LONG = "long"


@dataclass(frozen=True, slots=True)
class Finding:
    """One distortion seen in a region: a category and its severity 1-5."""

    category: Category
    severity: int


@dataclass(frozen=True, slots=True)
class RegionFacts:
    """One region: its name, positional terms, and its distortions in the order they were applied.

    ``findings`` is empty for a region without visible distortion. ``terms`` is
    ``(top|bottom, left|right)``; ``box`` is pixel xyxy; ``area`` is the share of the picture, 0-1.
    """

    name: str
    terms: tuple[str, str]
    findings: tuple[Finding, ...] = ()
    box: tuple[int, int, int, int] | None = None
    area: float | None = None

    @property
    def total_severity(self) -> int:
        return sum(f.severity for f in self.findings)

    @property
    def categories(self) -> tuple[Category, ...]:
        return tuple(f.category for f in self.findings)


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts behind one question and its answer.

    ``regions`` are all regions of the picture; ``target`` indexes the one the answer is about
    (None: the whole picture). ``extremum`` is ``most`` or ``least`` for HyD-G and SiD-G, ``asked``
    the categories named in the question, ``order`` is ``full``, ``first`` or ``last`` for DAO-G.
    ``level`` and ``score`` (0-100) are of the whole picture.
    """

    regions: tuple[RegionFacts, ...]
    target: int | None = None
    whole_image: bool = False
    extremum: str | None = None
    asked: tuple[Category, ...] = ()
    order: str | None = None
    level: Level | None = None
    score: float | None = None

    @property
    def region(self) -> RegionFacts | None:
        return None if self.target is None else self.regions[self.target]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        regions = tuple(
            RegionFacts(
                name=r["name"],
                terms=(r["terms"][0], r["terms"][1]),
                findings=tuple(
                    Finding(Category(f["category"]), int(f["severity"])) for f in r["findings"]
                ),
                box=None if r.get("box") is None else Box(*r["box"]).as_tuple(),
                area=r.get("area"),
            )
            for r in data["regions"]
        )
        level = data.get("level")
        return cls(
            regions=regions,
            target=data.get("target"),
            whole_image=bool(data.get("whole_image", False)),
            extremum=data.get("extremum"),
            asked=tuple(Category(c) for c in data.get("asked", ())),
            order=data.get("order"),
            level=None if level is None else Level(level),
            score=data.get("score"),
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of the data set: a picture, a question, the answer, and what they rest on.

    ``image`` is the path of the rendered picture relative to the data set, ``photo`` the id of the
    pristine one (splits go by it). ``mask`` is the answer's region and ``region`` the region that
    the question refers to, both COCO RLE with string counts, or None.
    """

    id: str
    image: str
    photo: str
    task: Task
    subtask: SubTask | None
    question: str
    answer: str
    facts: Facts
    split: str
    source: str
    mask: dict[str, Any] | None = None
    region: dict[str, Any] | None = None
    tags: tuple[str, ...] = field(default=())
