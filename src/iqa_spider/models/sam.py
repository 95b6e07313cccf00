"""SAM and SAM 2 as segmenters: the picture is embedded once, points are put to it many times.

Pictures are prepared here, not by the processors of transformers: that of SAM 2 needs torchvision, and what
they do is three lines. SAM keeps the aspect ratio and pads to a square; SAM 2 stretches to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from iqa_spider.core import Candidate, Mask, Picture, Point, RegionError
from iqa_spider.models.checkpoints import LoadOptions, load_checkpoint, memory_guard

__all__ = ["PromptedSegmenter", "PromptedSession", "load_sam", "prepare"]

Fit = Literal["pad", "stretch"]
Floats = NDArray[np.float64]

CLICKS: Final = 16
"""Clicks decoded at once when a picture is clicked all over."""

_MEAN: Final = (0.485, 0.456, 0.406)
_STD: Final = (0.229, 0.224, 0.225)


def prepare(picture: Picture, side: int, fit: Fit) -> tuple[Tensor, tuple[int, int]]:
    """Resize and normalise ``uint8 [H, W, 3]`` to ``float32 [1, 3, side, side]``.

    Returns the tensor and the (height, width) that the picture fills of it, from the top left corner.
    """
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    inner = (max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5)))
    if fit == "stretch":
        inner = (side, side)
    small = Image.fromarray(picture).resize(inner[::-1], Image.Resampling.BILINEAR)
    values = torch.from_numpy(np.array(small, np.float32) / 255.0)
    tensor = ((values - torch.tensor(_MEAN)) / torch.tensor(_STD)).permute(2, 0, 1)[None]
    return F.pad(tensor, (0, side - inner[1], 0, side - inner[0])), inner


class PromptedSegmenter:
    """NumPy face of `SamModel` or `Sam2Model`, following `core.Segmenter`."""

    def __init__(self, model: nn.Module, name: str, side: int, fit: Fit) -> None:
        self.model: Any = model.eval()
        self.name, self.side, self.fit = name, side, fit
        self._last: tuple[Picture, PromptedSession] | None = None

    @torch.inference_mode()
    def open(self, picture: Picture) -> PromptedSession:
        """Embed ``uint8 [H, W, 3]``; opening the same array again costs nothing."""
        if self._last is not None and self._last[0] is picture:
            return self._last[1]
        tensor, inner = prepare(picture, self.side, self.fit)
        weight = next(self.model.parameters())
        with memory_guard(self.name):
            embedding = self.model.get_image_embeddings(tensor.to(weight.device, weight.dtype))
        session = PromptedSession(self, embedding, (picture.shape[0], picture.shape[1]), inner)
        self._last = (picture, session)
        return session


class PromptedSession:
    """One embedded picture. ``size`` and ``inner`` are (height, width) of the picture and its share."""

    def __init__(
        self,
        segmenter: PromptedSegmenter,
        embedding: Any,
        size: tuple[int, int],
        inner: tuple[int, int],
    ) -> None:
        self.segmenter, self.embedding, self.size, self.inner = segmenter, embedding, size, inner

    @torch.inference_mode()
    def segment(self, points: Sequence[Point]) -> list[Candidate]:
        """The model's candidates for the region that holds all points, best expected IoU first."""
        if not points:
            raise RegionError("segment needs at least one point")
        height, width = self.size
        if any(not (0 <= p.x <= width and 0 <= p.y <= height) for p in points):
            raise RegionError(f"a point lies outside the picture, {width} x {height}")
        unit = np.array([[[p.x / width, p.y / height] for p in points]])
        logits, scores = self.click(unit)
        masks = np.asarray((self.full_logits(logits[0]) > 0).cpu().numpy())
        order = scores[0].argsort(descending=True).tolist()
        return [Candidate(masks[i], float(scores[0, i])) for i in order]

    @torch.inference_mode()
    def click_grid(self, points: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """One object a click ``[N, 2]``; see `core.Proposes`. The grid is the model's own, cropped."""
        side, found = self.segmenter.side, []
        for start in range(0, len(points), CLICKS):
            logits, scores = self.click(points[start : start + CLICKS, None])
            cells = [max(1, round(n * logits.shape[-1] / side)) for n in self.inner]
            shares = logits[..., : cells[0], : cells[1]].sigmoid()
            found.append((shares.cpu().numpy(), scores.cpu().numpy()))
        return np.concatenate([m for m, _ in found]), np.concatenate([s for _, s in found])

    def enlarge(self, probability: NDArray[np.float32]) -> Mask:
        """A grid of `click_grid` as ``bool [H, W]`` of the picture."""
        size = (self.size[1], self.size[0])
        return np.asarray(cv2.resize(probability, size, interpolation=cv2.INTER_LINEAR) > 0.5)

    def click(self, points: Floats) -> tuple[Tensor, Tensor]:
        """Points ``[objects, points, 2]`` in 0-1 -> logits ``[objects, K, h, w]``, IoU ``[objects, K]``."""
        model = self.segmenter.model
        weight = next(model.parameters())
        places = torch.from_numpy(points * np.array(self.inner[::-1]))
        # The model's own layout: [pictures, objects, points, xy].
        clicks = places[None].to(weight.device, weight.dtype)
        output = model(
            image_embeddings=self.embedding,
            input_points=clicks,
            input_labels=torch.ones(clicks.shape[:-1], device=weight.device, dtype=torch.int),
            multimask_output=True,
        )
        return output.pred_masks[0].float(), output.iou_scores[0].float()

    def full_logits(self, logits: Tensor) -> Tensor:
        """``[K, h, w]`` logits of the square as ``float32 [K, H, W]`` of the picture."""
        side = self.segmenter.side
        square = F.interpolate(
            logits[None].float(), (side, side), mode="bilinear", align_corners=False
        )
        filled = square[..., : self.inner[0], : self.inner[1]]
        return F.interpolate(filled, self.size, mode="bilinear", align_corners=False)[0]


def load_sam(
    kind: Literal["sam", "sam2"], checkpoint: str, options: LoadOptions
) -> PromptedSegmenter:
    """Load a SAM (``sam``) or SAM 2 / 2.1 (``sam2``) checkpoint: a folder or a hub id."""
    from transformers import Sam2Model, SamModel

    loader: Any = SamModel if kind == "sam" else Sam2Model
    name = f"{kind}:{checkpoint}"
    model: Any = load_checkpoint(
        loader.from_pretrained, checkpoint, f"--segmenter {kind}:", options
    )
    side = model.config.prompt_encoder_config.image_size
    return PromptedSegmenter(model, name, int(side), "pad" if kind == "sam" else "stretch")
