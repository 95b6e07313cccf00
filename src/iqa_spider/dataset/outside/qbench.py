"""LLVisionQA of Q-Bench-A1 (Wu et al. 2024): multiple-choice questions about how a picture looks.

Two forms are read: the authors' JSON list, and the rows of the Hub (``option0`` ... with "N/A" where there is
none). The right answer may be missing (the test split has none).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from iqa_spider.dataset.outside.reading import image_path, parse_rows, read_json_rows, take

__all__ = ["CONCERNS", "TYPES", "QBenchRow", "read_qbench"]

TYPES: Final = ("yes or no", "what", "how")
CONCERNS: Final = ("distortion", "other", "in-context distortion", "in-context other")
_LETTERS: Final = "ABCD"


@dataclass(frozen=True, slots=True)
class QBenchRow:
    """One question. ``correct`` is the index into ``candidates``, or None where it is not told."""

    id: str
    image: Path
    question: str
    candidates: tuple[str, ...]
    correct: int | None
    type: str
    concern: str


def read_qbench(
    annotations: Path, images: Path, *, check_images: bool = True
) -> Iterator[QBenchRow]:
    """Rows of a split in order.

    Raises:
        DatasetError: a missing file, or a row out of form; names file and row.
    """
    rows = read_json_rows(annotations)
    numbers = {id(row): number for number, row in enumerate(rows)}

    def parse(row: dict[str, Any]) -> QBenchRow:
        candidates = _candidates(row)
        name = row["img_path"] if "img_path" in row else take(row, "image", str)
        kind = row["type"] if "type" in row else row["question_type"]
        concern = row["concern"] if "concern" in row else row["question_concern"]
        return QBenchRow(
            str(row.get("id", f"{numbers[id(row)]:05d}")),
            image_path(images, name, check=check_images),
            take(row, "question", str).strip(),
            candidates,
            _correct(row, candidates),
            _named(kind, TYPES, "type"),
            _named(concern, CONCERNS, "concern"),
        )

    yield from parse_rows(annotations, rows, parse)


def _candidates(row: dict[str, Any]) -> tuple[str, ...]:
    if "candidates" in row:
        found = tuple(str(c).strip() for c in take(row, "candidates", list))
    else:
        options = [str(row[f"option{i}"]).strip() for i in range(4)]
        found = tuple(option for option in options if option != "N/A")
    if not 2 <= len(found) <= len(_LETTERS) or len(set(found)) != len(found):
        raise ValueError(f"the candidates are {list(found)}, expected 2 to 4 different ones")
    return found


def _correct(row: dict[str, Any], candidates: tuple[str, ...]) -> int | None:
    """By the text of the answer, or by its letter; ValueError if it is none of the candidates."""
    told = row.get("correct_ans", row.get("correct_choice"))
    if told is None or str(told).strip() in ("", "N/A"):
        return None
    text = str(told).strip()
    if text in candidates:
        return candidates.index(text)
    letter = text.rstrip(".")
    if "correct_choice" in row and letter in tuple(_LETTERS[: len(candidates)]):
        return _LETTERS.index(letter)
    raise ValueError(f"the right answer {text!r} is none of the candidates {list(candidates)}")


def _named(value: Any, names: tuple[str, ...], what: str) -> str:
    try:
        place = int(value)
    except (TypeError, ValueError):
        raise ValueError(f"{what} is {value!r}, expected 0 to {len(names) - 1}") from None
    if not 0 <= place < len(names):
        raise ValueError(f"{what} is {place}, expected 0 to {len(names) - 1}")
    return names[place]
