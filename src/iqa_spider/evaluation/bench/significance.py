"""Which differences of two runs are more than the chance of these photos: paired bootstrap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

from iqa_spider.evaluation.bench.benchmark import Benchmark
from iqa_spider.evaluation.bench.runs import Run
from iqa_spider.evaluation.bench.sheets import Entrant, Sheet, figure_cell
from iqa_spider.evaluation.metrics import Difference, Direction, Metric, Pool, compare

__all__ = ["NOTE", "difference_cells", "paired", "significance_sheets"]

NOTE: Final = (
    "Paired bootstrap over photos; p is two-sided, not adjusted for the rows; * below 0.05."
)
BEST: Final = (
    " The baseline of a row is the best of all that have a figure there, chosen on these very items, which "
    "favours the baseline."
)


def paired(metric: Metric, first: Run, second: Run, rounds: int = 2000) -> Difference:
    """First minus second over the items that have a value in both."""
    other = {item.id: value for item, value in second.values(metric.name)}
    both = [(i, v, other[i.id]) for i, v in first.values(metric.name) if i.id in other]
    return compare(
        metric.pool, [v for _, v, _ in both], [w for _, _, w in both], [i.photo for i, _, _ in both],
        rounds=rounds,
    )  # fmt: skip


def significance_sheets(benchmark: Benchmark, entrants: Sequence[Entrant]) -> list[Sheet]:
    """Each pair of models, then each model against the best baseline of every metric."""
    mains = [e for e in entrants if not e.baseline]
    baselines = [e for e in entrants if e.baseline]
    sheets = [_pair(benchmark.metrics, a, b) for a, b in combinations(mains, 2)]
    sheets += [_against_best(benchmark.metrics, main, baselines) for main in mains]
    return [sheet for sheet in sheets if sheet.rows]


def difference_cells(metric: Metric, first: Run, second: Run) -> tuple[str, str, str] | None:
    """Difference with its interval, p, and the items behind them; None where there is nothing to compare."""
    if metric.pool in (Pool.PLCC_4, Pool.PLCC_5) or not metric.compared:
        return None  # the fit of each run is its own: a paired difference would say little
    # A rank correlation of 10,000 items takes a thousand times as long to resample as a mean.
    rounds = 500 if metric.pool in (Pool.SRCC, Pool.PLCC) else 2000
    found = paired(metric, first, second, rounds)
    if not found.items or found.p != found.p:
        return None
    star = " *" if found.p < 0.05 else ""
    span = f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
    return span, f"{found.p:.3f}{star}", str(found.items)


def _pair(metrics: Sequence[Metric], first: Entrant, second: Entrant) -> Sheet:
    rows = []
    for metric in metrics:
        cells = difference_cells(metric, first.run, second.run)
        if cells is not None:
            rows.append((f"{metric.title} {metric.arrow}", *cells))
    header = ("metric", "difference", "p (two-sided)", "items")
    return Sheet(f"{first.name} minus {second.name}", header, tuple(rows), NOTE)


def _against_best(metrics: Sequence[Metric], main: Entrant, baselines: Sequence[Entrant]) -> Sheet:
    rows = []
    for metric in metrics:
        best = _best(metric, baselines)
        cells = None if best is None else difference_cells(metric, main.run, best.run)
        if best is not None and cells is not None:
            own, theirs = (figure_cell(e.run.estimate(metric)) for e in (main, best))
            rows.append((f"{metric.title} {metric.arrow}", own, best.run.name, theirs, *cells))
    header = (
        "metric", main.name, "best baseline", "its figure", "difference", "p (two-sided)", "shared items",
    )  # fmt: skip
    return Sheet(f"{main.name} against the best baseline", header, tuple(rows), NOTE + BEST)


def _best(metric: Metric, baselines: Sequence[Entrant]) -> Entrant | None:
    """The baseline with the best figure; the first in the alphabet of those that are level."""
    sign = -1 if metric.direction is Direction.LOWER else 1
    known = []
    for entrant in baselines:
        value = entrant.run.estimate(metric, rounds=1).value
        if value == value:
            known.append((-sign * value, entrant.run.name, entrant))
    return min(known, key=lambda k: k[:2])[2] if known else None
