"""The ablation of the training data (Table 4): train one model a mix, bench each, one table.

Every step goes on where it was stopped: a mix that was trained to its end is not trained again, answers that
are on disk are not asked for twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from iqa_spider.core import ConfigError
from iqa_spider.evaluation.ablation.recipe import MixRecipe
from iqa_spider.evaluation.bench.registry import load_benchmark
from iqa_spider.evaluation.bench.report import overview_sheet, paper_sheet
from iqa_spider.evaluation.bench.session import BenchOptions, bench
from iqa_spider.evaluation.bench.sheets import Entrant, Report, Sheet, read_runs
from iqa_spider.evaluation.bench.significance import NOTE, difference_cells
from iqa_spider.evaluation.benchmarks.paper import TABLE_4
from iqa_spider.training.lmm_recipe import LmmStage
from iqa_spider.training.run import load_recipe, run_recipe

__all__ = ["run_mixes", "train_mix"]

WEIGHTS: Final = "training"
"""Folder of a mix's training inside its run folder."""


def train_mix(recipe: Path, out: Path, base: str | None = None) -> tuple[LmmStage, Path]:
    """Train a mix, unless it has been, into ``out``; returns the resolved recipe and the adapter's folder.

    Raises:
        ConfigError: no recipe of the stage ``lmm``, or ``out`` was begun with another.
    """
    changes: dict[str, Any] = {"out": out} | ({} if base is None else {"base": base})
    stage = load_recipe(recipe, changes)
    if not isinstance(stage, LmmStage):
        raise ConfigError(f"{recipe}: a mix is trained by a recipe of the stage lmm")
    begun = out / "recipe.json"
    own = stage.model_dump(mode="json", exclude={"out"})
    if begun.exists() and {**json.loads(begun.read_text()), "out": None} != {**own, "out": None}:
        raise ConfigError(f"{out}: was begun with another recipe ({begun.name}); name a new --out")
    # The log is the last file that training writes.
    if not (out / "log.jsonl").exists():
        run_recipe(recipe, changes)
    return stage, out / "adapter"


def run_mixes(
    recipe: MixRecipe,
    data: Path,
    out: Path,
    options: BenchOptions,
    base: str | None = None,
    on_item: Callable[[str, int, int], None] = lambda who, done, total: None,
) -> Report:
    """Train and bench every mix into ``out/MIX``; the trivial baselines run once, beside the first."""
    for number, (name, path) in enumerate(recipe.mixes.items()):
        stage, adapter = train_mix(path, out / name / WEIGHTS, base)
        loading = {**options.examinee.loading, "adapter": str(adapter)}
        own = replace(
            options,
            label=name,
            examinee=replace(options.examinee, loading=loading),
            baselines=options.baselines if number == 0 else (),
        )

        def show(who: str, done: int, total: int, name: str = name) -> None:
            on_item(name if who.startswith("hf:") else who, done, total)

        bench("spider-bench", f"hf:{stage.base}", data, out / name, own, show)
    return _report(recipe, out)


def _report(recipe: MixRecipe, out: Path) -> Report:
    benchmark = load_benchmark("spider-bench")
    entrants = read_runs([out / name for name in recipe.mixes])
    mixes = [e for e in entrants if not e.baseline]
    grounding = next(t for t in benchmark.tables if t.columns[-1].metric == "iou")
    return Report(
        recipe.title,
        ("One model a mix, trained alike. Intervals: 95 %, bootstrap over photos.",),
        (
            paper_sheet(benchmark, TABLE_4, entrants),
            _differences(mixes),
            paper_sheet(benchmark, replace(grounding, rows=(), note=""), entrants),
            overview_sheet(entrants),
        ),
    )


def _differences(mixes: list[Entrant]) -> Sheet:
    """Each mix minus the last."""
    benchmark = load_benchmark("spider-bench")
    *others, last = mixes
    rows = []
    for entrant in others:
        cells = [entrant.name]
        for column in TABLE_4.columns:
            found = difference_cells(benchmark.metric(column.metric), entrant.run, last.run)
            cells.append("-" if found is None else f"{found[0]} p {found[1]}")
        rows.append(tuple(cells))
    header = ("mix", *(column.title for column in TABLE_4.columns))
    return Sheet(f"Minus {last.name}", header, tuple(rows), NOTE)
