"""The click-to-mask network of `pocket`: a picture is embedded once, then clicked many times.

Lite0 with a top-down path gives an embedding of stride 4. A click enters the decoder alone: the
embedding under the click is compared with the embedding everywhere, and together with the distance
to the click a small U-shaped network on stride 8 draws three candidate masks and the IoU it expects
of each; a filter a candidate, made for the click, adds the detail of stride 4 (a dot product: the
decoder at full stride cost as much as the backbone). The first candidate is trained on every click,
the other two on whichever of them fits best, since a click may mean a part or the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from iqa_spider.core import Candidate, Mask, Picture, Point, RegionError
from iqa_spider.models.lite0 import TAP_CHANNELS, Lite0, normalise

__all__ = [
    "LONG_SIDE",
    "ClickNet",
    "ClickOutput",
    "Embedded",
    "PocketSegmenter",
    "PocketSegmenterSession",
]

LONG_SIDE: Final = 416
"""Pictures are resized to this long side before they are embedded: regions are not fine detail."""

STRIDE: Final = 4
WIDTH: Final = 64
FINE: Final = 16
CANDIDATES: Final = 3
_HEADS: Final = 8


class ClickOutput(NamedTuple):
    """``masks`` logits ``[N, 3, h, w]`` on the stride-4 grid, ``scores`` expected IoU ``[N, 3]``."""

    masks: Tensor
    scores: Tensor


class Embedded(NamedTuple):
    """What is kept of a batch of pictures between clicks.

    ``fine [B, 16, h, w]`` and ``boundary [B, 1, h, w]`` (logits) on the stride-4 grid; ``coarse
    [B, 32, h/2, w/2]``, ``keys`` and ``under`` (both ``[B, 64, h/2, w/2]``) on the stride-8 grid.
    """

    fine: Tensor
    boundary: Tensor
    coarse: Tensor
    keys: Tensor
    under: Tensor


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1), nn.GroupNorm(8, outputs), nn.SiLU(inplace=True)
    )


def _grow(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


class ClickNet(nn.Module):
    """`embed` a batch of pictures, `click` them."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Lite0()
        self.lateral = nn.ModuleList([nn.Conv2d(c, WIDTH, 1) for c in TAP_CHANNELS[1:]])
        self.smooth = nn.ModuleList([_conv(WIDTH, WIDTH) for _ in range(3)])
        self.boundary = nn.Conv2d(WIDTH, 1, 1)
        self.fine = nn.Conv2d(WIDTH, FINE, 1)
        self.key = nn.Conv2d(WIDTH, WIDTH, 1)
        self.query = nn.Linear(WIDTH, WIDTH)
        self.belong = nn.Linear(_HEADS, 1)
        self.scale = nn.Linear(WIDTH, 32)
        self.enter = nn.Conv2d(WIDTH + 1, 32, 1)
        self.top = _conv(32 + _HEADS + 5, 40)
        self.down = _conv(40, 64, 2)
        self.middle = _conv(64, 64)
        self.deep = nn.Sequential(_conv(64, 64, 2), _conv(64, 64))
        self.rise = _conv(128, 64)
        self.join = _conv(64 + 40, 32)
        self.draw = nn.Conv2d(32, CANDIDATES, 1)
        self.filters = nn.Linear(64 + WIDTH, CANDIDATES * FINE)
        self.judge = nn.Sequential(
            nn.Linear(64 + WIDTH + 4 * CANDIDATES, 64), nn.SiLU(), nn.Linear(64, CANDIDATES)
        )

    def embed(self, pictures: Tensor) -> Embedded:
        """Embed ``uint8 [B, 3, H, W]`` once; sides must be multiples of 8."""
        x = normalise(pictures).contiguous(memory_format=torch.channels_last)
        taps = self.backbone(x)[1:]
        y = self.lateral[3](taps[3])
        for index in (2, 1, 0):
            y = self.smooth[index](_grow(y, taps[index]) + self.lateral[index](taps[index]))
        boundary = self.boundary(y)
        half = F.avg_pool2d(y, 2, ceil_mode=True)
        edge = F.max_pool2d(boundary.sigmoid(), 2, ceil_mode=True)
        coarse = self.enter(torch.cat([half, edge], 1))
        return Embedded(self.fine(y), boundary, coarse, self.key(half), half)

    def alike(self, embedded: Embedded, owner: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """How alike each spot is to the one under each click, in eight ways.

        ``owner [N]`` is the picture of each click, ``points [N, 2]`` its (x, y) in stride-4 cells.
        Returns likeness ``[N, 8, h/2, w/2]`` and the features under the clicks ``[N, 64]``.
        """
        height, width = embedded.under.shape[-2:]
        at = ((points + 0.5) / 2 - 0.5).round().long()
        column, row = at[:, 0].clamp(0, width - 1), at[:, 1].clamp(0, height - 1)
        under = embedded.under[owner, :, row, column]
        query = self.query(under).view(len(owner), _HEADS, -1)
        keys = embedded.keys.view(len(embedded.keys), _HEADS, -1, height, width)[owner]
        likeness = torch.einsum("nkc,nkchw->nkhw", query, keys) / query.shape[-1] ** 0.5
        return likeness, under

    def click(self, embedded: Embedded, owner: Tensor, points: Tensor) -> ClickOutput:
        """Masks for clicks; arguments as of `alike`."""
        likeness, under = self.alike(embedded, owner, points)
        height, width = likeness.shape[-2:]
        features = embedded.coarse[owner] * (1 + self.scale(under))[:, :, None, None]
        distance = self._distance((points + 0.5) / 2 - 0.5, height, width)
        fine = self.top(torch.cat([features, likeness, distance], 1))
        middle = self.middle(self.down(fine))
        deep = self.deep(middle)
        middle = self.rise(torch.cat([middle, _grow(deep, middle)], 1))
        rough = self.draw(self.join(torch.cat([fine, _grow(middle, fine)], 1)))
        about = torch.cat([deep.mean((2, 3)), under], 1)
        filters = self.filters(about).view(len(owner), CANDIDATES, FINE)
        detail = torch.einsum("nkc,nchw->nkhw", filters, embedded.fine[owner])
        masks = _grow(rough, detail) + detail / FINE**0.5
        evidence = self._evidence(
            masks.detach().sigmoid(), embedded.boundary.detach().sigmoid()[owner]
        )
        scores = self.judge(torch.cat([about, evidence], 1)).sigmoid()
        return ClickOutput(masks, scores)

    @staticmethod
    def _evidence(inside: Tensor, boundary: Tensor) -> Tensor:
        """What tells a good mask: area, sureness, boundary along its rim and within: ``[N, 12]``."""
        area = inside.mean((2, 3))
        sure = ((inside - 0.5).abs() * 2).mean((2, 3))
        rim = F.max_pool2d(inside, 3, 1, 1) + F.max_pool2d(-inside, 3, 1, 1)
        along = (rim * boundary).sum((2, 3)) / rim.sum((2, 3)).clamp_min(1e-3)
        core = inside * (1 - rim)
        within = (core * boundary).sum((2, 3)) / core.sum((2, 3)).clamp_min(1e-3)
        return torch.cat([area, sure, along, within], 1)

    @staticmethod
    def _distance(points: Tensor, height: int, width: int) -> Tensor:
        """Offsets to the click and discs of three sizes: ``[N, 5, h, w]``, in units of 16 cells."""
        y = torch.arange(height, dtype=torch.float32)[None, :, None] - points[:, 1, None, None]
        x = torch.arange(width, dtype=torch.float32)[None, None, :] - points[:, 0, None, None]
        y, x = (y / 16).expand(-1, height, width), (x / 16).expand(-1, height, width)
        squared = x * x + y * y
        discs = [torch.exp(-squared / (2 * s * s)) for s in (0.06, 0.25, 1.0)]
        return torch.stack([x, y, *discs], 1)


class PocketSegmenter:
    """NumPy face of `ClickNet`, following `core.Segmenter`."""

    name = "pocket"

    def __init__(self, net: ClickNet) -> None:
        self.net = net.eval()
        # Backbone and grounding open the same picture: the second time costs nothing.
        self._last: tuple[Picture, PocketSegmenterSession] | None = None

    @torch.inference_mode()
    def open(self, picture: Picture) -> PocketSegmenterSession:
        """Embed ``uint8 [H, W, 3]`` once."""
        if self._last is not None and self._last[0] is picture:
            return self._last[1]
        height, width = picture.shape[:2]
        scale = LONG_SIDE / max(height, width)
        goal = (max(32, round(width * scale / 8) * 8), max(32, round(height * scale / 8) * 8))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = np.ascontiguousarray(cv2.resize(picture, goal, interpolation=method))
        embedded = self.net.embed(torch.from_numpy(small).permute(2, 0, 1)[None])
        session = PocketSegmenterSession(self.net, embedded, (width, height), goal)
        self._last = (picture, session)
        return session


class PocketSegmenterSession:
    """One embedded picture."""

    def __init__(
        self,
        net: ClickNet,
        embedded: Embedded,
        size: tuple[int, int],
        resized: tuple[int, int],
    ) -> None:
        self.net, self.embedded, self.size, self.resized = net, embedded, size, resized

    @torch.inference_mode()
    def click_grid(
        self, points: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Masks for clicks ``[N, 2]`` in unit coordinates.

        Returns probabilities ``[N, 3, h, w]`` on the grid and expected IoU ``[N, 3]``.
        """
        cells = torch.from_numpy(points * np.array(self.resized) / STRIDE - 0.5).float()
        masks, scores = [], []
        for part in torch.split(cells, 16):
            owner = torch.zeros(len(part), dtype=torch.long)
            output = self.net.click(self.embedded, owner, part)
            masks.append(output.masks.sigmoid())
            scores.append(output.scores)
        return torch.cat(masks).numpy(), torch.cat(scores).numpy()

    def segment(self, points: Sequence[Point]) -> list[Candidate]:
        """Masks of the region under the points (their votes are averaged), best first."""
        if not points:
            raise RegionError("segment needs at least one point")
        unit = np.array([[p.x / self.size[0], p.y / self.size[1]] for p in points])
        if unit.min() < 0 or unit.max() > 1:
            raise RegionError(f"a point lies outside the picture, {self.size[0]} x {self.size[1]}")
        masks, scores = self.click_grid(unit)
        order = np.argsort(-scores.mean(0))
        return [Candidate(self.enlarge(masks.mean(0)[i]), float(scores.mean(0)[i])) for i in order]

    def enlarge(self, probability: NDArray[np.float32]) -> Mask:
        """A grid of probabilities as ``bool [H, W]`` of the picture."""
        large = cv2.resize(probability, self.size, interpolation=cv2.INTER_LINEAR)
        mask: Mask = large > 0.5
        return mask
