"""``iqa-spider dataset show``: print samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["show"]


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
