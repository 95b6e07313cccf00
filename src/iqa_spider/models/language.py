"""The language model of `pocket`: eight layers of SmolLM2 that read region tokens.

A prompt is what the question means (`tasks.meaning`, the same for all wordings), the picture as tokens, then
the answer. The meaning comes first so that each region token is read in its light. The question's own words
stay with the reader, which knows more of them than a model of this size learns on two cores.

The place of the region that the prompt marks enters the logits of the positional terms as a copy (compare
the pointer-generator of See et al. 2017): the log-odds of its coordinate join what the layers say, so that
the closed set carries the coordinate from the first step on. When a term is written remains the layers'
choice. The other words that were seen (`copying`) join in the same way, weighed at each step by the hidden
state.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.cache_utils import DynamicCache
from transformers.models.llama import LlamaConfig, LlamaModel

from iqa_spider.core import FORMS, TERMS, CheckpointError, Generation, Task
from iqa_spider.models.copying import (
    SLOTS,
    alone,
    looks_uniform,
    said_before,
    slot_tokens,
    turn,
    worst_regions,
)
from iqa_spider.models.tokens import FEATURES, LEXICON, RegionView, encode_views
from iqa_spider.tasks import Route, meaning

__all__ = ["END", "PocketLanguage", "Prompt", "load_language"]

END: Final = 2
"""Token that ends an answer (``<|im_end|>``)."""


# transformers renamed the argument within its fifth major version; both names are in our range.
_CACHE: Final = (
    "cache" if "cache" in signature(LlamaModel.forward).parameters else "past_key_values"
)


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """Token ids before, between and after the views; ``-1`` marks the place of the next view.

    ``slots`` holds the words that may be copied (`slot_tokens`); ``place`` is where the marked region
    lies (x, y in [0, 1]), None where none is marked.
    """

    ids: tuple[int, ...]
    features: NDArray[np.float32]
    weights: NDArray[np.float32]
    slots: NDArray[np.int64]
    place: tuple[float, float] | None = None


class PocketLanguage(nn.Module):
    """Decoder with a projector for region tokens; input and output embeddings are tied and frozen."""

    def __init__(self, config: dict[str, Any], tokenizer: Tokenizer) -> None:
        super().__init__()
        self.settings, self.tokenizer = config, tokenizer
        known = dict(config)
        theta = known.pop("rope_theta")
        llama = LlamaConfig(
            **known,
            rope_parameters={"rope_type": "default", "rope_theta": theta},
            max_position_embeddings=4096,
            use_cache=True,
            pad_token_id=0,
        )
        self.model = LlamaModel(llama)
        self.model.embed_tokens.weight.requires_grad_(False)
        width = config["hidden_size"]
        # Small at first: tokens begin as words, and the numbers come in as they prove useful.
        final = nn.Linear(384, width)
        nn.init.normal_(final.weight, std=0.005)
        nn.init.zeros_(final.bias)
        self.project = nn.Sequential(
            nn.Linear(FEATURES, 384),
            nn.GELU(),
            nn.Linear(384, 384),
            nn.GELU(),
            final,
        )
        self.mix = nn.Linear(len(LEXICON), width, bias=False)
        self.copy = nn.Linear(width, SLOTS)
        nn.init.zeros_(self.copy.weight)
        nn.init.zeros_(self.copy.bias)

    def start_mix(self) -> None:
        """Start the mixing matrix from the words' own embeddings (mean over a word's pieces)."""
        table = self.model.embed_tokens.weight
        with torch.no_grad():
            for index, word in enumerate(LEXICON):
                pieces = self.tokenizer.encode(f" {word}").ids
                self.mix.weight[:, index] = table[pieces].mean(0)

    def prompt(self, way: Route, views: Sequence[RegionView]) -> Prompt:
        """Lay out a question's meaning and its views: global and regions first, a marked one last.

        For a description of the picture the regions worth telling come once more, worst first.
        """
        encode = self.tokenizer.encode
        plain = [view for view in views if view.kind != "asked"]
        asked = [view for view in views if view.kind == "asked"]
        ids = [
            *encode(f"Question: {meaning(way)}\nPicture:").ids,
            *([-1] * len(plain)),
        ]
        told = way.task is Task.GLOBAL and not way.rating and not looks_uniform(plain)
        worst = worst_regions(plain) if told else []
        if worst:
            ids += [*encode("\nWorst:").ids, *([-1] * len(worst))]
        if asked:
            ids += [*encode("\nRegion:").ids, *([-1] * len(asked))]
        ids += encode("\nAnswer:").ids
        local = [view for view in asked if view.area < 1]
        place = (local[-1].x, local[-1].y) if local else None
        slots = slot_tokens(self.tokenizer, views)
        return Prompt(tuple(ids), *encode_views([*plain, *worst, *asked]), slots, place)

    def embed(self, prompt: Prompt, answer: Sequence[int] = ()) -> Tensor:
        """``float32 [T, hidden]`` of a prompt and the beginning of its answer."""
        ids = torch.tensor([*prompt.ids, *answer])
        vectors: Tensor = self.model.embed_tokens(ids.clamp_min(0))
        features, weights = torch.from_numpy(prompt.features), torch.from_numpy(prompt.weights)
        views = self.mix(weights) + self.project(features)
        return vectors.masked_scatter((ids < 0)[:, None], views)

    def logits(self, hidden: Tensor, slots: Tensor) -> Tensor:
        """Logits ``[N, vocabulary]`` of hidden states ``[N, hidden]``, words at their slots added.

        ``slots [N, SLOTS, forms]`` are token ids, -1 where a slot is empty.
        """
        logits = F.linear(hidden, self.model.embed_tokens.weight)
        gates = self.copy(hidden)[..., None].expand(slots.shape).masked_fill(slots < 0, 0.0)
        return logits.scatter_add(1, slots.clamp_min(0).flatten(1), gates.flatten(1))

    def copied(self, place: tuple[float, float] | None) -> Tensor:
        """What the marked place adds to the logits of the vocabulary: half the log-odds, either sign."""
        bonus = torch.zeros(self.model.config.vocab_size)
        if place is not None:
            x, y = np.clip(place, 0.03, 0.97)
            odds = {"right": np.log(x / (1 - x)) / 2, "bottom": np.log(y / (1 - y)) / 2}
            odds |= {"left": -odds["right"], "top": -odds["bottom"]}
            for row, term in enumerate(TERMS):
                bonus[torch.from_numpy(self.form_ids[row])] = float(odds[term])
        return bonus

    @torch.inference_mode()
    def generate(self, prompt: Prompt, max_tokens: int) -> Generation:
        """Greedy decoding with a key-value cache; the closed set's logits are kept at every step."""
        forms = torch.from_numpy(self.form_ids)
        cache = DynamicCache(config=self.model.config)
        bonus = self.copied(prompt.place)
        vectors = self.embed(prompt)[None]
        tokens: list[int] = []
        steps: list[NDArray[np.float32]] = []
        while len(tokens) < max_tokens:
            output = self.model(inputs_embeds=vectors, use_cache=True, **{_CACHE: cache})
            said = self.tokenizer.decode(tokens)
            slots = turn(prompt.slots, said)
            hidden = output.last_hidden_state[:, -1]
            logits = self.logits(hidden, torch.from_numpy(slots)[None])[0] + bonus
            for barred in self._barred(slots, said):
                logits[barred] = -torch.inf
            token = int(logits.argmax())
            if token == END:
                break
            tokens.append(token)
            steps.append(logits[forms].numpy())
            vectors = self.model.embed_tokens(torch.tensor([[token]]))
        pieces = tuple(self.tokenizer.decode([t], skip_special_tokens=False) for t in tokens)
        stacked = np.stack(steps) if steps else np.zeros((0, len(TERMS), len(FORMS)), np.float32)
        text = self.tokenizer.decode(tokens).strip()
        return Generation(text, tuple(tokens), pieces, stacked)

    def _barred(self, slots: NDArray[np.int64], said: str) -> list[int]:
        """Tokens that must not come next: a category again, or the link to a second one where none was seen."""
        words = [f" {phrase}"] if (phrase := said_before(said)) else []
        words += [",", " and"] if alone(slots, said) else []
        return [self.tokenizer.encode(word).ids[0] for word in words]

    @torch.inference_mode()
    def next_logits(self, prompt: Prompt, answer: str) -> Tensor:
        """Logits ``[vocabulary]`` of the step after a fixed beginning of the answer."""
        ids = self.tokenizer.encode(f" {answer}").ids if answer else []
        output = self.model(inputs_embeds=self.embed(prompt, ids)[None], use_cache=False)
        slots = torch.from_numpy(turn(prompt.slots, answer))[None]
        return self.logits(output.last_hidden_state[:, -1], slots)[0] + self.copied(prompt.place)

    @torch.inference_mode()
    def likelihoods(self, prompt: Prompt, beginning: str, options: Sequence[str]) -> list[float]:
        """Log-likelihood of each option (all of its tokens) after a fixed beginning of the answer."""
        encode = self.tokenizer.encode
        start = encode(f" {beginning}").ids if beginning else []
        found = []
        for option in options:
            ids = encode(f" {option}").ids
            vectors = self.embed(prompt, [*start, *ids[:-1]])[None]
            hidden = self.model(inputs_embeds=vectors, use_cache=False).last_hidden_state[0]
            slots = torch.from_numpy(turn(prompt.slots, beginning)).expand(len(ids), -1, -1)
            logits = self.logits(hidden[-len(ids) :], slots) + self.copied(prompt.place)
            steps = logits.log_softmax(-1)
            found.append(float(steps[range(len(ids)), ids].sum()))
        return found

    @cached_property
    def form_ids(self) -> NDArray[np.int64]:
        """First token of each form of each term: ``int64 [terms, forms]``."""
        table = [
            [self.tokenizer.encode(form.format(term, C=term.capitalize())).ids[0] for form in FORMS]
            for term in TERMS
        ]
        return np.array(table, np.int64)


def load_language(folder: Path, weights: str = "language.safetensors") -> PocketLanguage:
    """Load config, tokenizer and weights from a folder; every key must be there and none besides.

    Raises:
        CheckpointError: a file is missing, or keys do not match (they are listed).
    """
    for name in ("config.json", "tokenizer.json", weights):
        if not (folder / name).exists():
            raise CheckpointError(f"{folder / name}: missing; run `iqa-spider pull` or reinstall")
    config = json.loads((folder / "config.json").read_text())
    model = PocketLanguage(config, Tokenizer.from_file(str(folder / "tokenizer.json")))
    state = {key: value.float() for key, value in load_file(str(folder / weights)).items()}
    result = model.load_state_dict(state, strict=False)
    if result.missing_keys or result.unexpected_keys:
        raise CheckpointError(
            f"{folder / weights}: missing {result.missing_keys[:5]}, unknown "
            f"{result.unexpected_keys[:5]}"
        )
    return model.eval()
