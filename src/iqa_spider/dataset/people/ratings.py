"""Verification: what raters say of samples, as shares, reliability and plots.

The share is of ratings of 4 or 5, with a 95 % interval from resampling samples (the ratings of one sample
are not independent). Reliability is the two-way ICC for absolute agreement, of one rater and of the mean of
all, by pingouin, over the samples that every rater rated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from iqa_spider.core import DatasetError, MissingExtraError, generator
from iqa_spider.dataset.people.annotations import annotator_of
from iqa_spider.dataset.people.configs import DIMENSIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "DimensionReport",
    "Rating",
    "RatingReport",
    "plot_ratings",
    "read_ratings",
    "report_ratings",
]

Row = dict[str, Any]
ROUNDS: Final = 1000


@dataclass(frozen=True, slots=True)
class Rating:
    """One person's four scores (1-5, in the order of `DIMENSIONS`) for one sample."""

    sample: str
    task: str
    rater: str
    scores: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DimensionReport:
    """``share`` of 4-5 and its 95 % interval; ICC of one rater and of the mean with theirs, or why not."""

    dimension: str
    counts: tuple[int, int, int, int, int]
    share: float
    interval: tuple[float, float]
    icc: tuple[float, float, float] | None
    icc_mean: tuple[float, float, float] | None
    note: str


@dataclass(frozen=True, slots=True)
class RatingReport:
    """All dimensions, and shares by task."""

    samples: int
    raters: int
    complete: int
    dimensions: tuple[DimensionReport, ...]
    by_task: dict[str, dict[str, float]]


def read_ratings(rows: Sequence[Row], where: str = "export") -> list[Rating]:
    """Ratings of a Label Studio export; skipped tasks are left out.

    Raises:
        DatasetError: a rating is incomplete; names task and annotation.
    """
    found = []
    for row in rows:
        for entry in row["annotations"]:
            if entry.get("was_cancelled"):
                continue
            scores = {
                r["from_name"]: int(r["value"]["rating"])
                for r in entry["result"]
                if r["type"] == "rating"
            }
            missing = [name for name in DIMENSIONS if not 1 <= scores.get(name, 0) <= 5]
            if missing or "sample" not in row["data"]:
                what = f"no score 1-5 for {', '.join(missing)}" if missing else "no sample id"
                raise DatasetError(
                    f"{where}: task {row.get('id')}, annotation {entry.get('id')}: {what}"
                )
            values = tuple(scores[name] for name in DIMENSIONS)
            data = row["data"]
            found.append(Rating(data["sample"], data.get("task", ""), annotator_of(entry), values))
    if not found:
        raise DatasetError(f"{where}: holds no finished rating")
    return found


def report_ratings(ratings: Sequence[Rating], *, seed: int = 0) -> RatingReport:
    """Shares and reliability.

    Raises:
        MissingExtraError: pingouin is not installed.
    """
    raters = sorted({r.rater for r in ratings})
    samples = sorted({r.sample for r in ratings})
    by_pair = {(r.sample, r.rater): r.scores for r in ratings}
    complete = [s for s in samples if all((s, rater) in by_pair for rater in raters)]
    dimensions = []
    for place, name in enumerate(DIMENSIONS):
        groups = [[r.scores[place] for r in ratings if r.sample == s] for s in samples]
        table = np.array([[by_pair[s, rater][place] for rater in raters] for s in complete], float)
        dimensions.append(_dimension(name, groups, table, seed))
    tasks = sorted({r.task for r in ratings})
    by_task = {task: _shares([r for r in ratings if r.task == task]) for task in tasks}
    return RatingReport(len(samples), len(raters), len(complete), tuple(dimensions), by_task)


def _shares(ratings: Sequence[Rating]) -> dict[str, float]:
    return {
        name: round(float(np.mean([r.scores[i] >= 4 for r in ratings])), 4)
        for i, name in enumerate(DIMENSIONS)
    }


