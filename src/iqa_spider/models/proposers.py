"""Named regions in the manner of Semantic Segment Anything: masks from SAM, names from a semantic segmenter.

A grid of points prompts a SAM (transformers: SAM, SAM 2) of any local checkpoint; masks that are sure and
stable are kept, laid over one another (small over large) and pruned to the largest few. A semantic
segmenter (SegFormer, Mask2Former, OneFormer) offers names for each region by the share of its pixels, and
CLIPSeg votes on them. The mask-generation pipeline is not used: its suppression and SAM 2's processor need
torchvision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from iqa_spider.core import CheckpointError, Mask, Picture
from iqa_spider.models.checkpoints import LoadOptions
from iqa_spider.models.sam import PromptedSession, load_sam

__all__ = ["MaskGenerator", "NamedRegion", "Namer", "ProposerSettings", "SemanticProposer", "Voter"]


@dataclass(frozen=True, slots=True)
class ProposerSettings:
    """Thresholds of the SSA engine. ``area`` is in pixels; ``overlap`` the IoU from which two masks are one."""

    points: int = 16
    iou: float = 0.86
    stability: float = 0.92
    area: int = 2000
    overlap: float = 0.7
    regions: int = 8
    candidates: int = 3
    batch: int = 64


@dataclass(frozen=True, slots=True, eq=False)
class NamedRegion:
    """``bool [H, W]``, its name, and the vote it was chosen by (0-2: share of pixels plus CLIPSeg)."""

    mask: Mask
    name: str
    vote: float


class _Votes(Protocol):
    def vote(self, picture: Picture, names: Sequence[str]) -> NDArray[np.float32]: ...


def _load(kind: Any, checkpoint: str) -> Any:
    try:
        return kind.from_pretrained(checkpoint)
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{checkpoint}: cannot be loaded ({error})") from error


class MaskGenerator:
    """Masks of everything in a picture, by a SAM or SAM 2 (folder or hub name)."""

    def __init__(self, checkpoint: str, settings: ProposerSettings | None = None) -> None:
        from transformers import AutoConfig

        self.settings = settings or ProposerSettings()
        kind = _load(AutoConfig, checkpoint).model_type
        if kind not in ("sam", "sam2", "sam2_video"):
            raise CheckpointError(f"{checkpoint}: holds a {kind}, expected a SAM or a SAM 2")
        self.segmenter = load_sam("sam" if kind == "sam" else "sam2", checkpoint, LoadOptions())

    @torch.inference_mode()
    def masks(self, picture: Picture) -> list[Mask]:
        """Masks, surest first, none nearly equal to a surer one."""
        session = self.segmenter.open(picture)
        found: list[tuple[float, Mask]] = []
        grid = self._grid()
        for start in range(0, len(grid), self.settings.batch):
            found += self._prompt(session, grid[start : start + self.settings.batch])
        found.sort(key=lambda item: -item[0])
        kept: list[Mask] = []
        for _, mask in found:
            if all(_overlap(mask, other) < self.settings.overlap for other in kept):
                kept.append(mask)
        return kept

    def _grid(self) -> NDArray[np.float64]:
        """``[points ** 2, xy]`` in 0-1, row by row."""
        steps = (np.arange(self.settings.points) + 0.5) / self.settings.points
        return np.array([(x, y) for y in steps for x in steps])

    def _prompt(
        self, session: PromptedSession, points: NDArray[np.float64]
    ) -> list[tuple[float, Mask]]:
        """Masks of a batch of points that are sure, stable and large enough."""
        small, sure = session.click(points[:, None])
        # logits [points * 3, H, W] and their expected IoU [points * 3]
        logits, scores = session.full_logits(small.flatten(0, 1)), sure.flatten()
        inner, outer = (logits > 1).sum((1, 2)), (logits > -1).sum((1, 2)).clamp(min=1)
        good = (scores >= self.settings.iou) & (inner / outer >= self.settings.stability)
        good &= (logits > 0).sum((1, 2)) >= self.settings.area
        return [
            (float(scores[i]), np.asarray((logits[i] > 0).cpu().numpy()))
            for i in torch.nonzero(good).flatten().tolist()
        ]


def _overlap(a: Mask, b: Mask) -> float:
    return float((a & b).sum() / max(1, (a | b).sum()))


class Namer:
    """A semantic segmenter: names and their share of a region's pixels."""

    def __init__(self, checkpoint: str) -> None:
        from transformers import AutoConfig, AutoImageProcessor, AutoProcessor
        from transformers import AutoModelForSemanticSegmentation as Plain
        from transformers import AutoModelForUniversalSegmentation as Universal

        kind = _load(AutoConfig, checkpoint).model_type
        self.tasks = {"task_inputs": ["semantic"]} if kind == "oneformer" else {}
        universal = kind in ("oneformer", "mask2former", "maskformer")
        self.model = _load(Universal if universal else Plain, checkpoint).eval()
        self.processor = _load(AutoProcessor if self.tasks else AutoImageProcessor, checkpoint)

    @torch.inference_mode()
    def classes(self, picture: Picture) -> NDArray[np.int64]:
        """Class of each pixel, ``int [H, W]``."""
        inputs = self.processor(images=Image.fromarray(picture), return_tensors="pt", **self.tasks)
        out = self.model(**inputs)
        size = [picture.shape[:2]]
        found = self.processor.post_process_semantic_segmentation(out, target_sizes=size)[0]
        return np.asarray(found.numpy(), np.int64)

    def name(self, number: int) -> str:
        """The first of the class's names ("grass, lawn" is grass)."""
        return str(self.model.config.id2label[number]).split(",")[0].split(";")[0].strip().lower()


