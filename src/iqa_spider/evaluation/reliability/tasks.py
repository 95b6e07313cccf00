"""Rating tasks: answers of a run, drawn by a seed, for people to mark by the judge's own rubrics.

The judge's marks stay out of the tasks, and the order is shuffled, so that nobody rates in its wake.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from iqa_spider.core import ConfigError, DatasetError, generator
from iqa_spider.evaluation.bench.registry import load_benchmark
from iqa_spider.evaluation.bench.runs import read_items, read_run
from iqa_spider.evaluation.judges import RUBRICS
from iqa_spider.evaluation.store import read_lines, write_lines, write_text

__all__ = ["RatingTask", "read_ratings", "read_tasks", "sample_tasks", "write_tasks"]


@dataclass(frozen=True, slots=True)
class RatingTask:
    """One answer to be marked on the scale of its rubric."""

    id: str
    rubric: str
    photo: str
    image: str
    question: str
    reference: str
    answer: str


def sample_tasks(run: Path, count: int = 100, seed: int = 0) -> list[RatingTask]:
    """Up to ``count`` judged answers a rubric, drawn by the seed, in shuffled order.

    Raises:
        ConfigError: the run is not finished, or none of its answers is judged.
    """
    found = read_run(run)
    benchmark = load_benchmark(found.benchmark)
    answers = {row["id"]: row["reply"] for row in read_lines(run / "answers.jsonl")}
    groups: dict[str, list[RatingTask]] = {}
    for item in read_items(run):
        rubric = benchmark.rubric(item)
        if rubric is None or answers[item.id]["error"] is not None:
            continue
        task = RatingTask(
            item.id, rubric.name, item.photo, item.image, item.question, item.reference,
            answers[item.id]["text"],
        )  # fmt: skip
        groups.setdefault(rubric.name, []).append(task)
    if not groups:
        raise ConfigError(
            f"{run}: no answer of {found.benchmark} is judged; take a run of spider-bench"
        )
    rng = generator(seed, "reliability")
    drawn = [
        groups[name][int(i)]
        for name in sorted(groups)
        for i in rng.permutation(len(groups[name]))[:count]
    ]
    return [drawn[int(i)] for i in rng.permutation(len(drawn))]


def write_tasks(tasks: Sequence[RatingTask], out: Path, data: Path | None, raters: int = 5) -> None:
    """``tasks.jsonl``, the rubrics, a table a rater to fill in, and the pictures if ``data`` is given."""
    write_lines(
        out / "tasks.jsonl",
        [{name: getattr(task, name) for name in RatingTask.__slots__} for task in tasks],
    )
    rubrics = [f"# {r.name} (0 to {r.top})\n\n{r.text}\n" for r in RUBRICS.values()]
    write_text(out / "rubrics.md", "\n".join(rubrics))
    for number in range(1, raters + 1):
        path = out / f"ratings-{number}.csv"
        if path.exists():
            raise ConfigError(f"{path}: is there already; people's marks are not overwritten")
        write_text(path, _form(tasks))
    if data is not None:
        for image in sorted({task.image for task in tasks}):
            (out / image).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(data / image, out / image)


def _form(tasks: Sequence[RatingTask]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("id", "rubric", "top", "image", "question", "reference", "answer", "score"))
    for t in tasks:
        top = RUBRICS[t.rubric].top
        writer.writerow((t.id, t.rubric, top, t.image, t.question, t.reference, t.answer, ""))
    return text.getvalue()


def read_tasks(folder: Path) -> list[RatingTask]:
    """The tasks of a folder that `write_tasks` wrote."""
    path = folder / "tasks.jsonl"
    if not path.exists():
        raise DatasetError(f"{path}: no such file; run `iqa-spider bench reliability sample` first")
    return [RatingTask(**row) for row in read_lines(path)]


def read_ratings(path: Path, tasks: Sequence[RatingTask]) -> list[float]:
    """One rater's marks in the order of the tasks, parted by commas or, as some spreadsheets do, semicolons.

    Raises:
        DatasetError: a mark is missing, no number or off its scale; names file and row.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as CSV in UTF-8 ({error})") from error
    heading = text.partition("\n")[0]
    parted = ";" if ";" in heading and "," not in heading else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=parted)
    lost = [name for name in ("id", "score") if name not in (reader.fieldnames or ())]
    if lost:
        raise DatasetError(
            f"{path}: lacks the column {', '.join(lost)}; keep the heading as it was"
        )
    rows = list(reader)
    marks: dict[str, float] = {}
    tops = {task.id: RUBRICS[task.rubric].top for task in tasks}
    for number, row in enumerate(rows, 2):
        id, text = row.get("id") or "", (row.get("score") or "").strip()
        if id not in tops:
            raise DatasetError(f"{path}:{number}: {id!r} is no task of this study")
        try:
            mark = float(text)
        except ValueError:
            raise DatasetError(
                f"{path}:{number}: the score of {id} is {text!r}, no number"
            ) from None
        if not 0 <= mark <= tops[id]:
            raise DatasetError(f"{path}:{number}: the score of {id} is {text}, off 0 to {tops[id]}")
        marks[id] = mark
    missing = [task.id for task in tasks if task.id not in marks]
    if missing:
        raise DatasetError(f"{path}: has no score of {missing[0]} and {len(missing) - 1} more")
    return [marks[task.id] for task in tasks]
