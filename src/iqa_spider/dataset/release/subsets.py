"""The two subsets of the paper and the counts of its Table 7."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iqa_spider.core import Sample, SubTask, Task
from iqa_spider.dataset.check import splits_of
from iqa_spider.dataset.load import read_samples

__all__ = ["COLUMNS", "SUBSETS", "Counts", "column_of", "count_samples", "subset_of"]

SUBSETS: Final = ("instruction", "grounding")
"""Instruction tuning {image, question, answer}, and grounding {image, question, answer, mask}."""

COLUMNS: Final = ("global", "local", "grounding", "ref short", "ref long")
"""The columns of Table 7; rating questions are counted as global."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Samples by split and column, pictures by split."""

    samples: dict[str, dict[str, int]]
    pictures: dict[str, int]

    @property
    def total(self) -> int:
        return sum(sum(row.values()) for row in self.samples.values())

    def table(self) -> str:
        """As a Markdown table like Table 7."""
        head = "| split | " + " | ".join(COLUMNS) + " | all | pictures |"
        lines = [head, "|---" * (len(COLUMNS) + 3) + "|"]
        for split, row in self.samples.items():
            cells = [*(row[name] for name in COLUMNS), sum(row.values()), self.pictures[split]]
            lines.append(f"| {split} | " + " | ".join(str(cell) for cell in cells) + " |")
        return "\n".join(lines)


def subset_of(sample: Sample) -> str:
    """The subset a sample belongs to."""
    return "grounding" if sample.task is Task.GROUNDING else "instruction"


def column_of(sample: Sample) -> str:
    """The column of Table 7 in which a sample counts."""
    if sample.task is Task.REFERRING:
        return "ref long" if sample.subtask is SubTask.LONG else "ref short"
    return str(sample.task)


def count_samples(folder: Path) -> Counts:
    """Count a set."""
    samples: dict[str, dict[str, int]] = {}
    pictures = {}
    for split in splits_of(folder):
        found: Counter[str] = Counter()
        images = set()
        for sample in read_samples(folder, split):
            found[column_of(sample)] += 1
            images.add(sample.image)
        samples[split] = {name: found[name] for name in COLUMNS}
        pictures[split] = len(images)
    return Counts(samples, pictures)
