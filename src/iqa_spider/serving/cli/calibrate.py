"""``iqa-spider calibrate``: choose the temperature of text-to-point."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from iqa_spider.serving.cli.options import Checkpoint, Json, Threads

__all__ = ["calibrate"]


def calibrate(
    photos: Annotated[Path, typer.Argument(help="Folder with photos.csv, photos/ and regions/.")],
    split: Annotated[str, typer.Option(help="dev or train; never test.")] = "dev",
    limit: Annotated[int | None, typer.Option(help="At most so many photos.")] = None,
    write: Annotated[bool, typer.Option(help="Store it in the checkpoint's card.json.")] = False,
    checkpoint: Checkpoint = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Try temperature and reach on training photos: how far is the point from the region it should name?

    Example:

        iqa-spider calibrate photos --split dev
    """
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from iqa_spider.core import ConfigError
    from iqa_spider.evaluation.calibration import calibrate as choose
    from iqa_spider.models import load_spider
    from iqa_spider.models.build import weights_folder
    from iqa_spider.serving.files import write_text

    if split == "test":
        raise ConfigError("--split test: choices are made on training photos; use dev or train")
    spider = load_spider(checkpoint=checkpoint, threads=threads)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("Asking", total=None)
        trials = choose(
            spider,
            photos,
            split=split,
            limit=limit,
            on_photo=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    if not trials:
        raise ConfigError(f"{photos}: no photo of split {split!r} with regions to ask about")
    if write:
        card = (checkpoint or weights_folder()) / "card.json"
        details = json.loads(card.read_text()) if card.exists() else {}
        details |= {"temperature": trials[0].temperature, "reach": trials[0].reach}
        write_text(card, json.dumps(details, indent=1) + "\n")
    if as_json:
        print(json.dumps([asdict(trial) for trial in trials]))
        return
    table = Table("temperature", "reach", "point inside", "distance", "questions")
    for t in trials[:12]:
        table.add_row(
            f"{t.temperature:g}",
            f"{t.reach:g}",
            f"{t.inside:.3f}",
            f"{t.distance:.3f}",
            str(t.questions),
        )
    Console().print(table)
