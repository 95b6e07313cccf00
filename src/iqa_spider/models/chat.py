"""The backbone `hf`: chat models of transformers, such as Qwen3-VL and Qwen2.5-VL.

A picture is read once (vision encoder and the language model over its tokens); each question continues from
that cache. Questions can be asked many at a time, about one picture or several.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from iqa_spider.core import Box, Generation, Mask, Picture, TermLogits, check_mask
from iqa_spider.models.boxes import BOX_STYLES, refer
from iqa_spider.models.chat_decode import Decoded, Prefix, Reader
from iqa_spider.models.chat_prompt import (
    ChatPrompt,
    Opened,
    level_ids,
    load_prompt,
    piece_ids,
    term_ids,
)
from iqa_spider.models.checkpoints import (
    LoadOptions,
    explain_loading,
    load_checkpoint,
    locate,
    memory_guard,
)
from iqa_spider.models.levels import RATING_QUESTION, score_of_levels
from iqa_spider.models.pictures import shrink
from iqa_spider.tasks import RATING_PREFIX

__all__ = ["ChatBackbone", "ChatConversation", "load_chat"]


class ChatBackbone:
    """Follows `core.Backbone`."""

    def __init__(
        self,
        model: torch.nn.Module,
        prompt: ChatPrompt,
        name: str,
        *,
        max_side: int | None = None,
        boxes: str | None = None,
    ) -> None:
        self.prompt, self.name, self.max_side = prompt, name, max_side
        self.boxes = BOX_STYLES[boxes or prompt.family.box]
        self.terms, self.levels = term_ids(prompt), level_ids(prompt)
        tokens = prompt.tokenizer
        config = getattr(model, "generation_config", None)
        ends = getattr(config, "eos_token_id", None)
        ends = list(ends) if isinstance(ends, list | tuple) else [ends]
        stops = frozenset(int(i) for i in (*ends, tokens.eos_token_id) if i is not None)
        padding = next((i for i in (tokens.pad_token_id, *sorted(stops)) if i is not None), 0)
        self.reader = Reader(model, stops, padding)
        # The model keeps state between the calls of one question; threads take turns.
        self.lock = threading.Lock()

    def open(self, picture: Picture) -> ChatConversation:
        """Encode ``uint8 [H, W, 3]`` once, language model included."""
        opened = self.prompt.open(shrink(picture, self.max_side))
        with self.lock, memory_guard(self.name):
            prefix = self.reader.prefill(opened)
        return ChatConversation(self, opened, prefix, (picture.shape[1], picture.shape[0]))

    def ask_many(
        self,
        requests: Sequence[tuple[ChatConversation, str, Mask | None]],
        *,
        max_tokens: int = 160,
    ) -> list[Generation]:
        """Answer questions about one or several pictures in one batch; equal to asking one by one."""
        tails = [
            self.prompt.ask(talk.told(question, region)) for talk, question, region in requests
        ]
        prefixes = [talk.prefix for talk, _, _ in requests]
        with self.lock, memory_guard(self.name):
            answers = self.reader.decode(prefixes, tails, self.terms, max_tokens)
        return [self._generation(answer) for answer in answers]

    def _generation(self, answer: Decoded) -> Generation:
        """Decoded step by step, since some tokenizers drop the space before a token that stands alone."""
        decode = self.prompt.tokenizer.decode
        texts = [""]
        for end in range(1, len(answer.tokens) + 1):
            texts.append(decode(list(answer.tokens[:end]), skip_special_tokens=True))
        pieces = tuple(b[len(a) :] for a, b in pairwise(texts))
        return Generation(texts[-1].strip(), answer.tokens, pieces, answer.logits)


class ChatConversation:
    """One picture whose beginning of the prompt is cached; follows `core.Conversation` and `core.Rater`."""

    def __init__(
        self, backbone: ChatBackbone, opened: Opened, prefix: Prefix, size: tuple[int, int]
    ) -> None:
        self.backbone, self.opened, self.prefix, self.size = backbone, opened, prefix, size

    def told(self, question: str, region: Mask | None) -> str:
        """The question as the model reads it: with the box of the region it refers to."""
        if region is None:
            return question
        box = Box.around(check_mask(region, self.size[1], self.size[0]))
        return refer(question, box, self.size, self.opened.size, self.backbone.boxes)

    def ask(
        self, question: str, *, region: Mask | None = None, max_tokens: int = 160
    ) -> Generation:
        return self.backbone.ask_many([(self, question, region)], max_tokens=max_tokens)[0]

    def probe(self, question: str, answer: str, *, region: Mask | None = None) -> TermLogits:
        logits = self._after(self.told(question, region), answer)
        return np.asarray(logits.cpu().numpy()[self.backbone.terms], np.float32)

    def likelihoods(
        self,
        question: str,
        beginning: str,
        options: Sequence[str],
        *,
        region: Mask | None = None,
    ) -> list[float]:
        """Log-likelihood of each option (all of its tokens) after ``beginning``: scoring by a closed set."""
        told, prompt = self.told(question, region), self.backbone.prompt
        steps: dict[tuple[int, ...], torch.Tensor] = {}
        found = []
        for option in options:
            ids = tuple(piece_ids(prompt, f" {option}" if beginning else option))
            total = 0.0
            for number, token in enumerate(ids):
                said = ids[:number]
                if said not in steps:  # the first step is shared by all options
                    steps[said] = self._after(told, beginning, said).log_softmax(-1)
                total += float(steps[said][token])
            found.append(total)
        return found

    def rate(self) -> tuple[float, dict[str, float]] | None:
        """Levels as the closed set after the beginning that a rating's answer has."""
        if self.backbone.levels is None:
            return None
        logits = self._after(RATING_QUESTION, RATING_PREFIX)
        return score_of_levels(logits[self.backbone.levels].tolist())

    def _after(self, question: str, answer: str, said: Sequence[int] = ()) -> torch.Tensor:
        """Logits ``[vocabulary]`` of the step after a fixed beginning of the answer and tokens said since."""
        prompt = self.backbone.prompt
        tail = [*prompt.ask(question), *prompt.encode(answer), *said]
        with self.backbone.lock, memory_guard(self.backbone.name):
            return self.backbone.reader.next_logits(self.prefix, tail)


def load_chat(checkpoint: str, options: LoadOptions) -> ChatBackbone:
    """Load a checkpoint, and an adapter over it where one is named.

    Raises:
        CheckpointError: incomplete, of another model, or a tokenizer that cannot ground.
    """
    from transformers import AutoConfig, AutoModelForImageTextToText

    flag = "--model hf:"
    where = locate(checkpoint, flag)
    with explain_loading(checkpoint, flag):
        prompt = load_prompt(where, AutoConfig.from_pretrained(where))
        term_ids(prompt)  # before minutes are spent on weights
    load: Any = AutoModelForImageTextToText.from_pretrained
    model: Any = load_checkpoint(load, checkpoint, flag, options)
    name = f"hf:{checkpoint}"
    if options.adapter:
        from iqa_spider.models.adapters import put_adapter

        model = put_adapter(model, options.adapter)
        name += f" with {options.adapter}"
    return ChatBackbone(model, prompt, name, max_side=options.max_side, boxes=options.boxes)
