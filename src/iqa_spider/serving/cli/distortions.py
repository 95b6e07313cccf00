"""``iqa-spider distortions``: what the 35 functions do and cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from iqa_spider.serving.cli.options import Json

__all__ = ["distortions"]


def distortions(
    photos: Annotated[Path, typer.Argument(help="Folder of pristine photos.")],
    out: Annotated[Path | None, typer.Option(help="Markdown file to write.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many photos.")] = 24,
    size: Annotated[int, typer.Option(help="Long side that photos are resized to.")] = 448,
    as_json: Json = False,
) -> None:
    """Measure how much each function changes a picture at each severity, and how fast it is.

    Install imagecorruptions or albumentations to see them beside ours.

    Example:

        iqa-spider distortions photos --out docs/results/distortions.md
    """
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.progress import Progress

    from iqa_spider.core import ConfigError, open_picture
    from iqa_spider.dataset.scenes import Photo, fit_photo
    from iqa_spider.dataset.sources import find_photos
    from iqa_spider.evaluation.severity import measure_functions, severity_markdown
    from iqa_spider.serving.files import write_text

    sources = [source for source in find_photos(photos) if source.split == "train"][:limit]
    if not sources:
        raise ConfigError(f"{photos}: no photo to measure on")
    pictures = [
        fit_photo(Photo(s.id, open_picture(Path(s.path)), None, ""), size).picture for s in sources
    ]
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("Distorting", total=None)
        rows = measure_functions(
            pictures, lambda done, total: progress.update(bar, completed=done, total=total)
        )
    if as_json:
        print(json.dumps([asdict(row) | {"monotone": row.monotone} for row in rows]))
        return
    command = f"iqa-spider distortions PHOTOS --limit {limit} --size {size}"
    text = severity_markdown(rows, len(pictures), command)
    if out is not None:
        write_text(out, text)
    print(text)
