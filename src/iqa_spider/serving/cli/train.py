"""``iqa-spider train``: run a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["train"]


def train(
    recipe: Annotated[Path, typer.Argument(help="A YAML recipe; see the folder recipes/.")],
    photos: Annotated[
        Path | None, typer.Option(help="Folder of photos with photos.csv; overrides the recipe.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; overrides the recipe.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Budget; overrides the recipe.")] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print what a large backbone will need; train nothing.")
    ] = False,
    gpus: Annotated[int, typer.Option(help="For --plan: how many GPUs.")] = 1,
    gpu_memory: Annotated[float, typer.Option(help="For --plan: GB of one GPU.")] = 80.0,
) -> None:
    """Train a stage of `pocket` or a large backbone; run it again after a kill and it goes on.

    Example:

        iqa-spider train recipes/pocket-encoder.yaml --photos photos --out runs/encoder

        iqa-spider train recipes/qwen3-vl-8b.yaml --plan --gpus 8 --gpu-memory 80
    """
    from iqa_spider.training.run import run_recipe

    changes = {"photos": photos, "out": out, "minutes": minutes}
    given = {k: v for k, v in changes.items() if v is not None}
    if plan:
        _plan(recipe, given, gpus, gpu_memory)
        return
    figures = run_recipe(recipe, given)
    for name, value in figures.items():
        print(f"{name}: {value:.4f}")


def _plan(recipe: Path, changes: dict[str, Any], gpus: int, memory: float) -> None:
    from iqa_spider.core import ConfigError
    from iqa_spider.training.lmm_recipe import LmmStage
    from iqa_spider.training.run import load_recipe

    found = load_recipe(recipe, changes)
    if not isinstance(found, LmmStage):
        raise ConfigError(f"{recipe}: --plan is for recipes of the stage lmm")
    from iqa_spider.training.lmm_plan import plan as make_plan

    print("\n".join(make_plan(found, gpus=gpus).lines(gpus, memory)))
