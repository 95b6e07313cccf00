"""The eyes of `pocket`: dense predictions, proposed regions, and one view a region.

A picture of up to a megapixel is read whole at its own resolution. A larger one is read through windows
spread evenly over it, each at native resolution: shrinking it would wipe out the noise and the blur
that we look for, and reading all of it would take minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from iqa_spider.core import Box, Mask, Picture
from iqa_spider.models.encoder import QualityEncoder
from iqa_spider.models.proposals import histories, propose
from iqa_spider.models.segmenter import PocketSegmenter
from iqa_spider.models.tokens import RegionView
from iqa_spider.tasks import anchor, appearance, region_name, shrink_mask

__all__ = ["DenseMaps", "PocketVision", "Seen", "dense_maps"]

WHOLE_PIXELS: Final = 1_000_000
WINDOW: Final = 256
GRID: Final = 6
OVERVIEW: Final = 416

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class DenseMaps:
    """Probabilities and severities ``[12, h, w]`` and local quality ``[h, w]`` on a coarse grid."""

    presence: Floats
    severity: Floats
    last: Floats
    quality: Floats

    def pool(self, mask: Mask) -> tuple[Floats, Floats, Floats, float]:
        """Means under a mask ``[H, W]`` of any size; cells that lie wholly inside count most."""
        size = (self.quality.shape[1], self.quality.shape[0])
        cover = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        weight: Floats = np.asarray(cover**2, np.float32)
        weight = np.asarray(weight / max(float(weight.sum()), 1e-9), np.float32)
        presence, severity, last = (
            np.asarray((x * weight).sum((1, 2)), np.float32)
            for x in (self.presence, self.severity, self.last)
        )
        return presence, severity, last, float((self.quality * weight).sum())


@torch.inference_mode()
def dense_maps(encoder: QualityEncoder, picture: Picture) -> DenseMaps:
    """Run the encoder on a picture of any size."""
    height, width = picture.shape[:2]
    if min(height, width) < 64:
        goal = (max(64, width), max(64, height))
        if max(goal) > 4096:  # a ribbon: mirror its short side and read windows along it
            goal = (min(goal[0], 4096), min(goal[1], 4096))
        picture = cv2.resize(picture, goal, interpolation=cv2.INTER_LINEAR).astype(np.uint8)
        height, width = picture.shape[:2]
    if height * width <= WHOLE_PIXELS:
        return _run(encoder, picture[None], 1)[0]
    rows = _starts(height)
    columns = _starts(width)
    windows = np.stack(
        [picture[y : y + WINDOW, x : x + WINDOW] for y in rows for x in columns]
    ) if min(height, width) >= WINDOW else None  # fmt: skip
    if windows is None:
        scale = (WHOLE_PIXELS / (height * width)) ** 0.5
        goal = (max(64, round(width * scale)), max(64, round(height * scale)))
        small = cv2.resize(picture, goal, interpolation=cv2.INTER_AREA).astype(np.uint8)
        return _run(encoder, small[None], 1)[0]
    return _stitch(_run(encoder, windows, 6), len(rows), len(columns))


def _starts(length: int) -> list[int]:
    count = min(GRID, -(-length // WINDOW))
    return [round(s) for s in np.linspace(0, length - WINDOW, count)]


def _run(encoder: QualityEncoder, pictures: NDArray[np.uint8], batch: int) -> list[DenseMaps]:
    found = []
    # A copy: pictures read by Pillow are read-only, which torch refuses quietly.
    for part in torch.split(torch.from_numpy(pictures.copy()).permute(0, 3, 1, 2), batch):
        dense = encoder(part)
        for i in range(len(part)):
            found.append(
                DenseMaps(
                    dense.presence[i].sigmoid().numpy(),
                    dense.severity[i].clamp(0, 5).numpy(),
                    dense.last[i].sigmoid().numpy(),
                    dense.quality[i].clamp(0, 1).numpy(),
                )
            )
    return found


def _stitch(maps: list[DenseMaps], rows: int, columns: int) -> DenseMaps:
    """Each window becomes 4 x 4 cells of the whole."""

    def join(name: str) -> Floats:
        small = [
            cv2.resize(_last(getattr(m, name)), (4, 4), interpolation=cv2.INTER_AREA) for m in maps
        ]
        bands = [np.concatenate(small[r * columns : (r + 1) * columns], 1) for r in range(rows)]
        whole = np.concatenate(bands, 0)
        return np.asarray(whole if whole.ndim == 2 else np.moveaxis(whole, 2, 0), np.float32)

    return DenseMaps(join("presence"), join("severity"), join("last"), join("quality"))


def _last(values: Floats) -> Floats:
    """Channels last, for OpenCV."""
    return values if values.ndim == 2 else np.moveaxis(values, 0, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A picture as `pocket` sees it: global view, and for each region a view and a mask ``[H, W]``."""

    size: tuple[int, int]
    maps: DenseMaps
    overall: RegionView
    regions: tuple[RegionView, ...]
    masks: tuple[Mask, ...]
    overview: Picture

    def view(self, mask: Mask, kind: str = "region") -> RegionView:
        """The view of any mask ``[H, W]`` of the picture."""
        presence, severity, last, quality = self.maps.pool(mask)
        small = shrink_mask(mask, *self.overview.shape[:2])
        look = appearance(self.overview, small)
        height, width = small.shape
        box, point = Box.around(small), anchor(small)
        colour = self.overview[small].mean(0) / 255
        return RegionView(
            presence, severity, last, quality, point.x / width, point.y / height, float(small.mean()),
            (box.x1 - box.x0) / width, (box.y1 - box.y0) / height,
            (float(colour[0]), float(colour[1]), float(colour[2])),
            tuple(region_name(look).split()), kind,
        )  # fmt: skip


