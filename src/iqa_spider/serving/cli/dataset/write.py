"""``iqa-spider dataset write``: answers in the words of a language model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from iqa_spider.serving.cli.dataset.engine import EngineName, RayAddress

__all__ = ["write"]


def write(
    folder: Annotated[Path, typer.Argument(help="A built data set.")],
    out: Annotated[Path, typer.Option(help="Folder of the set in the model's words.")],
    endpoint: Annotated[str, typer.Option(help="Address of an OpenAI-compatible server, to /v1.")],
    model: Annotated[str, typer.Option(help="Name by which the server knows the model.")],
    api_key: Annotated[
        str | None, typer.Option(envvar="OPENAI_API_KEY", help="Key, if the server wants one.")
    ] = None,
    concurrency: Annotated[int, typer.Option(help="Requests under way at once.")] = 8,
    tries: Annotated[int, typer.Option(help="Replies a sample before facts take over.")] = 2,
    max_tokens: Annotated[int, typer.Option(help="Tokens of a reply.")] = 400,
    max_requests: Annotated[
        int | None, typer.Option(help="Budget of this run; go on with the same command.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds a request may take.")] = 120.0,
    retries: Annotated[int, typer.Option(help="Further tries after a fault of the server.")] = 4,
    max_side: Annotated[int, typer.Option(help="Long side of the picture that is sent.")] = 768,
    engine: EngineName = "local",
    workers: Annotated[int, typer.Option(help="Processes of --engine ray.")] = 2,
    ray_address: RayAddress = None,
) -> None:
    """Let a model that sees the pictures name regions and write answers, each held to the facts.

    Example:

        iqa-spider dataset write spider-set --out words --endpoint http://localhost:8000/v1 --model internvl
    """
    from functools import partial

    from rich.console import Console
    from rich.progress import Progress

    from iqa_spider.dataset.engines import engine_named
    from iqa_spider.dataset.writing import WriteSettings, write_set
    from iqa_spider.models.endpoint import Endpoint

    client = Endpoint(endpoint, model, api_key=api_key, timeout=timeout, retries=retries)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("Writing", total=None)
        summary = write_set(
            folder,
            out,
            client,
            WriteSettings(model, tries, max_tokens, concurrency, max_requests),
            partial(_look, max_side=max_side),
            engine=engine_named(engine, workers, ray_address, threads=concurrency),
            on_sample=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    print(f"{summary.written} answers in the model's words, {summary.kept} of fixed form: {out}")
    print(f"  contradicted the facts at first: {summary.rejected} ({summary.rejection_rate:.1%})")
    print(f"  written from facts in the end: {summary.fallen}")
    print(f"  regions renamed: {summary.renamed}; requests: {summary.requests}")
    if summary.waiting:
        print(f"  not reached: {summary.waiting}; run the same command to go on")


def _look(path: Path, max_side: int) -> str:
    from iqa_spider.core import open_picture
    from iqa_spider.models.endpoint import picture_url

    return picture_url(open_picture(path), max_side=max_side)
