"""`pocket` as it is before any training: the same architecture with random weights, seeded."""

from __future__ import annotations

import json

import torch

from iqa_spider.core import Generation, Mask
from iqa_spider.models import Spider
from iqa_spider.models.build import weights_folder
from iqa_spider.models.encoder import QualityEncoder
from iqa_spider.models.language import PocketLanguage
from iqa_spider.models.pocket import PocketBackbone, PocketConversation
from iqa_spider.models.segmenter import ClickNet, PocketSegmenter
from iqa_spider.models.vision import PocketVision

__all__ = ["TOKENS", "untrained_spider"]

TOKENS = 24
"""Random text never ends by itself; as many tokens as a short answer has are enough."""


class _BriefConversation(PocketConversation):
    def ask(
        self, question: str, *, region: Mask | None = None, max_tokens: int = TOKENS
    ) -> Generation:
        return super().ask(question, region=region, max_tokens=min(max_tokens, TOKENS))


class _BriefBackbone(PocketBackbone):
    name = "untrained"
    conversation = _BriefConversation


def untrained_spider(seed: int = 0) -> Spider:
    """Random weights; only the tokenizer and the sizes come from the shipped model."""
    from tokenizers import Tokenizer

    folder = weights_folder("pocket")
    config = json.loads((folder / "config.json").read_text())
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        segmenter = PocketSegmenter(ClickNet())
        vision = PocketVision(QualityEncoder(), segmenter)
        language = PocketLanguage(config, tokenizer).eval()
    return Spider(_BriefBackbone(vision, language), segmenter)
