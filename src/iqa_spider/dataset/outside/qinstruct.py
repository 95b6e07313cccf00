"""Q-Instruct (Wu et al. 2024): conversations about low-level appearance, in LLaVA's form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iqa_spider.dataset.outside.reading import image_path, parse_rows, read_json_rows, take

__all__ = ["QInstructRow", "read_conversation", "read_qinstruct"]

IMAGE = "<image>"


@dataclass(frozen=True, slots=True)
class QInstructRow:
    """One picture and its turns, ``(question, answer)`` in order; the image mark is taken out."""

    id: str
    image: Path
    turns: tuple[tuple[str, str], ...]


def read_qinstruct(
    annotations: Path, images: Path, *, check_images: bool = True
) -> Iterator[QInstructRow]:
    """Rows of the JSON list in order; ``images`` holds ``spaq_koniq`` and ``livefb_liveitw_aigc``.

    Raises:
        DatasetError: a missing file, or a row out of form; names file and row.
    """

    def parse(row: dict[str, Any]) -> QInstructRow:
        turns = read_conversation(take(row, "conversations", list))
        path = image_path(images, take(row, "image", str), check=check_images)
        return QInstructRow(str(row["id"]), path, turns)

    yield from parse_rows(annotations, read_json_rows(annotations), parse)


def read_conversation(messages: list[Any]) -> tuple[tuple[str, str], ...]:
    """Pairs of LLaVA messages; ValueError unless human and gpt take turns and exactly one names the image."""
    speakers = [message["from"] for message in messages]
    if not messages or speakers != ["human", "gpt"] * (len(messages) // 2):
        raise ValueError(f"the speakers are {speakers}, expected human and gpt in turns")
    texts = [take(message, "value", str) for message in messages]
    marks = sum(text.count(IMAGE) for text in texts[::2])
    if marks != 1 or any(IMAGE in text for text in texts[1::2]):
        raise ValueError(f"{IMAGE} stands {marks} times in the questions, expected once")
    clean = [text.replace(IMAGE, "").strip() for text in texts]
    if not all(clean):
        raise ValueError(f"message {clean.index('') + 1} is empty")
    return tuple(zip(clean[::2], clean[1::2], strict=True))
