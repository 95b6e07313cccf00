"""``iqa-spider dataset``: build the four-task set and look at it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Build the four-task data set and look at it.")


@app.command()
def build(
    photos: Annotated[
        Path, typer.Argument(help="Folder of pristine photos (photos.csv is used if there).")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the data set.")],
    seed: Annotated[int, typer.Option(help="Another seed, another set.")] = 0,
    size: Annotated[int, typer.Option(help="Long side that photos are resized to.")] = 448,
    free: Annotated[float, typer.Option(help="Share of casual wordings.")] = 0.25,
    workers: Annotated[int, typer.Option(help="Processes.")] = 2,
    limit: Annotated[int | None, typer.Option(help="At most so many photos.")] = None,
) -> None:
    """Make recipes, pictures, questions and answers; run it again after a kill and it goes on.

    Example:

        iqa-spider dataset build photos --out spider-set
    """
    from rich.console import Console
    from rich.progress import Progress

    from iqa_spider.dataset.build import BuildSettings, build_dataset
    from iqa_spider.serving.sheet import write_contact_sheet

    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("Building", total=None)
        summary = build_dataset(
            photos,
            out,
            BuildSettings(seed, size, free),
            workers=workers,
            limit=limit,
            on_photo=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    write_contact_sheet(out)
    print(f"{summary.samples} samples of {summary.photos} photos, {summary.skipped} skipped: {out}")
    for task, count in summary.tasks.items():
        print(f"  {task}: {count}")
    if summary.skipped:
        print(f"  skipped photos and reasons: {out / 'skipped.tsv'}")


@app.command()
def show(
    folder: Annotated[Path, typer.Argument(help="A built data set.")],
    count: Annotated[int, typer.Option(help="How many samples.")] = 5,
    split: Annotated[str, typer.Option(help="train or test.")] = "train",
    task: Annotated[str | None, typer.Option(help="Only this task.")] = None,
) -> None:
    """Print samples.

    Example:

        iqa-spider dataset show spider-set --task grounding --count 3
    """
    from itertools import islice

    from iqa_spider.dataset.load import read_samples

    samples = (s for s in read_samples(folder, split) if task in (None, str(s.task)))
    for sample in islice(samples, count):
        print(f"{sample.id}  {sample.task} {sample.subtask or ''}\n  Q {sample.question}")
        print(f"  A {sample.answer}")
