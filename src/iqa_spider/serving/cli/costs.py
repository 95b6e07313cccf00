"""``iqa-spider costs``: what a question costs with a model, in each way of asking."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from iqa_spider.serving.cli.options import MaxMegapixels, ModelChoice

__all__ = ["costs"]


def costs(
    image: Annotated[Path, typer.Argument(help="The picture to ask about.")],
    out: Annotated[Path | None, typer.Option(help="Markdown file to write.")] = None,
    also: Annotated[
        list[str] | None, typer.Option(help="A further --model to measure; may be given again.")
    ] = None,
    note: Annotated[str, typer.Option(help="A sentence about the models, for the file.")] = "",
    repeats: Annotated[int, typer.Option(help="Runs of which the best is told.", min=1)] = 3,
    cpu_time: Annotated[
        bool,
        typer.Option(help="Count the seconds computed here, not the wall's: on a busy machine."),
    ] = False,
    max_megapixels: MaxMegapixels = 100.0,
    choice: ModelChoice = ModelChoice(),  # noqa: B008 (frozen)
) -> None:
    """Time a reused picture against one read anew, a batch against one by one, grounding against none.

    Example:

        iqa-spider costs photo.jpg --model hf:qwen3-vl-8b --segmenter sam2:sam2.1-hiera-large
    """
    from dataclasses import replace

    from iqa_spider.core import open_picture
    from iqa_spider.evaluation.costs import costs_markdown, measure_costs
    from iqa_spider.serving.files import write_text

    picture = open_picture(image, max_megapixels=max_megapixels)
    tables = []
    for name in (choice.model, *(also or ())):
        spider = replace(choice, model=name).load()
        kind = type(getattr(getattr(spider.backbone, "reader", None), "model", None)).__name__
        title = f"{name.split(':')[0]}: {kind}" if kind != "NoneType" else name.split("/")[-1]
        title += f", segmenter {spider.segmenter.name.split(':')[0]}"
        tables.append((title, measure_costs(spider, picture, repeats=repeats, cpu_time=cpu_time)))
    size = (picture.shape[1], picture.shape[0])
    command = f"iqa-spider costs PICTURE --repeats {repeats}" + " --cpu-time" * cpu_time
    text = costs_markdown(tables, size, command, note)
    if out is not None:
        write_text(out, text)
    print(text)
