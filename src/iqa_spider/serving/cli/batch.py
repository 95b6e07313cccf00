"""``iqa-spider batch``: many questions from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from iqa_spider.serving.cli.options import MaxMegapixels, ModelChoice

__all__ = ["batch"]


def batch(
    requests: Annotated[Path, typer.Argument(help="Lines of {id, image, question, box?}.")],
    images: Annotated[Path, typer.Option(help="Folder that the image names are relative to.")],
    out: Annotated[Path, typer.Option(help="Answers, one line a request.")],
    strict: Annotated[bool, typer.Option(help="Exit with 2 if any row has an error.")] = False,
    max_megapixels: MaxMegapixels = 100.0,
    together: Annotated[
        int, typer.Option(help="Rows asked at once of a model that can: hf: and openai:.", min=1)
    ] = 8,
    choice: ModelChoice = ModelChoice(),  # noqa: B008 (frozen)
) -> None:
    """Answer many questions; a killed job goes on where it stopped.

    Example:

        iqa-spider batch requests.jsonl --images photos --out answers.jsonl
    """
    from rich.console import Console
    from rich.progress import Progress

    from iqa_spider.core import ConfigError

    if not requests.exists():
        raise ConfigError(f"{requests}: no such file")
    if not images.is_dir():
        raise ConfigError(f"{images}: no such folder; --images names the folder of the pictures")
    from iqa_spider.serving.batch import run_batch

    spider = choice.load()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("Answering", total=None)
        summary = run_batch(
            spider,
            requests,
            images,
            out,
            max_megapixels=max_megapixels,
            together=together,
            on_row=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    print(
        f"{summary.answered} answered, {summary.failed} with an error, "
        f"{summary.skipped} were there already: {out}"
    )
    if strict and summary.failed:
        raise typer.Exit(2)
