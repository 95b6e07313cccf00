"""DQ-495K (DataDepictQA, You et al. 2024): distortions named and described, one picture or a pair.

Tasks that compare two pictures or need the pristine one are read as they are; `DepictRow.single` tells the
rows that fit a no-reference model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from iqa_spider.core import FUNCTIONS, Category, Finding
from iqa_spider.dataset.outside.reading import image_path, parse_rows, read_json_rows, take

__all__ = ["DepictRow", "read_depictqa"]

_CLASSES: Final[dict[str, Category]] = {
    **{category.value: category for category in Category},
    **{category.value.replace(" ", "_"): category for category in Category},
}


@dataclass(frozen=True, slots=True)
class DepictRow:
    """One question. ``findings`` are the distortions of picture A in order (empty: undistorted)."""

    id: str
    task_type: str
    image_a: Path
    image_b: Path | None
    reference: Path | None
    findings: tuple[Finding, ...]
    functions: tuple[str, ...]
    turns: tuple[tuple[str, str], ...]

    @property
    def single(self) -> bool:
        return self.image_b is None and self.reference is None

    @property
    def names(self) -> frozenset[str]:
        """The answer of a brief task as a set: split on "and", lower case, as its authors score it."""
        parts = re.split(r"\band\b|,", self.turns[-1][1].lower())
        return frozenset(part.strip(" .\n") for part in parts if part.strip(" .\n"))


def read_depictqa(
    annotations: Path, images: Path, *, check_images: bool = True
) -> Iterator[DepictRow]:
    """Rows of a train or test file in order: ``conversations``, or ``query`` and ``answer``.

    Raises:
        DatasetError: a missing file, or a row out of form; names file and row.
    """

    def picture(row: dict[str, Any], key: str) -> Path | None:
        return None if row[key] is None else image_path(images, row[key], check=check_images)

    def parse(row: dict[str, Any]) -> DepictRow:
        first = picture(row, "image_A")
        if first is None:
            raise ValueError("image_A is null")
        findings, functions = _distortions(row)
        second, reference = picture(row, "image_B"), picture(row, "image_ref")
        task = take(row, "task_type", str)
        return DepictRow(
            str(row["id"]), task, first, second, reference, findings, functions, _turns(row)
        )

    yield from parse_rows(annotations, read_json_rows(annotations), parse)


def _distortions(row: dict[str, Any]) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    classes, names, severities = (
        row[key] for key in ("distortion_classes", "distortion_names", "severities")
    )
    if classes is None or names is None:
        if classes is not names or severities not in (None, 0, [0]):
            raise ValueError(f"classes {classes}, names {names}, severities {severities} disagree")
        return (), ()
    if not len(classes) == len(names) == len(severities):
        raise ValueError("distortion_classes, distortion_names and severities differ in length")
    findings = []
    for label, name, severity in zip(classes, names, severities, strict=True):
        if label not in _CLASSES:
            raise ValueError(f"unknown distortion class {label!r}; known: {', '.join(Category)}")
        if name in FUNCTIONS and FUNCTIONS[name] is not _CLASSES[label]:
            raise ValueError(f"{name} is a function of {FUNCTIONS[name]}, not of {label}")
        if severity not in range(1, 6):
            raise ValueError(f"severity of {name} is {severity!r}, expected 1 to 5")
        findings.append(Finding(_CLASSES[label], int(severity)))
    return tuple(findings), tuple(names)


def _turns(row: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    if "conversations" not in row:
        pair = (take(row, "query", str).strip(), take(row, "answer", str).strip())
        if not all(pair):
            raise ValueError("query or answer is empty")
        return (pair,)
    messages = take(row, "conversations", list)
    speakers = [message["from"] for message in messages]
    if not messages or speakers != ["human", "gpt"] * (len(messages) // 2):
        raise ValueError(f"the speakers are {speakers}, expected human and gpt in turns")
    texts = [take(message, "value", str).replace("<image>", "").strip() for message in messages]
    return tuple(zip(texts[::2], texts[1::2], strict=True))