def _dimension(
    name: str, groups: list[list[int]], table: np.ndarray[Any, Any], seed: int
) -> DimensionReport:
    scores = [score for group in groups for score in group]
    good = np.array([sum(score >= 4 for score in group) for group in groups], float)
    sizes = np.array([len(group) for group in groups], float)
    picks = generator(seed, "ratings", name).integers(0, len(groups), (ROUNDS, len(groups)))
    shares = good[picks].sum(1) / sizes[picks].sum(1)
    low, high = np.quantile(shares, [0.025, 0.975])
    single, mean, note = _reliability(table)
    counts = [scores.count(value) for value in range(1, 6)]
    return DimensionReport(
        name, (counts[0], counts[1], counts[2], counts[3], counts[4]),
        float(good.sum() / sizes.sum()), (float(low), float(high)), single, mean, note,
    )  # fmt: skip


def _reliability(
    table: np.ndarray[Any, Any],
) -> tuple[tuple[float, float, float] | None, tuple[float, float, float] | None, str]:
    """ICC(A,1) and ICC(A,k) of ``float [samples, raters]``, each with its 95 % interval."""
    if table.ndim != 2 or table.shape[0] < 5 or table.shape[1] < 2:
        return None, None, "needs two raters and five samples that all of them rated"
    if np.ptp(table.mean(1)) == 0:
        return None, None, "every sample has the same score: there is nothing to agree on"
    if np.ptp(table, axis=1).max() == 0:
        return (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), ""  # F is infinite: pingouin would divide by 0
    try:
        import pandas
        import pingouin
    except ImportError as error:
        raise MissingExtraError("the reliability of raters", "data") from error
    items, raters = np.indices(table.shape)
    frame = pandas.DataFrame(
        {"item": items.ravel(), "rater": raters.ravel(), "score": table.ravel()}
    )
    result = pingouin.intraclass_corr(frame, targets="item", raters="rater", ratings="score")
    rows = result.set_index("Type")

    def value(kind: str) -> tuple[float, float, float]:
        low, high = rows.loc[kind, "CI95"]
        return float(rows.loc[kind, "ICC"]), float(low), float(high)

    return value("ICC(A,1)"), value("ICC(A,k)"), ""


def plot_ratings(report: RatingReport, out: Path) -> list[Path]:
    """Two plots: how scores fall on each dimension, and the share of 4-5 by task."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("plots of ratings", "data") from error
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / "scores.png", out / "tasks.png"]
    for path, draw in zip(paths, (_draw_scores, _draw_tasks), strict=True):
        figure = Figure(figsize=(7, 3.2), layout="constrained")
        draw(report, figure.add_subplot())
        figure.savefig(path, dpi=120)
    return paths


def _draw_scores(report: RatingReport, axes: Axes) -> None:
    names = [d.dimension for d in report.dimensions]
    left = np.zeros(len(names))
    colours = ("#b2182b", "#ef8a62", "#dddddd", "#67a9cf", "#2166ac")
    for score, colour in enumerate(colours, 1):
        part = np.array([d.counts[score - 1] / sum(d.counts) for d in report.dimensions])
        axes.barh(names, part, left=left, color=colour, label=str(score))
        left += part
    axes.set(xlim=(0, 1), xlabel="share of ratings")
    axes.legend(ncols=5, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    axes.invert_yaxis()


def _draw_tasks(report: RatingReport, axes: Axes) -> None:
    places = np.arange(len(report.by_task))
    for index, name in enumerate(DIMENSIONS):
        shares = [row[name] for row in report.by_task.values()]
        axes.bar(places + 0.2 * (index - 1.5), shares, 0.18, label=name)
    axes.set(ylim=(0, 1), ylabel="share of 4 and 5", xticks=places)
    axes.set_xticklabels(report.by_task)
    axes.axhline(0.8, color="black", linewidth=0.8, linestyle=":")
    axes.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
