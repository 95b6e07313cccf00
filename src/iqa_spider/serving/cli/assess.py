"""``iqa-spider assess``: reports of pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from iqa_spider.serving.cli.options import Json, MaxMegapixels, ModelChoice

__all__ = ["assess"]

SUFFIXES = frozenset(".jpg .jpeg .png .webp .bmp .tif .tiff .gif .ppm .pgm .jp2 .avif".split())


def assess(
    images: Annotated[list[Path], typer.Argument(help="Pictures, or folders of them.")],
    out: Annotated[Path, typer.Option(help="Folder for the reports.")] = Path("report"),
    as_json: Json = False,
    max_megapixels: MaxMegapixels = 100.0,
    choice: ModelChoice = ModelChoice(),  # noqa: B008 (frozen)
) -> None:
    """Write a report on each picture: level and score, description, regions, the worst region.

    Each picture gets a page that needs no other file, a JSON file and an overlay; index.html is a
    table over all. A picture that cannot be read is named in the table and makes the exit code 2.

    Example:

        iqa-spider assess photo.jpg holiday/ --out report
    """
    from rich.console import Console
    from rich.progress import track

    from iqa_spider.core import PictureError, SpiderError, open_picture

    paths = _expand(images)
    if not paths:
        raise PictureError(f"{', '.join(map(str, images))}: no pictures in there")
    from iqa_spider.serving.report import ReportRow, assessment_record, write_index, write_report

    spider = choice.load()
    console = Console(stderr=True)
    rows, records, used = [], [], set[str]()
    for path in track(paths, "Assessing", console=console, transient=True):
        name = _free_name(path, used)
        try:
            picture = open_picture(path, max_megapixels=max_megapixels)
            assessment = spider.open(picture).assess()
        except SpiderError as error:
            console.print(f"error: {error}", style="red", highlight=False, soft_wrap=True)
            rows.append(ReportRow(path.name, None, "", None, "", None, str(error)))
            continue
        rows.append(write_report(picture, name, assessment, out))
        records.append(assessment_record(name, assessment))
    index = write_index(rows, out)
    if as_json:
        print(json.dumps(records))
    else:
        for row in rows:
            print(f"{row.name}: {row.error or f'{row.level}, {row.score} / 100. {row.summary}'}")
        print(f"report: {index}")
    if any(row.error for row in rows):
        raise typer.Exit(2)


def _expand(images: list[Path]) -> list[Path]:
    paths: list[Path] = []
    for image in images:
        inside = sorted(p for p in image.rglob("*") if p.suffix.lower() in SUFFIXES)
        paths += inside if image.is_dir() else [image]
    return paths


def _free_name(path: Path, used: set[str]) -> str:
    """A file name for the report; pictures of the same name in two folders must not overwrite."""
    name, number = path.stem, 2
    while name in used or name == "index":
        name, number = f"{path.stem}-{number}", number + 1
    used.add(name)
    return name
