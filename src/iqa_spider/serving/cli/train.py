"""``iqa-spider train``: run a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["train"]


def train(
    recipe: Annotated[Path, typer.Argument(help="A YAML recipe; see the folder recipes/.")],
    photos: Annotated[
        Path | None, typer.Option(help="Folder of photos with photos.csv; overrides the recipe.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; overrides the recipe.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Budget; overrides the recipe.")] = None,
) -> None:
    """Train one stage of `pocket`; run it again after a kill and it goes on from the last checkpoint.

    Example:

        iqa-spider train recipes/pocket-encoder.yaml --photos photos --out runs/encoder
    """
    from iqa_spider.training.run import run_recipe

    changes = {"photos": photos, "out": out, "minutes": minutes}
    figures = run_recipe(recipe, {k: v for k, v in changes.items() if v is not None})
    for name, value in figures.items():
        print(f"{name}: {value:.4f}")
