"""Benchmarks by name. Names and summaries are cheap; a benchmark is imported when it is used."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

from iqa_spider.core import ConfigError

if TYPE_CHECKING:
    from iqa_spider.evaluation.bench.benchmark import Benchmark

__all__ = ["BENCHMARKS", "Entry", "load_benchmark"]


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a benchmark lives, and what it is in a line."""

    module: str
    attribute: str
    summary: str


_HERE: Final = "iqa_spider.evaluation.benchmarks"

BENCHMARKS: Final[dict[str, Entry]] = {
    "spider-bench": Entry(
        f"{_HERE}.spider", "SPIDER_BENCH", "All four tasks on the test split of a built data set."
    ),
    "qbench-a1": Entry(
        f"{_HERE}.qbench", "QBENCH", "LLVisionQA-dev of Q-Bench: multiple choice, accuracy."
    ),
    "qground": Entry(
        f"{_HERE}.qground", "QGROUND", "Q-Ground-Test: masks of five distortions, mIoU and cIoU."
    ),
    "kadid10k": Entry(
        f"{_HERE}.scores", "KADID", "KADID-10K: SRCC and PLCC of four kinds of scores."
    ),
    "koniq10k": Entry(
        f"{_HERE}.scores", "KONIQ", "KonIQ-10k: SRCC and PLCC of four kinds of scores."
    ),
}


def load_benchmark(name: str) -> Benchmark:
    """The benchmark of this name."""
    if name not in BENCHMARKS:
        raise ConfigError(f"unknown benchmark {name!r}; known: {', '.join(BENCHMARKS)}")
    entry = BENCHMARKS[name]
    found: Benchmark = getattr(import_module(entry.module), entry.attribute)
    return found
