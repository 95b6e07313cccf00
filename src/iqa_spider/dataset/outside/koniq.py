"""KonIQ-10k (Hosu et al. 2020): photos as people take them, with the votes of a crowd.

Two scales live in the tables: MOS is 1-5, the z-score runs to about 100. Both are kept apart here, and the
MOS is checked against the votes, so that one cannot stand in for the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iqa_spider.core import DatasetError
from iqa_spider.dataset.outside.reading import image_path, number, parse_rows, read_table

__all__ = ["KoniqRow", "read_koniq"]

SCORES = "koniq10k_scores_and_distributions.csv"
SETS = "koniq10k_distributions_sets.csv"
SPLITS = ("training", "validation", "test")


@dataclass(frozen=True, slots=True)
class KoniqRow:
    """One photo. ``mos`` is 1-5; ``zscore`` about 0-100; ``votes`` for 1..5; ``split`` if it is known."""

    image: Path
    mos: float
    deviation: float
    zscore: float
    votes: tuple[int, int, int, int, int]
    split: str | None


def read_koniq(
    folder: Path, *, images: str = "1024x768", check_images: bool = True
) -> Iterator[KoniqRow]:
    """Rows of the score table in order, with the official split where its table lies beside it.

    Raises:
        DatasetError: missing table or column, or a row out of form; names file and row.
    """
    path = folder / SCORES
    columns = ["image_name", "c1", "c2", "c3", "c4", "c5", "c_total", "MOS", "SD", "MOS_zscore"]
    splits = _splits(folder / SETS)

    def parse(row: dict[str, Any]) -> KoniqRow:
        c1, c2, c3, c4, c5 = (int(row[f"c{i}"]) for i in range(1, 6))
        votes = (c1, c2, c3, c4, c5)
        if min(votes) < 0 or sum(votes) != int(row["c_total"]) or not any(votes):
            raise ValueError(f"the votes {votes} do not add up to c_total {row['c_total']}")
        mos = number(row, "MOS", 1, 5, why=" (is that the z-score column?)")
        mean = sum(i * count for i, count in enumerate(votes, 1)) / sum(votes)
        if abs(mos - mean) > 0.02:
            raise ValueError(f"MOS is {mos:.3f}, the votes give {mean:.3f}")
        name = row["image_name"]
        if splits is not None and name not in splits:
            raise ValueError(f"{name} does not stand in {SETS}")
        return KoniqRow(
            image_path(folder / images, name, check=check_images),
            mos,
            number(row, "SD", 0, 3),
            number(row, "MOS_zscore", -10, 110),
            votes,
            None if splits is None else splits[name],
        )

    yield from parse_rows(path, read_table(path, columns), parse)


def _splits(path: Path) -> dict[str, str] | None:
    """Only the split is read from this table: its MOS column is on the other scale in some copies."""
    if not path.exists():
        return None
    splits = {}
    for place, row in enumerate(read_table(path, ["image_name", "set"]), 1):
        if row["set"] not in SPLITS:
            raise DatasetError(
                f"{path}: row {place}: set is {row['set']!r}, expected {', '.join(SPLITS)}"
            )
        splits[row["image_name"]] = row["set"]
    return splits
