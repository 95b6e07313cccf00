"""What a benchmark is: how its items are read, scored and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from iqa_spider.core import ConfigError
from iqa_spider.evaluation.bench.items import Item, ItemScore, Reply
from iqa_spider.evaluation.judges.rubrics import Rubric, Verdict
from iqa_spider.evaluation.metrics import Metric

__all__ = ["Benchmark", "Column", "PaperRow", "Table"]

Reader = Callable[[Path, str], list[Item]]
Scorer = Callable[[Item, Reply, frozenset[str], Verdict | None], ItemScore]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: a metric under the paper's heading, ``factor`` times as large there."""

    metric: str
    title: str
    factor: float = 1.0
    digits: int = 3


@dataclass(frozen=True, slots=True)
class PaperRow:
    """A row as the paper prints it; None where it prints nothing."""

    method: str
    figures: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the paper: our runs stand above its rows. ``note`` says how far they compare."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[PaperRow, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.figures) != len(self.columns):
                raise ValueError(f"{self.title}: {row.method} has {len(row.figures)} figures")


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark in parts.

    ``rubric`` names the judge's rubric of an item, or None; ``sliced`` are the metrics that reports show
    by group, ``groups`` say what a way of slicing goes by where its name does not.
    """

    name: str
    metrics: tuple[Metric, ...]
    tables: tuple[Table, ...]
    read: Reader
    score: Scorer
    rubric: Callable[[Item], Rubric | None] = lambda item: None
    split: str = "test"
    sliced: tuple[str, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict)

    def metric(self, name: str) -> Metric:
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise ConfigError(f"{self.name} has no metric {name!r}")

    def checked(self, score: ItemScore) -> ItemScore:
        """The score if each value fits its declared metric; an error in a scorer must not pass."""
        for name, values in score.values.items():
            self.metric(name).check(values)
        return score
