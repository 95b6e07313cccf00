"""The quality encoder of `pocket`: dense predictions of what was done to each spot of a picture.

Lite0 taps of strides 2-32 meet on a grid of stride 16. The early taps arrive as mean **and standard
deviation** a cell, since noise and blur are a matter of variance; plain colour statistics join them for
brightness, contrast and saturation, and a picture-wide mean tells each cell what is usual here.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from iqa_spider.core import CATEGORIES
from iqa_spider.models.lite0 import TAP_CHANNELS, Lite0, normalise

__all__ = ["CELL", "Dense", "QualityEncoder"]

CELL: Final = 16
"""Pixels a side of a cell of the dense maps."""

_COUNT: Final = len(CATEGORIES)
_COLOUR: Final = 14


class Dense(NamedTuple):
    """Maps on the stride-16 grid (``h = ceil(H / 16)``), all float32.

    ``presence`` logits, ``severity`` 0-5, ``last`` logits (this category was applied last), each
    ``[B, 12, h, w]``; ``quality`` ``[B, h, w]`` is the predicted local similarity, ``features``
    ``[B, 192, h, w]`` what the heads read.
    """

    presence: Tensor
    severity: Tensor
    last: Tensor
    quality: Tensor
    features: Tensor


class _ConvNeXt(nn.Module):
    """Depthwise 7 x 7, norm, widen, narrow (Liu et al. 2022)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 3 * width)
        self.narrow = nn.Linear(3 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.depthwise(x).permute(0, 2, 3, 1)  # [B, h, w, C]
        y = self.narrow(F.gelu(self.widen(self.norm(y))))
        return x + y.permute(0, 3, 1, 2)


def _moments(x: Tensor, cell: int) -> Tensor:
    """Mean and standard deviation a cell: ``[B, C, H, W]`` -> ``[B, 2C, H / cell, W / cell]``."""
    mean = F.avg_pool2d(x, cell, ceil_mode=True)
    square = F.avg_pool2d(x * x, cell, ceil_mode=True)
    return torch.cat([mean, (square - mean * mean).clamp_min(0).add(1e-5).sqrt()], 1)


def _colour_statistics(x: Tensor) -> Tensor:
    """Colour moments and extremes a cell: ``[B, 3, H, W]`` -> ``[B, 14, H / 16, W / 16]``."""
    high, low = x.amax(1, keepdim=True), x.amin(1, keepdim=True)
    moments = _moments(torch.cat([x, high - low], 1), CELL)
    top = F.max_pool2d(torch.cat([x, high - low], 1), CELL, ceil_mode=True)
    bottom = -F.max_pool2d(-torch.cat([high, low], 1), CELL, ceil_mode=True)
    return torch.cat([moments, top, bottom], 1)


class QualityEncoder(nn.Module):
    """``uint8 [B, 3, H, W]`` -> `Dense`; any size from 32 pixels up."""

    def __init__(self, width: int = 192, depth: int = 3) -> None:
        super().__init__()
        self.backbone = Lite0()
        inputs = 2 * sum(TAP_CHANNELS[:3]) + sum(TAP_CHANNELS[3:]) + _COLOUR
        self.norm = nn.LayerNorm(inputs)
        self.join = nn.Linear(inputs, width)
        self.context = nn.Linear(inputs * 2, width)
        self.blocks = nn.Sequential(*[_ConvNeXt(width) for _ in range(depth)])
        self.final = nn.LayerNorm(width)
        self.heads = nn.Linear(width, 3 * _COUNT + 1)
        nn.init.normal_(self.heads.weight, std=0.01)

    def forward(self, pictures: Tensor) -> Dense:
        x = normalise(pictures).contiguous(memory_format=torch.channels_last)
        taps = self.backbone(x)
        parts = [
            _moments(tap, CELL // stride) for tap, stride in zip(taps[:3], (2, 4, 8), strict=True)
        ]
        size = taps[3].shape[-2:]
        wide = F.interpolate(taps[4], size=size, mode="bilinear", align_corners=False)
        joined = torch.cat([*parts, taps[3], wide, _colour_statistics(x)], 1)
        y = self.norm(joined.permute(0, 2, 3, 1))  # [B, h, w, C]
        spread = torch.cat([y.mean((1, 2)), y.std((1, 2), unbiased=False)], -1)
        y = self.join(y) + self.context(spread)[:, None, None]
        y = self.blocks(y.permute(0, 3, 1, 2))
        features = self.final(y.permute(0, 2, 3, 1))
        maps = self.heads(features).permute(0, 3, 1, 2)
        presence, severity, last, quality = maps.split([_COUNT, _COUNT, _COUNT, 1], 1)
        return Dense(
            presence, severity + 2.5, last, quality[:, 0] + 0.8, features.permute(0, 3, 1, 2)
        )
