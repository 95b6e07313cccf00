"""SAM and SAM 2 as segmenters: the picture is embedded once, points are put to it many times.

Pictures are prepared here, not by the processors of transformers: that of SAM 2 needs torchvision, and what
they do is three lines. SAM keeps the aspect ratio and pads to a square; SAM 2 stretches to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from iqa_spider.core import Candidate, Picture, Point, RegionError
from iqa_spider.models.checkpoints import LoadOptions, load_checkpoint, memory_guard

__all__ = ["PromptedSegmenter", "PromptedSession", "load_sam", "prepare"]

Fit = Literal["pad", "stretch"]

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
        model = self.segmenter.model
        weight = next(model.parameters())
        scale = (self.inner[1] / width, self.inner[0] / height)
        places = [[p.x * scale[0], p.y * scale[1]] for p in points]
        # [pictures, objects, points, xy]: all points speak of one object.
        clicks = torch.tensor([[places]], device=weight.device, dtype=weight.dtype)
        labels = torch.ones(clicks.shape[:-1], device=weight.device, dtype=torch.int)
        output = model(
            image_embeddings=self.embedding,
            input_points=clicks,
            input_labels=labels,
            multimask_output=True,
        )
        masks, scores = self._enlarge(output.pred_masks[0, 0]), output.iou_scores[0, 0].float()
        order = scores.argsort(descending=True).tolist()
        return [Candidate(masks[i], float(scores[i])) for i in order]

    def _enlarge(self, logits: Tensor) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """``[K, h, w]`` logits of the square as ``bool [K, H, W]`` of the picture."""
        side = self.segmenter.side
        square = F.interpolate(
            logits[None].float(), (side, side), mode="bilinear", align_corners=False
        )
        filled = square[..., : self.inner[0], : self.inner[1]]
        large = F.interpolate(filled, self.size, mode="bilinear", align_corners=False)[0]
        return np.asarray((large > 0).cpu().numpy())


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
