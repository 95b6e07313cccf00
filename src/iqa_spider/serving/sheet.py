"""A contact sheet of a built data set: its first pictures with their grounding regions outlined."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from iqa_spider.core import Mask, open_picture
from iqa_spider.dataset.load import read_samples
from iqa_spider.regions import decode_rle
from iqa_spider.serving.files import write_bytes
from iqa_spider.serving.overlay import draw_mask, encode_png

__all__ = ["write_contact_sheet"]

TILE = (224, 168)
COLUMNS = 6


def write_contact_sheet(folder: Path, count: int = 36) -> Path:
    """Write ``contact_sheet.png`` of up to ``count`` pictures of the train split."""
    masks: dict[str, list[Mask]] = {}
    for sample in read_samples(folder):
        if sample.image not in masks and len(masks) == count:
            break
        found = masks.setdefault(sample.image, [])
        if sample.mask is not None:
            found.append(decode_rle(sample.mask))
    tiles = []
    for image, regions in islice(masks.items(), count):
        picture = open_picture(folder / image)
        for region in regions[:4]:
            picture = draw_mask(picture, region, tint=0.0)
        tiles.append(cv2.resize(picture, TILE, interpolation=cv2.INTER_AREA).astype(np.uint8))
    blank = np.full((TILE[1], TILE[0], 3), 255, np.uint8)
    tiles += [blank] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    path = folder / "contact_sheet.png"
    write_bytes(path, encode_png(np.vstack(rows) if rows else blank))
    return path
