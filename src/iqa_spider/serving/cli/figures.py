"""``iqa-spider figures``: measure the model on a folder of photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from iqa_spider.serving.cli.options import Checkpoint, Threads

__all__ = ["figures"]


def figures(
    photos: Annotated[Path, typer.Argument(help="Folder with photos.csv, photos/ and regions/.")],
    out: Annotated[Path, typer.Option(help="Markdown file to write.")] = Path("figures.md"),
    split: Annotated[
        str, typer.Option(help="test, or dev for the held-out part of train.")
    ] = "test",
    limit: Annotated[int | None, typer.Option(help="At most so many photos.")] = None,
    checkpoint: Checkpoint = None,
    threads: Threads = None,
) -> None:
    """Measure referring, grounding, scores and the segmenter, each beside a trivial baseline.

    Example:

        iqa-spider figures photos --split test --out docs/results/pocket.md
    """
    from rich.console import Console
    from rich.progress import Progress

    from iqa_spider.evaluation.figures import measure
    from iqa_spider.evaluation.figures_table import markdown
    from iqa_spider.models import load_spider
    from iqa_spider.serving.files import write_text

    spider = load_spider(checkpoint=checkpoint, threads=threads)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("Measuring", total=None)
        found = measure(
            spider,
            photos,
            split,
            limit=limit,
            on_photo=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    command = f"iqa-spider figures PHOTOS --split {split}" + (f" --limit {limit}" if limit else "")
    text = markdown(found, command, split)
    write_text(out, text)
    print(text)
