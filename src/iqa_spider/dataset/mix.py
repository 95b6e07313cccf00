"""Hybrid training sets: ours with a part of Q-Instruct and of DQ-495K, as in Table 4 of the paper.

A part has a weight (how often its rows are taken: 0.5 half of them, 2 each twice) and a cap (at most so
many rows). Draws depend on the seed and the part's name alone, so that adding a part changes no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from iqa_spider.core import ConfigError, generator
from iqa_spider.dataset.load import read_samples
from iqa_spider.dataset.outside import read_depictqa, read_qinstruct
from iqa_spider.dataset.release.conversations import question_text

__all__ = ["SETTINGS", "MixPart", "MixRow", "MixSummary", "load_mix", "mix_rows", "write_mix"]

SETTINGS: Final[dict[str, tuple[str, ...]]] = {
    "ours": ("ours",),
    "ours+q-instruct": ("ours", "q-instruct"),
    "ours+dq-495k": ("ours", "dq-495k"),
    "all": ("ours", "q-instruct", "dq-495k"),
}
"""The four settings of Table 4 -> the parts that each takes."""

_FIELDS: Final = {
    "ours": ("folder",),
    "q-instruct": ("annotations", "images"),
    "dq-495k": ("annotations", "images"),
}


@dataclass(frozen=True, slots=True)
class MixRow:
    """One conversation about one picture."""

    id: str
    source: str
    image: Path
    turns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class MixPart:
    """Where a part lies and how much of it is taken."""

    name: str
    paths: dict[str, Path]
    weight: float = 1.0
    cap: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.weight <= 100:
            raise ConfigError(
                f"{self.name}.weight is {self.weight}, expected more than 0, up to 100"
            )
        if self.cap is not None and self.cap < 1:
            raise ConfigError(f"{self.name}.cap is {self.cap}, expected 1 or more")


@dataclass(frozen=True, slots=True)
class MixSummary:
    """By part: rows that fit, rows taken, rows left out since they need a second picture."""

    available: dict[str, int]
    taken: dict[str, int]
    left_out: dict[str, int]


def load_mix(path: Path) -> dict[str, MixPart]:
    """Read a YAML file: part name -> its paths (relative to the file), weight and cap.

    Raises:
        ConfigError: unknown part or field, or one that is missing; names it.
    """
    if not path.exists():
        raise ConfigError(f"{path}: no such file")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML ({error})") from error
    if not isinstance(data, dict) or not data:
        raise ConfigError(f"{path}: expected parts: {', '.join(_FIELDS)}")
    return {name: _part(path, name, fields) for name, fields in data.items()}


def _part(path: Path, name: str, fields: Any) -> MixPart:
    if name not in _FIELDS:
        raise ConfigError(f"{path}: unknown part {name!r}, expected {', '.join(_FIELDS)}")
    if not isinstance(fields, dict):
        raise ConfigError(f"{path}: {name} is {fields!r}, expected fields such as weight and cap")
    needed = _FIELDS[name]
    wrong = [key for key in fields if key not in (*needed, "weight", "cap")]
    missing = [key for key in needed if key not in fields]
    if wrong or missing:
        word = "unknown" if wrong else "missing"
        raise ConfigError(f"{path}: {name}: {word} field {', '.join(wrong or missing)}")
    paths = {key: path.parent / fields[key] for key in needed}
    return MixPart(name, paths, float(fields.get("weight", 1.0)), fields.get("cap"))


def mix_rows(
    parts: dict[str, MixPart], setting: str, *, seed: int = 0, check_images: bool = True
) -> tuple[list[MixRow], MixSummary]:
    """Draw the rows of a setting and shuffle them.

    Raises:
        ConfigError: unknown setting, or a part of it is not configured.
        DatasetError: a row of a part is out of form; names file and row.
    """
    if setting not in SETTINGS:
        raise ConfigError(f"--setting is {setting!r}, expected one of {', '.join(SETTINGS)}")
    missing = [name for name in SETTINGS[setting] if name not in parts]
    if missing:
        raise ConfigError(
            f"--setting {setting} needs the part {', '.join(missing)} in the mix file"
        )
    rows: list[MixRow] = []
    available, taken, left_out = {}, {}, {}
    for name in SETTINGS[setting]:
        found, left_out[name] = _read(parts[name], check_images)
        chosen = _draw(found, parts[name], seed)
        available[name], taken[name] = len(found), len(chosen)
        rows += chosen
    order = generator(seed, "mix", setting).permutation(len(rows))
    return [rows[i] for i in order], MixSummary(available, taken, left_out)


def _read(part: MixPart, check_images: bool) -> tuple[list[MixRow], int]:
    if part.name == "ours":
        return list(_ours(part.paths["folder"])), 0
    annotations, images = part.paths["annotations"], part.paths["images"]
    if part.name == "q-instruct":
        instruct = read_qinstruct(annotations, images, check_images=check_images)
        return [MixRow(row.id, part.name, row.image, row.turns) for row in instruct], 0
    depict = list(read_depictqa(annotations, images, check_images=check_images))
    rows = [MixRow(row.id, part.name, row.image_a, row.turns) for row in depict if row.single]
    return rows, len(depict) - len(rows)


def _ours(folder: Path) -> Iterator[MixRow]:
    """Train samples alone: the mix is for training."""
    for sample in read_samples(folder, "train"):
        turn = (question_text(sample), sample.answer)
        yield MixRow(sample.id, "ours", folder / sample.image, (turn,))


def _draw(rows: list[MixRow], part: MixPart, seed: int) -> list[MixRow]:
    """Whole rounds first, then the rest by chance without replacement; the cap cuts evenly."""
    wanted = round(part.weight * len(rows))
    wanted = wanted if part.cap is None else min(wanted, part.cap)
    if not rows:
        return []
    rounds, rest = divmod(wanted, len(rows))
    picked = generator(seed, "mix", part.name).permutation(len(rows))[:rest]
    return rows * rounds + [rows[i] for i in sorted(picked)]


def write_mix(rows: list[MixRow], out: Path) -> None:
    """Write rows as LLaVA conversations with a ``source`` each."""
    data = [
        {
            "id": f"{row.source}/{row.id}",
            "source": row.source,
            "image": str(row.image),
            "conversations": [
                {"from": speaker, "value": f"<image>\n{text}" if place == 0 else text}
                for place, (speaker, text) in enumerate(
                    (who, words)
                    for turn in row.turns
                    for who, words in zip(("human", "gpt"), turn, strict=True)
                )
            ],
        }
        for row in rows
    ]
    out.write_text(json.dumps(data, indent=1, ensure_ascii=False), encoding="utf-8")
