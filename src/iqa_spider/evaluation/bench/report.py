"""What a report says: tables of the paper with our runs on top, intervals, paired tests, slices, counts.

Here everything becomes plain tables of text; `render` turns these into Markdown and HTML.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from iqa_spider.core import ConfigError
from iqa_spider.evaluation.bench.benchmark import Benchmark, Table
from iqa_spider.evaluation.bench.registry import load_benchmark
from iqa_spider.evaluation.bench.runs import ScoredItem
from iqa_spider.evaluation.bench.sheets import Entrant, Report, Sheet, figure_cell, read_runs
from iqa_spider.evaluation.bench.significance import significance_sheets

__all__ = ["build_report", "overview_sheet", "paper_sheet"]

ROUNDS: Final = 1000
SLICE_ROUNDS: Final = 400
OVERLAP: Final = "An item counts in every group that it belongs to: rows overlap."


def build_report(folders: Sequence[Path]) -> Report:
    """The report of some runs of one benchmark."""
    entrants = read_runs(folders)
    names = {e.run.benchmark for e in entrants}
    if len(names) != 1:
        raise ConfigError(
            f"the runs are of several benchmarks ({', '.join(sorted(names))}); report each by itself"
        )
    benchmark = load_benchmark(names.pop())
    sheets = [overview_sheet(entrants)]
    sheets += [paper_sheet(benchmark, table, entrants) for table in benchmark.tables]
    sheets += significance_sheets(benchmark, entrants)
    sheets.append(_details(benchmark, entrants))
    sheets += [s for e in entrants if not e.baseline for s in _slices(benchmark, e)]
    sheets += _unscored(benchmark, entrants)
    return Report(benchmark.name, tuple(_lines(entrants)), tuple(sheets))


def _lines(entrants: Sequence[Entrant]) -> list[str]:
    lines = [
        "Intervals: 95 %, bootstrap over source photos; one without width says that these photos did not "
        "differ, not that others would not. ↑ higher is better, ↓ lower is better.",
        "A baseline sees the true answers of these items, never the pictures (majority, random), or the "
        "pictures and no question (centre point, full mask), or is the model before training (untrained).",
    ]
    commands = [str(e.run.settings.get("command", "")) for e in entrants if not e.baseline]
    lines += [f"Made by: {command}" for command in dict.fromkeys(commands) if command]
    lines += [
        f"Weights of {e.name}: {e.run.settings['model']['weights']} (digest)."
        for e in entrants
        if "weights" in e.run.settings["model"]
    ]
    judges = sorted({str(e.run.settings["judge"]["name"]) for e in entrants})
    lines.append(f"Judge of answers in words: {', '.join(judges)}.")
    if len({str(e.run.settings["judge"]) for e in entrants}) > 1:
        lines.append(
            "Warning: the runs were not marked by one judge with the same settings; their marks do not "
            "compare, nor do tests between them."
        )
    if len({str(e.run.settings["items_digest"]) for e in entrants}) > 1:
        lines.append(
            "Warning: the runs are not of the same items; paired tests use those they share, "
            "all other figures do not compare."
        )
    return lines


def overview_sheet(entrants: Sequence[Entrant]) -> Sheet:
    """Items, photos, failures and unparsed answers of each run."""
    rows = []
    for entrant in entrants:
        items = entrant.run.items
        unparsed = Counter(i.kind for i in items if i.unparsed is not None)
        rows.append((
            entrant.name,
            str(len(items)),
            str(len({i.photo for i in items})),
            str(sum(i.error is not None for i in items)),
            str(sum(unparsed.values())),
            ", ".join(f"{kind} {count}" for kind, count in sorted(unparsed.items())) or "-",
        ))  # fmt: skip
    header = ("run", "items", "photos", "failed", "unparsed", "unparsed by kind")
    return Sheet("Runs", header, tuple(rows), "Unparsed answers are never guessed; each metric says how "
                 "it counts them.")  # fmt: skip


def paper_sheet(benchmark: Benchmark, table: Table, entrants: Sequence[Entrant]) -> Sheet:
    """A table of the paper: our runs on top, marked unless they are baselines, its own rows below."""
    rows: list[tuple[str, ...]] = []
    marked: set[int] = set()
    for entrant in entrants:
        cells = [
            figure_cell(
                entrant.run.estimate(benchmark.metric(c.metric), rounds=ROUNDS), c.factor, c.digits
            )
            for c in table.columns
        ]
        if any(cell != "-" for cell in cells):
            marked |= set() if entrant.baseline else {len(rows)}
            rows.append((entrant.name, *cells))
    for row in table.rows:
        figures = [
            "-" if figure is None else f"{figure:.{column.digits}f}"
            for figure, column in zip(row.figures, table.columns, strict=True)
        ]
        rows.append((f"{row.method} (paper)", *figures))
    header = ("method", *(column.title for column in table.columns))
    return Sheet(table.title, header, tuple(rows), table.note, frozenset(marked))


def _details(benchmark: Benchmark, entrants: Sequence[Entrant]) -> Sheet:
    rows = []
    for metric in benchmark.metrics:
        cells = [figure_cell(e.run.estimate(metric, rounds=ROUNDS), count=True) for e in entrants]
        if any(cell != "-" for cell in cells):
            low, high = metric.range
            title = f"{metric.title} {metric.arrow} ({low:g} to {high:g})"
            rows.append((title, *cells, metric.meaning))
    header = ("metric", *(e.name for e in entrants), "what it counts")
    return Sheet("All metrics", header, tuple(rows))


def _slices(benchmark: Benchmark, entrant: Entrant) -> list[Sheet]:
    """One sheet a way of slicing: groups down, the metrics that have values across."""
    names = sorted({name for item in entrant.run.items for name in item.slices})
    sheets = []
    for name in names:
        groups = sorted({g for item in entrant.run.items for g in item.slices.get(name, ())})
        if len(groups) < 2:
            continue
        columns = [benchmark.metric(n) for n in benchmark.sliced]
        rows = []
        for group in groups:

            def keep(item: ScoredItem, name: str = name, group: str = group) -> bool:
                return group in item.slices.get(name, ())

            figures = [entrant.run.estimate(m, keep, SLICE_ROUNDS) for m in columns]
            rows.append((group, *(figure_cell(f, digits=2, count=True) for f in figures)))
        kept = [i for i in range(len(columns)) if any(row[i + 1] != "-" for row in rows)]
        header = (name, *(f"{columns[i].title} {columns[i].arrow}" for i in kept))
        cells = tuple((row[0], *(row[i + 1] for i in kept)) for row in rows)
        twice = any(len(item.slices.get(name, ())) > 1 for item in entrant.run.items)
        notes = [benchmark.groups.get(name, ""), OVERLAP if twice else ""]
        note = " ".join(filter(None, notes))
        sheets.append(Sheet(f"{entrant.name} by {name}", header, cells, note))
    return sheets


def _unscored(benchmark: Benchmark, entrants: Sequence[Entrant]) -> list[Sheet]:
    rows = []
    for entrant in entrants:
        reasons = Counter((m, r) for i in entrant.run.items for m, r in i.unscored.items())
        for (name, reason), count in sorted(reasons.items()):
            rows.append((entrant.name, benchmark.metric(name).title, reason, str(count)))
    if not rows:
        return []
    return [Sheet("Left out, with reasons", ("run", "metric", "reason", "items"), tuple(rows))]
