"""``iqa-spider dataset check``: find what is wrong with a built set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["check"]


def check(
    folder: Annotated[Path, typer.Argument(help="A built data set.")],
    photos: Annotated[
        Path | None,
        typer.Option(help="The photos it was built from; with them the pixels are checked too."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write every problem there as JSON.")] = None,
    limit: Annotated[int, typer.Option(help="Print at most so many problems.")] = 20,
) -> None:
    """Look for leaks between splits, broken masks, wrong answers and facts that the pixels deny.

    Exits with 1 if anything was found.

    Example:

        iqa-spider dataset check spider-set --photos photos
    """
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.progress import Progress

    from iqa_spider.dataset.check import check_dataset
    from iqa_spider.serving.files import write_text

    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("Rendering", total=None)
        report = check_dataset(
            folder,
            photos,
            on_photo=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    if out is not None:
        write_text(out, json.dumps(asdict(report), indent=1))
    asked = "pixels not checked (give --photos)" if report.rendered is None else "pixels checked"
    print(f"{report.samples} samples, {report.pictures} pictures, {asked}")
    for problem in report.problems[:limit]:
        print(f"  {problem.kind}: {problem.where}: {problem.message}")
    if len(report.problems) > limit:
        print(f"  and {len(report.problems) - limit} more; write all of them with --out")
    counts = ", ".join(f"{count} {kind}" for kind, count in report.kinds.items())
    print(f"problems: {counts}" if counts else "clean")
    if report.problems:
        raise typer.Exit(1)
