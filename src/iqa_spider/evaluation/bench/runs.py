"""A run folder as it is read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from iqa_spider.core import ConfigError
from iqa_spider.evaluation.bench.items import Closed, Item
from iqa_spider.evaluation.metrics import Estimate, Metric, estimate
from iqa_spider.evaluation.store import read_lines

__all__ = ["Run", "ScoredItem", "read_items", "read_run"]


@dataclass(frozen=True, slots=True)
class ScoredItem:
    """One line of ``scores.jsonl``."""

    id: str
    photo: str
    kind: str
    slices: dict[str, tuple[str, ...]]
    values: dict[str, tuple[float, ...]]
    unscored: dict[str, str]
    unparsed: str | None
    error: str | None

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Self:
        return cls(
            row["id"], row["photo"], row["kind"],
            {k: tuple(v) for k, v in row["slices"].items()},
            {k: tuple(v) for k, v in row["values"].items()},
            row["unscored"], row["unparsed"], row["error"],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """Settings and scores of one model on one benchmark."""

    folder: Path
    settings: dict[str, Any]
    items: tuple[ScoredItem, ...]
    _known: dict[tuple[str, int], Estimate] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        return str(self.settings["label"])

    @property
    def benchmark(self) -> str:
        return str(self.settings["benchmark"])

    def values(
        self, metric: str, keep: Callable[[ScoredItem], bool] = lambda item: True
    ) -> Iterator[tuple[ScoredItem, tuple[float, ...]]]:
        """Items that have a value of the metric."""
        return ((i, i.values[metric]) for i in self.items if metric in i.values and keep(i))

    def estimate(
        self,
        metric: Metric,
        keep: Callable[[ScoredItem], bool] | None = None,
        rounds: int = 1000,
    ) -> Estimate:
        """The figure with its interval, resampled by photo; that of all items is reckoned once."""
        key = (metric.name, rounds)
        if keep is None and key in self._known:
            return self._known[key]
        values = list(self.values(metric.name) if keep is None else self.values(metric.name, keep))
        found = estimate(
            metric.pool, [v for _, v in values], [i.photo for i, _ in values], rounds=rounds
        )
        if keep is None:
            self._known[key] = found
        return found


def read_run(folder: Path) -> Run:
    """Read a finished run.

    Raises:
        ConfigError: the folder is not a finished run; says which file is missing and what to run.
    """
    for name in ("settings.json", "scores.jsonl"):
        if not (folder / name).exists():
            raise ConfigError(
                f"{folder / name}: missing; finish the run with `iqa-spider bench ... --out {folder}`"
            )
    try:
        settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        items = tuple(ScoredItem.from_json(row) for row in read_lines(folder / "scores.jsonl"))
        return Run(folder, settings["settings"], items)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ConfigError(
            f"{folder}: not a run of this version ({error!r}); run it again"
        ) from error


def read_items(folder: Path) -> list[Item]:
    """Items of a run folder as they were asked."""
    items = []
    for row in read_lines(folder / "items.jsonl"):
        closed = {k: Closed(c["beginning"], tuple(c["options"])) for k, c in row["closed"].items()}
        slices = {k: tuple(v) for k, v in row["slices"].items()}
        items.append(Item(**{**row, "closed": closed, "slices": slices}))
    return items
