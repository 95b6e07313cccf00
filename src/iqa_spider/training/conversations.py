"""Conversation files for large backbones: LLaVA's layout in, tokens with answers marked out.

A row is ``{"id", "image", "conversations": [{"from": "human", "value": ...}, {"from": "gpt", ...}]}``, in
lines of JSON or in one list; Q-Instruct, DQ-495K's training part and our own exporter write it. The mark
``<image>`` may stand anywhere in the first question: the chat template has its own place for the picture.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from iqa_spider.core import DatasetError, open_picture
from iqa_spider.models.chat_prompt import ChatPrompt
from iqa_spider.models.pictures import shrink

__all__ = [
    "IGNORE",
    "SEGMENTS",
    "Collator",
    "Conversations",
    "Dialogue",
    "Mixture",
    "read_dialogues",
]

IGNORE: Final = -100
"""Label of a token that no loss is taken of."""

SEGMENTS: Final = "segments"
"""Key of a packed row's parts: 0 for the picture, 1, 2 ... for the dialogues, -1 for padding."""

_ROLES: Final = {"human": "user", "gpt": "assistant"}


@dataclass(frozen=True, slots=True)
class Mixture:
    """One source of a mix: a file, the folder its pictures are relative to, and how often a row comes.

    ``repeat`` 0.5 takes the first half of a shuffle of the rows, 2 takes each twice.
    """

    file: Path
    images: Path
    repeat: float = 1.0


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Turns of (role, text), beginning with the user's and ending with the assistant's."""

    id: str
    image: Path
    turns: tuple[tuple[str, str], ...]

    @property
    def characters(self) -> int:
        return sum(len(text) for _, text in self.turns)


def _rows(file: Path) -> Iterator[tuple[str, Any]]:
    """(place, row) pairs; the place is for error messages."""
    if not file.exists():
        raise DatasetError(f"{file}: no such file; `data` of the recipe names it")
    try:
        text = file.read_text(encoding="utf-8")
        if text.lstrip().startswith("["):
            yield from ((f"{file}: row {n}", row) for n, row in enumerate(json.loads(text), 1))
            return
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                yield f"{file}: line {number}", json.loads(line)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DatasetError(f"{file}: not JSON ({error})") from error


def _dialogue(place: str, row: Any, images: Path) -> Dialogue:
    try:
        turns = tuple((_ROLES[t["from"]], str(t["value"])) for t in row["conversations"])
        image = images / str(row["image"])
    except (KeyError, TypeError) as error:
        raise DatasetError(
            f"{place}: needs id, image and conversations of {{from: human or gpt, value}} ({error!r})"
        ) from error
    if len(turns) < 2 or any(r != ("user", "assistant")[i % 2] for i, (r, _) in enumerate(turns)):
        raise DatasetError(f"{place}: human and gpt must take turns, human first, gpt last")
    if len(turns) % 2:
        raise DatasetError(f"{place}: the last question has no answer")
    first = turns[0][1].replace("<image>", "").strip()
    return Dialogue(str(row.get("id", place)), image, ((turns[0][0], first), *turns[1:]))


def read_dialogues(parts: Sequence[Mixture], seed: int) -> list[Dialogue]:
    """All rows of a mix, each source as often as its ``repeat`` says.

    Raises:
        DatasetError: names file and row, or a picture that is missing.
    """
    mixed: list[Dialogue] = []
    for index, part in enumerate(parts):
        rows = [_dialogue(place, row, part.images) for place, row in _rows(part.file)]
        if not rows:
            raise DatasetError(f"{part.file}: holds no row")
        order = torch.Generator().manual_seed(seed * 1000 + index)
        picked = torch.randperm(len(rows), generator=order).tolist()
        count = round(part.repeat * len(rows))
        mixed += [rows[picked[i % len(rows)]] for i in range(count)]
    missing = sorted({str(d.image) for d in mixed if not d.image.exists()})
    if missing:
        raise DatasetError(
            f"{missing[0]}: no such picture ({len(missing)} are missing); `images` of the recipe names "
            "the folder that the rows' paths start from"
        )
    return mixed


class Conversations(Dataset[dict[str, Any]]):
    """Rows as tokens: ``input_ids [T]``, ``labels [T]`` (answers only) and the picture's tensors.

    A row is one dialogue, or with ``packed`` several about one picture; ``segments [T]`` tells them apart.
    """

    def __init__(
        self,
        rows: Sequence[tuple[Dialogue, ...]],
        prompt: ChatPrompt,
        *,
        max_tokens: int = 4096,
        max_side: int | None = None,
        packed: bool = False,
    ) -> None:
        self.rows, self.prompt, self.packed = list(rows), prompt, packed
        self.max_tokens, self.max_side = max_tokens, max_side
        self.end = int(prompt.tokenizer.eos_token_id)

    def __len__(self) -> int:
        return len(self.rows)

    def lengths(self) -> list[int]:
        """Rough token counts, from the text and the header of the picture file alone."""
        return [
            sum(d.characters for d in row) // 4 + self._picture_tokens(row[0].image)
            for row in self.rows
        ]

    def _picture_tokens(self, image: Path) -> int:
        with Image.open(image) as file:
            width, height = file.size
        scale = min(1.0, (self.max_side or max(width, height)) / max(width, height))
        return int(width * height * scale * scale) // 1024

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.rows[index]
        opened = self.prompt.open(shrink(open_picture(row[0].image), self.max_side))
        ids, labels, segments = list(opened.ids), [IGNORE] * len(opened.ids), [0] * len(opened.ids)
        for number, dialogue in enumerate(row, 1):
            tail, told = self._tail(dialogue)
            ids, labels, segments = ids + tail, labels + told, segments + [number] * len(tail)
        if len(ids) > self.max_tokens:
            raise DatasetError(
                f"{row[0].id}: {len(ids)} tokens with its picture, more than max_tokens "
                f"{self.max_tokens}; raise it, set max_side to shrink pictures, or lower pack"
            )
        parts = {SEGMENTS: torch.tensor(segments)} if self.packed else {}
        return {
            "input_ids": torch.tensor(ids),
            "labels": torch.tensor(labels),
            **parts,
            **opened.tensors,
        }

    def _tail(self, dialogue: Dialogue) -> tuple[list[int], list[int]]:
        """Tokens after the picture, and labels on the answers and the token that ends each."""
        render, tail = self.prompt.render, self.prompt.tail
        whole = tail(render(dialogue.turns, open_ended=False))
        labels = [IGNORE] * len(whole)
        for turn in range(1, len(dialogue.turns), 2):
            asked = tail(render(dialogue.turns[:turn], open_ended=True))
            told = tail(render(dialogue.turns[: turn + 1], open_ended=False))
            if whole[: len(asked)] != asked or whole[: len(told)] != told:
                raise DatasetError(
                    f"{dialogue.id}: the chat template writes turn {turn} otherwise once another follows, "
                    "so its answer cannot be told from the question"
                )
            stop = len(told)
            if self.end in told[len(asked) :]:
                stop = len(asked) + told[len(asked) :].index(self.end) + 1
            labels[len(asked) : stop] = whole[len(asked) : stop]
        return whole, labels


@dataclass(frozen=True, slots=True)
class Collator:
    """Pads on the right; tensors along the tokens are padded, pictures are laid end to end."""

    padding: int

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        longest = max(len(row["input_ids"]) for row in rows)
        batch = {
            "input_ids": self._pad([row["input_ids"] for row in rows], longest, self.padding),
            "labels": self._pad([row["labels"] for row in rows], longest, IGNORE),
            "attention_mask": self._pad(
                [torch.ones_like(row["input_ids"]) for row in rows], longest, 0
            ),
        }
        for key in rows[0].keys() - {"input_ids", "labels"}:
            values = [row[key] for row in rows]
            if key == SEGMENTS:
                batch[key] = self._pad(values, longest, -1)
            elif key == "mm_token_type_ids":
                batch[key] = self._pad([value[0] for value in values], longest, 0)
            else:
                batch[key] = torch.cat(values)
        return batch

    @staticmethod
    def _pad(rows: Sequence[Tensor], length: int, value: int) -> Tensor:
        return torch.stack([F.pad(row, (0, length - len(row)), value=value) for row in rows])
