"""Greedy decoding of several questions at once, from caches of what was read before.

A batch is laid out as ``[padding, picture] [padding, question] [answer so far]``: both halves are padded on
the left, so that the last column is always the token that is to be continued. Padding is masked and takes no
position, which makes a row of a batch equal to the row alone. At each step only the closed set's logits are
kept, ``[terms, forms]`` numbers in place of a vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.cache_utils import DynamicCache, DynamicLayer

from iqa_spider.models.chat_prompt import Opened

__all__ = ["Decoded", "Prefix", "Reader"]


@dataclass(frozen=True, slots=True, eq=False)
class Prefix:
    """Keys and values of a picture's beginning.

    ``shift`` is what positions run ahead of token counts, since pictures take fewer positions than tokens
    in the Qwen family; None where positions are plain counts.
    """

    cache: Any
    length: int
    shift: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Tokens of an answer and ``float32 [steps, terms, forms]`` logits of the steps that wrote them."""

    tokens: tuple[int, ...]
    logits: NDArray[np.float32]


class Reader:
    """A causal model with caches; the one place that calls it."""

    def __init__(self, model: nn.Module, stops: frozenset[int], padding: int) -> None:
        self.model: Any = model.eval()
        self.stops, self.padding = stops, padding
        known = signature(self.model.forward).parameters
        # transformers renamed the argument within its fifth major version.
        self._cache = "cache" if "cache" in known else "past_key_values"
        self._last = {"logits_to_keep": 1} if "logits_to_keep" in known else {}

    @property
    def device(self) -> torch.device:
        found: torch.device = self.model.get_input_embeddings().weight.device
        return found

    def _empty(self) -> Any:
        return DynamicCache(config=self.model.config.get_text_config())

    @torch.inference_mode()
    def prefill(self, opened: Opened) -> Prefix:
        """Read a picture's beginning once."""
        cache = self._empty()
        ids = torch.tensor([opened.ids], device=self.device)
        weight = next(self.model.parameters())
        tensors = {
            key: value.to(self.device, weight.dtype if value.is_floating_point() else None)
            for key, value in opened.tensors.items()
        }
        more = {self._cache: cache, "use_cache": True, **self._last}
        self.model(input_ids=ids, attention_mask=torch.ones_like(ids), **tensors, **more)
        # The Qwen classes keep the shift of the last picture on themselves: it is read at once.
        shift = getattr(getattr(self.model, "model", None), "rope_deltas", None)
        return Prefix(cache, len(opened.ids), None if shift is None else int(shift.flatten()[0]))

    def stackable(self, prefixes: Sequence[Prefix]) -> bool:
        """Whether the caches are plain, so that rows of different length can be put side by side."""
        return all(type(layer) is DynamicLayer for p in prefixes for layer in p.cache.layers)

    def _stack(self, prefixes: Sequence[Prefix]) -> tuple[Any, Tensor]:
        """One cache ``[B, heads, longest, width]`` a layer and its mask ``[B, longest]``."""
        longest = max(prefix.length for prefix in prefixes)
        mask = torch.zeros(len(prefixes), longest, dtype=torch.long, device=self.device)
        for row, prefix in enumerate(prefixes):
            mask[row, longest - prefix.length :] = 1
        if len(prefixes) == 1:
            return deepcopy(prefixes[0].cache), mask
        cache = self._empty()
        for index in range(len(prefixes[0].cache.layers)):
            layers = [(prefix.cache.layers[index], longest - prefix.length) for prefix in prefixes]
            keys = torch.cat([F.pad(layer.keys, (0, 0, gap, 0)) for layer, gap in layers])
            values = torch.cat([F.pad(layer.values, (0, 0, gap, 0)) for layer, gap in layers])
            cache.update(keys, values, index)
        return cache, mask

    def _step(self, cache: Any, ids: Tensor, mask: Tensor, prefixes: Sequence[Prefix]) -> Tensor:
        """Logits ``[B, vocabulary]`` after the last of ``ids [B, L]``; ``mask`` spans cache and ids."""
        places = (mask.cumsum(-1) - 1).clamp_min(0)[:, -ids.shape[1] :]
        if prefixes[0].shift is not None:
            shifts = torch.tensor([[p.shift or 0] for p in prefixes], device=places.device)
            places = (places + shifts)[None].expand(3, -1, -1)
        more = {self._cache: cache, "use_cache": True, **self._last}
        output = self.model(input_ids=ids, attention_mask=mask, position_ids=places, **more)
        logits: Tensor = output.logits[:, -1].float()
        return logits

    def _begin(
        self, prefixes: Sequence[Prefix], tails: Sequence[Sequence[int]]
    ) -> tuple[Any, Tensor, Tensor]:
        """Read the questions; returns cache, mask so far and logits of the first step."""
        cache, mask = self._stack(prefixes)
        longest = max(map(len, tails))
        rows = [[self.padding] * (longest - len(tail)) + list(tail) for tail in tails]
        ids = torch.tensor(rows, device=self.device)
        real = [[0] * (longest - len(tail)) + [1] * len(tail) for tail in tails]
        mask = torch.cat([mask, torch.tensor(real, device=self.device)], 1)
        return cache, mask, self._step(cache, ids, mask, prefixes)

    @torch.inference_mode()
    def next_logits(self, prefix: Prefix, tail: Sequence[int]) -> Tensor:
        """Logits ``[vocabulary]`` of the step after a tail."""
        return self._begin([prefix], [tail])[2][0]

    @torch.inference_mode()
    def decode(
        self,
        prefixes: Sequence[Prefix],
        tails: Sequence[Sequence[int]],
        closed: NDArray[np.int64],
        limit: int,
    ) -> list[Decoded]:
        """Continue each tail greedily for at most ``limit`` tokens; ``closed`` are the ids to keep."""
        if len(tails) > 1 and not self.stackable(prefixes):
            pairs = zip(prefixes, tails, strict=True)
            return [self.decode([p], [tail], closed, limit)[0] for p, tail in pairs]
        cache, mask, logits = self._begin(prefixes, tails)
        wanted = torch.from_numpy(closed).to(logits.device)
        tokens: list[list[int]] = [[] for _ in tails]
        kept: list[list[NDArray[np.float32]]] = [[] for _ in tails]
        ended = [False] * len(tails)
        for _ in range(limit):
            chosen = logits.argmax(-1)
            table = logits[:, wanted].cpu().numpy()
            for row, token in enumerate(chosen.tolist()):
                ended[row] = ended[row] or token in self.stops
                if not ended[row]:
                    tokens[row].append(token)
                    kept[row].append(table[row])
            if all(ended) or max(map(len, tokens)) == limit:
                break
            mask = torch.cat([mask, torch.ones_like(mask[:, :1])], 1)
            logits = self._step(cache, chosen[:, None], mask, prefixes)
        empty = np.zeros((0, *closed.shape), np.float32)
        return [
            Decoded(tuple(row), np.stack(steps) if steps else empty)
            for row, steps in zip(tokens, kept, strict=True)
        ]
