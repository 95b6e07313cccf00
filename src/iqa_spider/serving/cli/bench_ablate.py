"""``iqa-spider bench ablate``: variants of the grounding head in one table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from iqa_spider.serving.cli.options import Checkpoint, Threads

__all__ = ["ablate"]


def ablate(
    recipe: Annotated[Path, typer.Argument(help="A recipe such as recipes/ablate-grounding.yaml.")],
    data: Annotated[Path, typer.Option(help="A built data set.")],
    out: Annotated[Path, typer.Option(help="Folder of the runs; run again to go on.")],
    limit: Annotated[int | None, typer.Option(help="At most so many questions.")] = None,
    checkpoint: Checkpoint = None,
    threads: Threads = None,
) -> None:
    """Measure variants of the grounding head of `pocket` on the same answers in words (Fig. 5).

    Example:

        iqa-spider bench ablate recipes/ablate-grounding.yaml --data spider-set --out runs/ablation
    """
    from rich.console import Console
    from rich.progress import Progress

    from iqa_spider.evaluation.ablation.recipe import load_recipe
    from iqa_spider.evaluation.ablation.study import run_ablation
    from iqa_spider.evaluation.bench.render import to_html, to_markdown
    from iqa_spider.evaluation.examinees.choose import weights_digest
    from iqa_spider.models import load_spider
    from iqa_spider.models.build import weights_folder
    from iqa_spider.serving.files import write_text

    plan = load_recipe(recipe)
    spider = load_spider("pocket", checkpoint=checkpoint, threads=threads)
    weights = weights_digest(checkpoint or weights_folder("pocket"))
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bars = {name: progress.add_task(name, total=None) for name in plan.variants}

        def show(who: str, done: int, total: int) -> None:
            progress.update(bars[who], completed=done, total=total)

        found = run_ablation(plan, spider, weights, data, out, limit=limit, on_item=show)
    limited = f" --limit {limit}" if limit else ""
    made = f"Made by: iqa-spider bench ablate recipes/{recipe.name} --data DATA --out RUNS{limited}"
    found = replace(found, lines=(made, *found.lines))
    write_text(out / "report.md", to_markdown(found))
    write_text(out / "report.html", to_html(found))
    print(to_markdown(found))
