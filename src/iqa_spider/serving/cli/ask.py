"""``iqa-spider ask``: one question about one picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from iqa_spider.serving.cli.options import Json, MaxMegapixels, ModelChoice

__all__ = ["ask"]


def ask(
    image: Annotated[Path, typer.Argument(help="The picture.")],
    question: Annotated[str, typer.Argument(help="The question, in free words.")],
    box: Annotated[
        str | None, typer.Option(help="Region asked about: x0,y0,x1,y1 in pixels.")
    ] = None,
    mask: Annotated[
        Path | None, typer.Option(help="Region asked about: a picture, non-zero inside.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(help='Region asked about, in words: "dark area at the top left".')
    ] = None,
    save_mask: Annotated[
        Path | None, typer.Option(help="Write the answer's mask as a black and white PNG.")
    ] = None,
    as_json: Json = False,
    max_megapixels: MaxMegapixels = 100.0,
    choice: ModelChoice = ModelChoice(),  # noqa: B008 (frozen)
) -> None:
    """Ask a picture about its quality.

    Examples:

        iqa-spider ask photo.jpg "Which region is the most degraded?" --save-mask worst.png

        iqa-spider ask photo.jpg "Which region was blurred first, then compressed?" --json

        iqa-spider ask photo.jpg "What is wrong here?" --box 40,60,200,180

        iqa-spider ask photo.jpg "Where is it worst?" --model hf:qwen3-vl --segmenter sam2:sam2.1-hiera-large
    """
    from iqa_spider.core import Box, RegionError, open_picture
    from iqa_spider.tasks.questions import check_question

    if sum(option is not None for option in (box, mask, region)) > 1:
        raise RegionError("name one of --box, --mask and --region, not several")
    check_question(question)
    picture = open_picture(image, max_megapixels=max_megapixels)
    height, width = picture.shape[:2]
    marked = None if box is None else Box.parse(box).inside(width, height)
    session = choice.load().open(picture)
    area = marked.mask(width, height) if marked else None
    if mask is not None:
        area = _read_mask(mask, height, width)
    if region is not None:
        area = session.find_region(region)
        if area is None:
            raise RegionError(f"no region fits {region!r}; name its colour or place, or use --box")
    answer = session.ask(question, region=area)
    if save_mask is not None:
        _save_mask(answer.mask, save_mask)
    if as_json:
        from iqa_spider.serving.records import answer_record

        print(json.dumps({"image": str(image), **answer_record(answer)}))
        return
    print(answer.text)
    if answer.point is not None:
        print(f"point: ({answer.point.x:.0f}, {answer.point.y:.0f})")
    if answer.score is not None:
        print(f"overall: {answer.level}, {answer.score:.0f} / 100")


def _read_mask(path: Path, height: int, width: int):  # type: ignore[no-untyped-def]
    from iqa_spider.core import RegionError, check_mask, open_picture

    marked = open_picture(path).max(2) > 0
    try:
        return check_mask(marked, height, width)
    except RegionError as error:
        raise RegionError(f"{path}: {error}") from error


def _save_mask(mask, path: Path) -> None:  # type: ignore[no-untyped-def]
    import numpy as np

    from iqa_spider.core import RegionError
    from iqa_spider.serving.files import write_bytes
    from iqa_spider.serving.overlay import encode_png

    if mask is None:
        raise RegionError(f"{path}: not written, since this question asks for no region")
    write_bytes(path, encode_png(np.repeat(mask[..., None].astype(np.uint8) * 255, 3, 2)))
