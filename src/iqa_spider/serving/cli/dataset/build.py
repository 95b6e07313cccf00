"""``iqa-spider dataset build``: make the four-task set of a folder of photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from iqa_spider.serving.cli.dataset.engine import EngineName, RayAddress, Workers

__all__ = ["build"]


def build(
    photos: Annotated[
        Path, typer.Argument(help="Folder of pristine photos (photos.csv is used if there).")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the data set.")],
    seed: Annotated[int, typer.Option(help="Another seed, another set.")] = 0,
    size: Annotated[int, typer.Option(help="Long side that photos are resized to.")] = 448,
    free: Annotated[float, typer.Option(help="Share of casual wordings.")] = 0.25,
    uniform: Annotated[float, typer.Option(help="Share of pictures distorted as a whole.")] = 0.15,
    clean: Annotated[float, typer.Option(help="Share of pictures left undistorted.")] = 0.08,
    workers: Workers = 2,
    engine: EngineName = "local",
    ray_address: RayAddress = None,
    regions: Annotated[
        Path | None, typer.Option(help="Named regions that `dataset regions` wrote.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many photos.")] = None,
) -> None:
    """Make recipes, pictures, questions and answers; run it again after a kill and it goes on.

    Example:

        iqa-spider dataset build photos --out spider-set
    """
    from rich.console import Console
    from rich.progress import Progress

    from iqa_spider.dataset.build import BuildSettings, build_dataset
    from iqa_spider.dataset.engines import engine_named
    from iqa_spider.serving.sheet import write_contact_sheet

    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("Building", total=None)
        summary = build_dataset(
            photos,
            out,
            BuildSettings(seed, size, free, uniform=uniform, clean=clean),
            engine=engine_named(engine, workers, ray_address),
            regions=regions,
            limit=limit,
            on_photo=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    write_contact_sheet(out)
    print(f"{summary.samples} samples of {summary.photos} photos, {summary.skipped} skipped: {out}")
    for task, count in summary.tasks.items():
        print(f"  {task}: {count}")
    if summary.skipped:
        print(f"  skipped photos and reasons: {out / 'skipped.tsv'}")
