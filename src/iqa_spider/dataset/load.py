"""Read a built data set, strictly."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from iqa_spider.core import DatasetError, Sample
from iqa_spider.dataset.samples import sample_from_json

__all__ = ["read_samples", "read_samples_at", "scan_samples"]


def read_samples(folder: Path, split: str = "train") -> Iterator[Sample]:
    """Samples of a split in order.

    Raises:
        DatasetError: the split is missing, or a row is broken; names file and line.
    """
    return (sample for _, sample in scan_samples(folder, split))


def scan_samples(folder: Path, split: str) -> Iterator[tuple[int, Sample]]:
    """As `read_samples`, each with the byte at which its row starts, for `read_samples_at`."""
    path = folder / "samples" / f"{split}.jsonl"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.jsonl")))
        mend = f"the splits here are {known}" if known else "run `iqa-spider dataset build` first"
        raise DatasetError(f"{path}: no such file; {mend}")
    with path.open("rb") as file:
        start = 0
        for number, line in enumerate(file, 1):
            yield start, _sample(line, f"{path}:{number}")
            start += len(line)


def read_samples_at(folder: Path, split: str, starts: Sequence[int]) -> Iterator[Sample]:
    """The samples whose rows start at these bytes: a part of a split without the rest of it."""
    path = folder / "samples" / f"{split}.jsonl"
    with path.open("rb") as file:
        for start in starts:
            file.seek(start)
            yield _sample(file.readline(), f"{path}, byte {start}")


def _sample(line: bytes, where: str) -> Sample:
    try:
        return sample_from_json(json.loads(line))
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise DatasetError(
            f"{where}: broken row ({error}); build the set again or delete the line"
        ) from error
