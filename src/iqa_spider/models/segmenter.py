"""The click-to-mask network of `pocket`: a picture is embedded once, then clicked many times.

Lite0 with a top-down path gives an embedding of stride 4. A click enters the decoder alone: the
embedding under the click is compared with the embedding everywhere, and together with the distance
to the click a small U-shaped network draws three candidate masks and the IoU it expects of each.
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

__all__ = ["LONG_SIDE", "ClickNet", "ClickOutput", "PocketSegmenter", "PocketSegmenterSession"]

LONG_SIDE: Final = 416
"""Pictures are resized to this long side before they are embedded: regions are not fine detail."""

STRIDE: Final = 4
WIDTH: Final = 64
CANDIDATES: Final = 3
_HEADS: Final = 8


class ClickOutput(NamedTuple):
    """``masks`` logits ``[N, 3, h, w]`` on the stride-4 grid, ``scores`` expected IoU ``[N, 3]``."""

    masks: Tensor
    scores: Tensor


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1), nn.GroupNorm(8, outputs), nn.SiLU(inplace=True)
    )


class ClickNet(nn.Module):
    """`embed` a batch of pictures, `click` them."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Lite0()
        self.lateral = nn.ModuleList([nn.Conv2d(c, WIDTH, 1) for c in TAP_CHANNELS[1:]])
        self.smooth = nn.ModuleList([_conv(WIDTH, WIDTH) for _ in range(3)])
        self.boundary = nn.Conv2d(WIDTH, 1, 1)
        self.key = nn.Conv2d(WIDTH, WIDTH, 1)
        self.query = nn.Linear(WIDTH, WIDTH)
        self.scale = nn.Linear(WIDTH, 32)
        self.enter = nn.Conv2d(WIDTH + 1, 32, 1)
        self.top = _conv(32 + _HEADS + 5, 32)
        self.down = _conv(32, 48, 2)
        self.deep = nn.Sequential(_conv(48, 64, 2), _conv(64, 64), _conv(64, 64, 2), _conv(64, 64))
        self.up = _conv(48 + 64, 48)
        self.join = _conv(32 + 48, 32)
        self.draw = nn.Conv2d(32, CANDIDATES, 1)
        self.judge = nn.Sequential(
            nn.Linear(64 + 2 * CANDIDATES, 64), nn.SiLU(), nn.Linear(64, CANDIDATES)
        )

    def embed(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """``uint8 [B, 3, H, W]`` -> embedding ``[B, 64, h, w]`` and boundary logits ``[B, 1, h, w]``."""
        x = normalise(pictures).contiguous(memory_format=torch.channels_last)
        taps = self.backbone(x)[1:]
        y = self.lateral[3](taps[3])
        for index in (2, 1, 0):
            y = F.interpolate(y, size=taps[index].shape[-2:], mode="bilinear", align_corners=False)
            y = self.smooth[index](y + self.lateral[index](taps[index]))
        return y, self.boundary(y)

    def click(
        self, embedding: Tensor, boundary: Tensor, owner: Tensor, points: Tensor
    ) -> ClickOutput:
        """Masks for clicks.

        ``owner [N]`` is the picture of each click, ``points [N, 2]`` its (x, y) in grid cells.
        """
        height, width = embedding.shape[-2:]
        column = points[:, 0].round().long().clamp(0, width - 1)
        row = points[:, 1].round().long().clamp(0, height - 1)
        soft = F.avg_pool2d(embedding, 3, 1, 1)
        under = soft[owner, :, row, column]  # [N, C]
        query = self.query(under).unflatten(1, (_HEADS, -1))
        keys = self.key(embedding).unflatten(1, (_HEADS, -1))
        alike = torch.einsum("nkc,nkchw->nkhw", query, keys[owner]) / query.shape[-1] ** 0.5
        features = self.enter(torch.cat([embedding, boundary.sigmoid()], 1))[owner]
        features = features * (1 + self.scale(under))[:, :, None, None]
        fine = self.top(torch.cat([features, alike, self._distance(points, height, width)], 1))
        middle = self.down(fine)
        deep = self.deep(middle)
        wide = F.interpolate(deep, size=middle.shape[-2:], mode="bilinear", align_corners=False)
        middle = self.up(torch.cat([middle, wide], 1))
        wide = F.interpolate(middle, size=fine.shape[-2:], mode="bilinear", align_corners=False)
        masks = self.draw(self.join(torch.cat([fine, wide], 1)))
        inside = masks.sigmoid()
        area = inside.mean((2, 3))
        sure = ((inside - 0.5).abs() * 2).mean((2, 3))
        scores = self.judge(torch.cat([deep.mean((2, 3)), area, sure], 1)).sigmoid()
        return ClickOutput(masks, scores)

    @staticmethod
    def _distance(points: Tensor, height: int, width: int) -> Tensor:
        """Offsets to the click and discs of three sizes: ``[N, 5, h, w]``, in units of 32 cells."""
        y = torch.arange(height, dtype=torch.float32)[None, :, None] - points[:, 1, None, None]
        x = torch.arange(width, dtype=torch.float32)[None, None, :] - points[:, 0, None, None]
        y, x = (y / 32).expand(-1, height, width), (x / 32).expand(-1, height, width)
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
        goal = (max(32, round(width * scale)), max(32, round(height * scale)))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = np.ascontiguousarray(cv2.resize(picture, goal, interpolation=method))
        embedding, boundary = self.net.embed(torch.from_numpy(small).permute(2, 0, 1)[None])
        session = PocketSegmenterSession(self.net, embedding, boundary, (width, height), goal)
        self._last = (picture, session)
        return session


class PocketSegmenterSession:
    """One embedded picture."""

    def __init__(
        self,
        net: ClickNet,
        embedding: Tensor,
        boundary: Tensor,
        size: tuple[int, int],
        resized: tuple[int, int],
    ) -> None:
        self.net, self.embedding, self.boundary = net, embedding, boundary
        self.size, self.resized = size, resized

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
            output = self.net.click(self.embedding, self.boundary, owner, part)
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