class Voter:
    """CLIPSeg: how well names fit each pixel."""

    def __init__(self, checkpoint: str) -> None:
        from transformers import AutoProcessor, CLIPSegForImageSegmentation

        self.model = _load(CLIPSegForImageSegmentation, checkpoint).eval()
        self.processor = _load(AutoProcessor, checkpoint)

    @torch.inference_mode()
    def vote(self, picture: Picture, names: Sequence[str]) -> NDArray[np.float32]:
        """Probability of each name at each pixel, ``float32 [names, H, W]``."""
        images = [Image.fromarray(picture)] * len(names)
        inputs = self.processor(text=list(names), images=images, return_tensors="pt", padding=True)
        logits = self.model(**inputs).logits.reshape(len(names), 1, *self._side(inputs))
        large = torch.nn.functional.interpolate(logits, picture.shape[:2], mode="bilinear")
        return np.asarray(large.sigmoid()[:, 0].numpy(), np.float32)

    @staticmethod
    def _side(inputs: Any) -> tuple[int, int]:
        height, width = inputs["pixel_values"].shape[-2:]
        return int(height), int(width)


class SemanticProposer:
    """Disjoint, named regions of a picture, largest first."""

    def __init__(
        self,
        masks: MaskGenerator,
        namer: Namer,
        voter: _Votes | None = None,
        settings: ProposerSettings | None = None,
    ) -> None:
        self.masks, self.namer, self.voter = masks, namer, voter
        self.settings = settings or masks.settings

    def propose(self, picture: Picture) -> list[NamedRegion]:
        """At most ``settings.regions`` regions of at least ``settings.area`` pixels."""
        regions = _disjoint(self.masks.masks(picture), self.settings)
        if not regions:
            return []
        classes = self.namer.classes(picture)
        shares = [self._shares(classes[mask]) for mask in regions]
        names = sorted({name for share in shares for name in share})
        votes = None if self.voter is None else self.voter.vote(picture, names)
        return [
            NamedRegion(mask, *_choose(share, mask, names, votes))
            for mask, share in zip(regions, shares, strict=True)
        ]

    def _shares(self, classes: NDArray[np.int64]) -> dict[str, float]:
        numbers, counts = np.unique(classes, return_counts=True)
        order = np.argsort(-counts, kind="stable")[: self.settings.candidates]
        return {self.namer.name(int(numbers[i])): float(counts[i] / counts.sum()) for i in order}


def _disjoint(masks: Sequence[Mask], settings: ProposerSettings) -> list[Mask]:
    """Lay small masks over large ones; what remains visible and is large enough is a region."""
    if not masks:
        return []
    owner = np.full(masks[0].shape, -1)
    for index in sorted(range(len(masks)), key=lambda i: -int(masks[i].sum())):
        owner[masks[index]] = index
    regions = [owner == index for index in range(len(masks))]
    regions = [region for region in regions if region.sum() >= settings.area]
    return sorted(regions, key=lambda region: -int(region.sum()))[: settings.regions]


def _choose(
    share: dict[str, float], mask: Mask, names: list[str], votes: NDArray[np.float32] | None
) -> tuple[str, float]:
    """The name with the largest share of pixels plus mean probability under the mask."""
    totals = dict(share)
    if votes is not None:
        for name in share:
            totals[name] += float(votes[names.index(name)][mask].mean())
    best = max(totals, key=lambda name: (totals[name], name))
    return best, round(totals[best], 4)