class PocketVision:
    """Encoder and segmenter together."""

    def __init__(self, encoder: QualityEncoder, segmenter: PocketSegmenter) -> None:
        self.encoder, self.segmenter = encoder.eval(), segmenter

    def open(self, picture: Picture) -> Seen:
        """See ``uint8 [H, W, 3]``: dense maps, proposals and their views."""
        height, width = picture.shape[:2]
        session = self.segmenter.open(picture)
        maps = dense_maps(self.encoder, picture)
        shared = histories(maps.presence, maps.severity)
        masks = [session.enlarge(p) for p in propose(session, shared)]
        whole = [np.ones((height, width), bool)]
        return self.see(picture, [m for m in masks if m.any()] or whole, maps)

    def see(self, picture: Picture, masks: list[Mask], maps: DenseMaps | None = None) -> Seen:
        """See the picture with regions that are given."""
        height, width = picture.shape[:2]
        maps = maps or dense_maps(self.encoder, picture)
        scale = min(1.0, OVERVIEW / max(height, width))
        goal = (max(1, round(width * scale)), max(1, round(height * scale)))
        overview = cv2.resize(picture, goal, interpolation=cv2.INTER_AREA).astype(np.uint8)
        bare = Seen((width, height), maps, _overall(maps, overview), (), (), overview)
        views = tuple(bare.view(mask) for mask in masks)
        return Seen((width, height), maps, bare.overall, views, tuple(masks), overview)


def _overall(maps: DenseMaps, overview: Picture) -> RegionView:
    mean = [
        np.asarray(x.mean((1, 2)), np.float32) for x in (maps.presence, maps.severity, maps.last)
    ]
    colour = overview.reshape(-1, 3).mean(0) / 255
    return RegionView(
        mean[0], mean[1], mean[2], float(maps.quality.mean()), 0.5, 0.5, 1.0, 1.0, 1.0,
        (float(colour[0]), float(colour[1]), float(colour[2])), (), "global",
        np.asarray(maps.presence.std((1, 2)), np.float32),
    )  # fmt: skip
