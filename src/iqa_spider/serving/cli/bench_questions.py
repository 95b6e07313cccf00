"""``iqa-spider bench questions``: what a model that runs elsewhere has to be asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["questions"]


def questions(
    name: Annotated[str, typer.Argument(help="Benchmark.")],
    data: Annotated[Path, typer.Option(help="Folder of the benchmark's data.")],
    out: Annotated[Path, typer.Option(help="Folder for the questions.")],
    copies: Annotated[
        bool, typer.Option(help="Copy a picture for each question, named by its item.")
    ] = False,
    limit: Annotated[int | None, typer.Option(help="At most so many, as in a run.")] = None,
    split: Annotated[str | None, typer.Option(help="Another split than the usual one.")] = None,
) -> None:
    """Write the questions of a benchmark; put the answers into the table with --model answers:FORMAT:PATH.

    Example:

        iqa-spider bench questions spider-bench --data spider-set --out asked --copies
    """
    from iqa_spider.evaluation.bench.questions import write_questions
    from iqa_spider.evaluation.bench.registry import load_benchmark
    from iqa_spider.evaluation.bench.session import wanted_items

    benchmark = load_benchmark(name)
    items = wanted_items(benchmark, data, split, limit)
    print(f"{len(items)} questions: {write_questions(items, data, out, copies=copies)}")
