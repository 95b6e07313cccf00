"""``iqa-spider bench ablate``: variants of the grounding head, or mixes of training data, in one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iqa_spider.serving.cli.options import ModelChoice
from iqa_spider.serving.cli.trivial import BASELINES, baseline_names

if TYPE_CHECKING:
    from iqa_spider.evaluation.ablation.recipe import AblationRecipe, MixRecipe
    from iqa_spider.evaluation.bench.sheets import Report

__all__ = ["ablate"]


def ablate(
    recipe: Annotated[Path, typer.Argument(help="A recipe such as recipes/ablate-grounding.yaml.")],
    data: Annotated[Path, typer.Option(help="A built data set.")],
    out: Annotated[Path, typer.Option(help="Folder of the runs; run again to go on.")],
    limit: Annotated[int | None, typer.Option(help="At most so many questions.")] = None,
    prompted: Annotated[
        str | None,
        typer.Option(help="Segmenter of the heads prompted-*, such as clipseg:PATH_OR_ID."),
    ] = None,
    baselines: Annotated[
        str, typer.Option(help="Of a recipe with mixes: baselines beside them, by commas, or none.")
    ] = BASELINES,
    choice: ModelChoice = ModelChoice(),  # noqa: B008 (frozen)
) -> None:
    """Measure variants of the grounding head on the same answers in words (Fig. 5), or train and measure
    the mixes of a recipe (Table 4; --model hf:BASE takes the place of the recipes' own base).

    Example:

        iqa-spider bench ablate recipes/ablate-grounding.yaml --data spider-set --out runs/ablation

        iqa-spider bench ablate recipes/ablate-mix.yaml --model hf:qwen3-vl --data spider-set --out runs/mix
    """
    from rich.console import Console
    from rich.progress import Progress

    from iqa_spider.evaluation.ablation.recipe import AblationRecipe, load_recipe
    from iqa_spider.evaluation.bench.render import to_html, to_markdown
    from iqa_spider.evaluation.bench.session import model_flags
    from iqa_spider.serving.files import write_text

    plan = load_recipe(recipe)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bars = {}

        def show(who: str, done: int, total: int) -> None:
            if who not in bars:
                bars[who] = progress.add_task(who, total=total)
            progress.update(bars[who], completed=done, total=total)

        if isinstance(plan, AblationRecipe):
            found = _heads(plan, choice, prompted, data, out, limit, show)
        else:
            found = _mixes(plan, choice, baselines, data, out, limit, show)
    parts = [f"Made by: iqa-spider bench ablate recipes/{recipe.name} --data DATA --out RUNS"]
    parts += [f"--limit {limit}"] if limit else []
    parts += [f"--prompted {prompted.partition(':')[0]}:CHECKPOINT"] if prompted else []
    made = " ".join([*parts, *model_flags(choice.model, choice.examinee())])
    found = replace(found, lines=(made, *found.lines))
    write_text(out / "report.md", to_markdown(found))
    write_text(out / "report.html", to_html(found))
    print(to_markdown(found))


def _heads(
    plan: AblationRecipe,
    choice: ModelChoice,
    prompted: str | None,
    data: Path,
    out: Path,
    limit: int | None,
    show: Callable[[str, int, int], None],
) -> Report:
    from iqa_spider.core import ConfigError
    from iqa_spider.evaluation.ablation.study import run_ablation
    from iqa_spider.evaluation.examinees import make_examinee
    from iqa_spider.evaluation.examinees.local import SpiderExaminee
    from iqa_spider.evaluation.store import digest
    from iqa_spider.models.registry import load_segmenter

    examinee = make_examinee(choice.model, [], choice.examinee())
    if not isinstance(examinee, SpiderExaminee):
        raise ConfigError(
            f"--model {choice.model}: heads need a model that runs here, or spider:NAME"
        )
    worded = None
    if prompted is not None:
        # The variants cut the answer into parts, so that the segmenter takes what it is given whole.
        worded = load_segmenter(
            prompted, dtype=choice.dtype, device=choice.device, prompt_part="whole"
        )
    return run_ablation(
        plan, examinee.spider, digest(examinee.describe()), data, out,
        worded=worded, limit=limit, on_item=show,
    )  # fmt: skip


def _mixes(
    plan: MixRecipe,
    choice: ModelChoice,
    baselines: str,
    data: Path,
    out: Path,
    limit: int | None,
    show: Callable[[str, int, int], None],
) -> Report:
    from iqa_spider.core import ConfigError
    from iqa_spider.evaluation.ablation.mixes import run_mixes
    from iqa_spider.evaluation.bench.session import BenchOptions

    kind, _, base = choice.model.partition(":")
    if kind not in ("hf", "pocket"):
        raise ConfigError(f"--model {choice.model}: mixes are trained on hf:PATH_OR_ID")
    options = BenchOptions(
        limit=limit, examinee=choice.examinee(), baselines=baseline_names(baselines)
    )
    return run_mixes(plan, data, out, options, base or None, show)
