"""How a picture and a question become tokens for the chat models of transformers.

Every prompt of a picture begins alike, up to its last picture token, and differs in the tail that holds the
question: `ChatPrompt` gives both halves, so that the first is computed once a picture.

Another family is one more row of `FAMILIES`. Where transformers' own processor can be imported without
torchvision, nothing else is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from iqa_spider.core import FORMS, LEVELS, TERMS, CheckpointError, Picture

__all__ = ["FAMILIES", "ChatPrompt", "Family", "Opened", "level_ids", "load_prompt", "term_ids"]

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Family:
    """What differs between chat models; module names are those of the transformers class.

    ``expands`` says that we lay out the picture tokens ourselves (grid / merge^2 of them), since the
    family's processor cannot be imported without torchvision.
    """

    box: str
    """A key of `BOX_STYLES`."""
    language: str
    """Module whose linear layers get LoRA."""
    vision: str
    """Module of the vision encoder, trained in full."""
    projector: tuple[str, ...]
    """Modules that bring its features to the language model, trained in full at their own rate."""
    expands: bool = False
    layers: str = "layers"
    """List of the vision encoder's layers, of which some families read an inner one alone."""
    after: str = "post_layernorm"
    """Module behind those layers, unread by such a family."""


_QWEN: Final = ("model.language_model", "model.visual")

FAMILIES: Final[Mapping[str, Family]] = {
    "qwen3_vl": Family(
        "thousandths", *_QWEN, ("model.visual.merger", "model.visual.deepstack_merger_list"), True
    ),
    "qwen2_5_vl": Family("pixels", *_QWEN, ("model.visual.merger",), True),
    "llava": Family(
        "fractions",
        "model.language_model",
        "model.vision_tower",
        ("model.multi_modal_projector",),
    ),
}


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """The common beginning of a picture's prompts.

    ``ids`` up to and with the last picture token; ``tensors`` what the model takes beside them (pixels,
    grid, token types); ``size`` the (width, height) that the model sees.
    """

    ids: tuple[int, ...]
    tensors: dict[str, Tensor]
    size: Size


class ChatPrompt:
    """Tokenizer, picture processor and chat template of one checkpoint."""

    def __init__(
        self, family: Family, tokenizer: Any, pictures: Any, picture_token: int, where: str
    ) -> None:
        self.family, self.tokenizer, self.pictures = family, tokenizer, pictures
        self.picture_token, self.where = picture_token, where
        if not getattr(tokenizer, "chat_template", None):
            raise CheckpointError(
                f"{where}: the tokenizer has no chat template; add the file chat_template.jinja"
            )

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def render(self, turns: Sequence[tuple[str, str]], *, open_ended: bool) -> str:
        """The chat template over (role, text) turns, the picture before the first user's text."""
        messages: list[dict[str, Any]] = []
        for role, text in turns:
            parts: list[dict[str, str]] = [{"type": "text", "text": text}]
            if role == "user" and not messages:
                parts.insert(0, {"type": "image"})
            messages.append({"role": role, "content": parts})
        rendered: str = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=open_ended
        )
        return rendered

    def tail(self, text: str) -> list[int]:
        """Tokens of a rendered prompt after its picture token."""
        ids = self.encode(text)
        if self.picture_token not in ids:
            raise CheckpointError(f"{self.where}: the chat template lays out no picture")
        return ids[len(ids) - ids[::-1].index(self.picture_token) :]

    def ask(self, question: str) -> list[int]:
        """The tail of a question's prompt, up to where the answer begins."""
        return self.tail(self.render([("user", question)], open_ended=True))

    def open(self, picture: Picture) -> Opened:
        """Prepare ``uint8 [H, W, 3]``."""
        image = Image.fromarray(picture)
        text = self.render([("user", "?")], open_ended=True)
        if self.family.expands:
            return self._expand(image, text)
        made = self.pictures(text=text, images=[image], return_tensors="pt")
        ids, after = made["input_ids"][0].tolist(), self.tail(text)
        if ids[len(ids) - len(after) :] != after:
            raise CheckpointError(f"{self.where}: the processor rewrites text after the picture")
        length = len(ids) - len(after)
        width = made["input_ids"].shape
        tensors = {
            key: value[:, :length] if value.shape == width else value
            for key, value in made.items()
            if key not in ("input_ids", "attention_mask")
        }
        return Opened(tuple(ids[:length]), tensors, image.size)

    def _expand(self, image: Image.Image, text: str) -> Opened:
        import torch

        made = self.pictures(images=[image], return_tensors="pt")
        _, rows, columns = (int(n) for n in made["image_grid_thw"][0])
        ids = self.encode(text)
        before = ids[: ids.index(self.picture_token)]
        count = rows * columns // self.pictures.merge_size**2
        whole = (*before, *([self.picture_token] * count))
        tensors = {key: made[key] for key in ("pixel_values", "image_grid_thw")}
        tensors["mm_token_type_ids"] = torch.tensor([[int(i == self.picture_token) for i in whole]])
        patch = int(self.pictures.patch_size)
        return Opened(whole, tensors, (columns * patch, rows * patch))


def load_prompt(where: str, config: Any) -> ChatPrompt:
    """Tokenizer and picture processor of a checkpoint; ``config`` is its transformers configuration."""
    from transformers import AutoImageProcessor, AutoProcessor, AutoTokenizer

    if config.model_type not in FAMILIES:
        raise CheckpointError(
            f"{where}: model type {config.model_type!r} is not among {', '.join(FAMILIES)}; another chat "
            "model is one more row of FAMILIES in models/chat_prompt.py"
        )
    family = FAMILIES[config.model_type]
    token = getattr(config, "image_token_id", None) or getattr(config, "image_token_index", None)
    tokenizer = AutoTokenizer.from_pretrained(where)
    loader: Any = AutoImageProcessor if family.expands else AutoProcessor
    pictures = loader.from_pretrained(where)
    return ChatPrompt(family, tokenizer, pictures, int(token or -1), where)


def piece_ids(prompt: ChatPrompt, text: str) -> list[int]:
    """Tokens of a text, in the middle of a sentence where it begins with a space.

    SentencePiece tokenizers put a space of their own before whatever comes first.
    """
    if text.startswith(" "):
        before, whole = prompt.encode("the"), prompt.encode(f"the{text}")
        if whole[: len(before)] == before and len(whole) > len(before):
            return whole[len(before) :]
    return prompt.encode(text)


def _first(prompt: ChatPrompt, text: str) -> int:
    return piece_ids(prompt, text)[0]


def term_ids(prompt: ChatPrompt) -> NDArray[np.int64]:
    """First token of each form of each positional term: ``int64 [terms, forms]``.

    Raises:
        CheckpointError: two terms of an axis begin with the same token, so that no softmax over them can
            tell where a region is.
    """
    table = [[_first(prompt, form.format(t, C=t.capitalize())) for form in FORMS] for t in TERMS]
    ids = np.array(table, np.int64)
    for axis in ((0, 1), (2, 3)):
        if ids[axis[0], 0] == ids[axis[1], 0]:
            names = " and ".join(repr(TERMS[i]) for i in axis)
            raise CheckpointError(
                f"{prompt.where}: the tokenizer begins {names} with the same piece, so text-to-point cannot "
                "tell them apart; use a tokenizer that has the positional terms as tokens"
            )
    return ids


def level_ids(prompt: ChatPrompt) -> list[int] | None:
    """First token of each level's word, worst first; None where two levels begin alike."""
    ids = [_first(prompt, f" {level}") for level in LEVELS]
    return ids if len(set(ids)) == len(ids) else None
