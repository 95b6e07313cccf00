"""Several dialogues about one picture in one sequence: the picture is read once, each dialogue follows alone.

A packed row is ``[picture] [dialogue 1] [dialogue 2] ...``. A mask keeps the dialogues from seeing one another,
and each takes the positions it would have right after the picture, so that every answer token has the
probability it has in a row of its own. Where a picture is most of a sequence, this is most of the work saved.

Dialogues about different pictures are not packed: the Qwen classes count positions by rows of one picture's
grid and their encoders return all pictures' tokens as one run, so a row of several would need its own
arithmetic a class, while length grouping leaves little padding to save. Flash attention takes no such mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor

from iqa_spider.core import ConfigError
from iqa_spider.training.conversations import SEGMENTS, Dialogue

__all__ = [
    "ATTENTIONS",
    "check_attention",
    "group",
    "pack_inputs",
    "segment_mask",
    "segment_positions",
]

ATTENTIONS: Final = ("sdpa", "eager")
"""Attention implementations of transformers that take a mask of every pair of tokens."""


def group(dialogues: Sequence[Dialogue], pack: int, max_tokens: int) -> list[tuple[Dialogue, ...]]:
    """Rows of up to ``pack`` dialogues about one picture, in the order of their first dialogue.

    The texts of a row take about half of ``max_tokens`` at most, which leaves the rest to the picture.
    """
    if pack == 1:
        return [(dialogue,) for dialogue in dialogues]
    rows: list[list[Dialogue]] = []
    latest: dict[str, list[Dialogue]] = {}
    for dialogue in dialogues:
        row = latest.get(str(dialogue.image))
        room = 2 * max_tokens - sum(d.characters for d in row or ())
        if row is None or len(row) >= pack or dialogue.characters > room:
            row = latest[str(dialogue.image)] = []
            rows.append(row)
        row.append(dialogue)
    return [tuple(row) for row in rows]


def check_attention(model: Any) -> None:
    """Raise `ConfigError` for an attention that would ignore which dialogue a token belongs to."""
    found = model.config.get_text_config()._attn_implementation
    if found not in ATTENTIONS:
        raise ConfigError(
            f"pack: attention {found} takes no mask of pairs of tokens; set `attention: sdpa`, or `pack: 1`"
        )


def segment_mask(segments: Tensor) -> Tensor:
    """Who sees whom: ``bool [B, 1, T, T]`` from segments ``[B, T]`` (0 picture, 1.. dialogues, -1 padding).

    Padding sees itself: a softmax over nothing is no number.
    """
    length = segments.shape[1]
    asks, seen = segments[:, :, None], segments[:, None, :]
    causal = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    allowed = causal & ((asks == seen) | (seen == 0)) & (seen >= 0) & (asks >= 0)
    return (allowed | torch.eye(length, dtype=torch.bool, device=segments.device))[:, None]


def segment_positions(positions: Tensor, segments: Tensor) -> Tensor:
    """Positions ``[..., B, T]`` of one run after the picture, begun anew for each dialogue."""
    places = torch.arange(segments.shape[1], device=segments.device).expand_as(segments)
    begins = torch.ones_like(segments, dtype=torch.bool)
    begins[:, 1:] = segments[:, 1:] != segments[:, :-1]
    start = torch.where(begins, places, 0).cummax(1).values
    ahead = start - (segments == 0).sum(1, keepdim=True)
    return positions - torch.where(segments > 0, ahead, 0)


def pack_inputs(model: Any, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the model takes in place of a batch's segments; ``model`` is of the base's own class."""
    inputs = dict(inputs)
    segments, plain = inputs.pop(SEGMENTS), inputs["attention_mask"]
    index = getattr(model.model, "get_rope_index", None)
    if index is None:
        positions = (plain.cumsum(1) - 1).clamp_min(0)
    else:
        grid, types = inputs["image_grid_thw"], inputs["mm_token_type_ids"]
        positions = index(
            inputs["input_ids"],
            image_grid_thw=grid,
            mm_token_type_ids=types,
            attention_mask=plain,
        )[0]
    mask = segment_mask(segments)
    if (
        model.config.get_text_config()._attn_implementation == "eager"
    ):  # which adds it to the scores
        mask = torch.zeros_like(mask, dtype=torch.float32).masked_fill(~mask, -1e30)
    return {
        **inputs,
        "attention_mask": mask,
        "position_ids": segment_positions(positions, segments),
    }
