"""A segmenter prompted by words instead of a point: the alternative that Fig. 5 of the paper compares.

The paper tried EVF-SAM with the whole answer, its spatial part and its semantic part, found the last best and
all below text-to-point. transformers has no EVF-SAM; CLIPSeg stands in for it, so figures made with it are of
the same question, not of the same model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from iqa_spider.core import TERMS, Candidate, ConfigError, Picture, Point, RegionError
from iqa_spider.models.checkpoints import (
    PROMPT_PARTS,
    LoadOptions,
    explain_loading,
    load_checkpoint,
    locate,
    memory_guard,
)
from iqa_spider.models.sam import prepare

__all__ = ["TextSegmenter", "TextSession", "answer_part", "load_clipseg"]

SIDE: Final = 352
"""Side that the published checkpoints were trained at."""

_TERM: Final = re.compile(rf"\b(?:{'|'.join(TERMS)})\b", re.IGNORECASE)


def answer_part(text: str, part: str) -> str:
    """The whole answer, its spatial part (up to the last term of place) or its semantic part (the rest).

    An answer without such a term has no spatial part: all of it is semantic.
    """
    if part not in PROMPT_PARTS:
        raise ConfigError(f"--prompt-part {part!r}: known: {', '.join(PROMPT_PARTS)}")
    places = list(_TERM.finditer(text))
    if part == "whole" or not places:
        return text.strip()
    end = places[-1].end()
    return text[:end].strip() if part == "spatial" else text[end:].strip(" ,:;.-") or text.strip()


class TextSegmenter:
    """NumPy face of `CLIPSegForImageSegmentation`, following `core.Segmenter` for pictures."""

    def __init__(self, model: nn.Module, tokenizer: Any, name: str, part: str = "semantic") -> None:
        self.model: Any = model.eval()
        self.tokenizer, self.name, self.part = tokenizer, name, part

    @torch.inference_mode()
    def open(self, picture: Picture) -> TextSession:
        """Run the vision encoder over ``uint8 [H, W, 3]`` once."""
        tensor, _ = prepare(picture, SIDE, "stretch")
        weight = next(self.model.parameters())
        with memory_guard(self.name):
            seen = self.model.clip.get_image_features(
                pixel_values=tensor.to(weight.device, weight.dtype),
                interpolate_pos_encoding=True,
                output_hidden_states=True,
            )
        layers = [seen.hidden_states[i + 1] for i in self.model.extract_layers]
        return TextSession(self, layers, (picture.shape[0], picture.shape[1]))


class TextSession:
    """One encoded picture; follows `core.TextPrompted`. ``size`` is (height, width)."""

    def __init__(
        self, segmenter: TextSegmenter, layers: list[Tensor], size: tuple[int, int]
    ) -> None:
        self.segmenter, self.layers, self.size = segmenter, layers, size

    def segment(self, points: Sequence[Point]) -> list[Candidate]:
        raise RegionError(f"{self.segmenter.name} is prompted by words and takes no points")

    @torch.inference_mode()
    def segment_text(self, answer: str) -> list[Candidate]:
        """One candidate: where the answer's part is seen; its score is the mean probability inside."""
        owner = self.segmenter
        words = owner.tokenizer(
            answer_part(answer, owner.part) or answer,
            return_tensors="pt",
            truncation=True,
            max_length=owner.model.config.text_config.max_position_embeddings,
        )
        device = self.layers[0].device
        embedded = owner.model.get_conditional_embeddings(
            batch_size=1,
            input_ids=words["input_ids"].to(device),
            attention_mask=words["attention_mask"].to(device),
        )
        logits = owner.model.decoder(list(self.layers), embedded).logits.float()
        large = F.interpolate(
            logits.reshape(1, 1, *logits.shape[-2:]),
            self.size,
            mode="bilinear",
            align_corners=False,
        )
        shares = large[0, 0].sigmoid().cpu().numpy()
        # Nothing above a half: the brightest part, since an answer always speaks of some place.
        mask = shares > min(0.5, float(shares.max()) / 2)
        return [Candidate(mask, float(np.mean(shares[mask])) if mask.any() else 0.0)]


def load_clipseg(checkpoint: str, options: LoadOptions) -> TextSegmenter:
    """Load a CLIPSeg checkpoint: a folder or a hub id such as CIDAS/clipseg-rd64-refined."""
    from transformers import AutoTokenizer, CLIPSegForImageSegmentation

    flag = "--segmenter clipseg:"
    where = locate(checkpoint, flag)
    with explain_loading(checkpoint, flag):
        tokenizer = AutoTokenizer.from_pretrained(where)
    load: Any = CLIPSegForImageSegmentation.from_pretrained
    model = load_checkpoint(load, checkpoint, flag, options)
    return TextSegmenter(model, tokenizer, f"clipseg:{checkpoint}", options.prompt_part)
