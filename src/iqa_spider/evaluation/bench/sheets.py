"""What a report is made of: runs that enter it, tables of text, and how a figure is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from iqa_spider.core import ConfigError
from iqa_spider.evaluation.bench.runs import Run, read_run
from iqa_spider.evaluation.metrics import Estimate

__all__ = ["Entrant", "Report", "Sheet", "figure_cell", "read_runs"]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of text; ``marked`` are the rows that are ours."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    marked: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Report:
    """Title, lines of text under it, and sheets in order."""

    title: str
    lines: tuple[str, ...]
    sheets: tuple[Sheet, ...]


@dataclass(frozen=True, slots=True)
class Entrant:
    """A run in a report; baselines stand below models and are not sliced."""

    run: Run
    baseline: bool

    @property
    def name(self) -> str:
        return f"{self.run.name} (baseline)" if self.baseline else self.run.name


def read_runs(folders: Sequence[Path]) -> list[Entrant]:
    """Runs in the order given, then the baselines that lie in them, each once."""
    mains, baselines = [], dict[tuple[str, str], Entrant]()
    for folder in folders:
        run = read_run(folder)
        mains.append(Entrant(run, False))
        inside = folder / "baselines"
        for path in sorted(inside.iterdir()) if inside.is_dir() else ():
            if (path / "scores.jsonl").exists():
                found = read_run(path)
                key = (found.name, str(found.settings["items_digest"]))
                baselines.setdefault(key, Entrant(found, True))
    twice = [n for n, c in Counter(e.run.name for e in mains).items() if c > 1]
    if twice:
        raise ConfigError(f"two runs are called {twice[0]!r}; run one again with another --label")
    return [*mains, *baselines.values()]


def figure_cell(
    estimate: Estimate, factor: float = 1.0, digits: int = 3, count: bool = False
) -> str:
    """``value [low, high]``, with the number of items on demand; a dash where there are none."""
    if estimate.items == 0 or estimate.value != estimate.value:
        return "-" if estimate.items == 0 else f"undefined (n {estimate.items})"
    return estimate.told(factor, digits) + (f" n {estimate.items}" if count else "")
