"""Agreement of judge and people, of people among themselves, and of judges (Table 9 of the paper)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iqa_spider.core import ConfigError
from iqa_spider.evaluation.bench.sheets import Report, Sheet
from iqa_spider.evaluation.metrics import Estimate, icc, plcc_value, srcc_value, statistic
from iqa_spider.evaluation.reliability.tasks import RatingTask, read_ratings, read_tasks
from iqa_spider.evaluation.store import read_lines

__all__ = ["build_study", "judge_marks"]

Floats = NDArray[np.float64]

PAPER: Final = (
    ("GPT-4V and people (paper)", "global", "0.78", "0.76", "0.75"),
    ("GPT-4V and people (paper)", "local", "0.75", "0.69", "0.66"),
    ("GPT-4V and people (paper)", "grounding", "0.74", "0.68", "0.67"),
)

_PAIR: Final[tuple[Callable[[Floats], float], ...]] = (
    lambda rows: icc(rows, "2,1"),
    lambda rows: srcc_value(rows[:, 0], rows[:, 1]),
    lambda rows: plcc_value(rows[:, 0], rows[:, 1]),
)


def judge_marks(run: Path, tasks: Sequence[RatingTask]) -> tuple[str, list[float]]:
    """Name and marks of the judge of a run, NaN where it gave none.

    Raises:
        ConfigError: the run's answers are not those that people rated.
    """
    path = run / "judgements.jsonl"
    if not path.exists():
        raise ConfigError(f"{path}: missing; name the folder of a finished run")
    rows = {row["id"]: row for row in read_lines(path)}
    answers = {row["id"]: row["reply"]["text"] for row in read_lines(run / "answers.jsonl")}
    for task in tasks:
        if answers.get(task.id) != task.answer:
            raise ConfigError(f"{run}: its answer to {task.id} is not the one that was rated")
    scores = [rows[task.id]["score"] if task.id in rows else None for task in tasks]
    name = next((str(row["judge"]) for row in rows.values()), run.name)
    return name, [float("nan") if score is None else float(score) for score in scores]


def build_study(
    folder: Path, ratings: Sequence[Path], runs: Sequence[Path], rounds: int = 1000
) -> Report:
    """All agreements of a study. ``ratings`` are people's tables, ``runs`` the same answers by each judge."""
    tasks = read_tasks(folder)
    people = [read_ratings(path, tasks) for path in ratings]
    judges = _named([judge_marks(run, tasks) for run in runs], runs)
    if not people and len(judges) < 2:
        raise ConfigError("a study needs people's ratings, or the runs of two judges")
    rows = []
    for rubric in sorted(
        {task.rubric for task in tasks}, key=("global", "local", "grounding").index
    ):
        keep = [i for i, task in enumerate(tasks) if task.rubric == rubric]
        photos = [tasks[i].photo for i in keep]
        crowd = np.array(people, float).reshape(len(people), len(tasks))[:, keep].T
        marks = {name: np.array(values)[keep] for name, values in judges.items()}
        rows += _rubric(rubric, crowd, marks, photos, rounds)
    header = ("pair", "rubric", "ICC(2,1)", "SRCC", "PLCC", "items")
    note = "Intervals: 95 %, bootstrap over source photos. People: the mean of their marks."
    table = Sheet("Agreement", header, tuple(rows), note)
    paper = Sheet(
        "Table 9 of the paper",
        header[:-1],
        PAPER,
        "100 items a task and 5 raters; the paper does not say which form of ICC.",
    )
    lines = (f"{len(tasks)} answers, {len(people)} people, judges: {', '.join(judges) or 'none'}.",)
    return Report("Reliability of judges", lines, (table, paper))


def _named(
    marks: Sequence[tuple[str, list[float]]], runs: Sequence[Path]
) -> dict[str, list[float]]:
    """Judges by name; two of the same name are told apart by their run."""
    names = [name for name, _ in marks]
    return {
        name if names.count(name) == 1 else f"{name} ({run.name})": values
        for (name, values), run in zip(marks, runs, strict=True)
    }


def _rubric(
    rubric: str, crowd: Floats, judges: dict[str, Floats], photos: list[str], rounds: int
) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    if crowd.shape[1] >= 2:
        one = statistic(lambda r: icc(r, "2,1"), crowd, photos, rounds=rounds)
        mean = statistic(lambda r: icc(r, "2,k"), crowd, photos, rounds=rounds)
        pairs = list(combinations(range(crowd.shape[1]), 2))
        ranks = statistic(_mean_of(srcc_value, pairs), crowd, photos, rounds=rounds)
        lines = statistic(_mean_of(plcc_value, pairs), crowd, photos, rounds=rounds)
        count = str(len(crowd))
        rows.append(("one person and another", rubric, str(one), str(ranks), str(lines), count))
        rows.append(
            (f"mean of {crowd.shape[1]} people, ICC(2,k)", rubric, str(mean), "-", "-", count)
        )
    if crowd.shape[1]:
        mean_mark = crowd.mean(1)
        for name, marks in judges.items():
            rows.append(_pair(f"{name} and people", rubric, marks, mean_mark, photos, rounds))
    for first, second in combinations(judges, 2):
        pair = f"{first} and {second}"
        rows.append(_pair(pair, rubric, judges[first], judges[second], photos, rounds))
    return rows


def _mean_of(
    function: Callable[[Floats, Floats], float], pairs: list[tuple[int, int]]
) -> Callable[[Floats], float]:
    return lambda rows: float(np.mean([function(rows[:, a], rows[:, b]) for a, b in pairs]))


def _pair(
    name: str, rubric: str, a: Floats, b: Floats, photos: list[str], rounds: int
) -> tuple[str, ...]:
    known = ~(np.isnan(a) | np.isnan(b))
    table = np.stack([a, b], 1)[known]
    kept = [photo for photo, there in zip(photos, known, strict=True) if there]
    found: list[Estimate] = [statistic(f, table, kept, rounds=rounds) for f in _PAIR]
    return (name, rubric, *map(str, found), str(len(table)))
