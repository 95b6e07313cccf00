"""``iqa-spider dataset regions``: named regions by SAM, a semantic segmenter and CLIPSeg."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["regions"]


def regions(
    photos: Annotated[Path, typer.Argument(help="Folder of pristine photos.")],
    out: Annotated[
        Path, typer.Option(help="Folder for label maps and names, one of each a photo.")
    ],
    sam: Annotated[str, typer.Option(help="Checkpoint of a SAM or SAM 2 (folder or hub name).")],
    semantic: Annotated[str, typer.Option(help="SegFormer, Mask2Former or OneFormer checkpoint.")],
    clipseg: Annotated[
        str | None, typer.Option(help="CLIPSeg checkpoint that votes on the names; none: no vote.")
    ] = None,
    points: Annotated[int, typer.Option(help="Points a side of the grid.")] = 16,
    iou: Annotated[float, typer.Option(help="Least expected IoU of a mask.")] = 0.86,
    stability: Annotated[float, typer.Option(help="Least stability of a mask.")] = 0.92,
    area: Annotated[int, typer.Option(help="Pixels of the smallest region.")] = 2000,
    limit: Annotated[int | None, typer.Option(help="At most so many photos.")] = None,
) -> None:
    """Propose named regions; run it again after a kill and it goes on. Give the folder to `build --regions`.

    Example:

        iqa-spider dataset regions photos --out regions --sam sam-vit-huge --semantic oneformer
    """
    from rich.console import Console
    from rich.progress import track

    from iqa_spider.core import open_picture
    from iqa_spider.dataset.named import write_regions
    from iqa_spider.dataset.sources import find_photos
    from iqa_spider.models.proposers import (
        MaskGenerator,
        Namer,
        ProposerSettings,
        SemanticProposer,
        Voter,
    )

    settings = ProposerSettings(points=points, iou=iou, stability=stability, area=area)
    voter = None if clipseg is None else Voter(clipseg)
    proposer = SemanticProposer(MaskGenerator(sam, settings), Namer(semantic), voter)
    out.mkdir(parents=True, exist_ok=True)
    waiting = [p for p in find_photos(photos)[:limit] if not (out / f"{p.id}.json").exists()]
    count = 0
    for photo in track(waiting, "Proposing", console=Console(stderr=True), transient=True):
        picture = open_picture(photo.path)
        found = [(region.mask, region.name) for region in proposer.propose(picture)]
        height, width = picture.shape[:2]
        write_regions(out, photo.id, found, (height, width))
        count += len(found)
    print(f"{count} regions of {len(waiting)} photos: {out}")
