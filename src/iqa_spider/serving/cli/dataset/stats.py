"""``iqa-spider dataset stats``: counts of a built set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["stats"]


def stats(folder: Annotated[Path, typer.Argument(help="A built data set.")]) -> None:
    """Print the counts of a set as a table like Table 7 of the paper.

    Example:

        iqa-spider dataset stats spider-set
    """
    from iqa_spider.dataset.release import count_samples

    print(count_samples(folder).table())
