"""Read a built data set, strictly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from iqa_spider.core import DatasetError, Sample
from iqa_spider.dataset.samples import sample_from_json

__all__ = ["read_samples"]


def read_samples(folder: Path, split: str = "train") -> Iterator[Sample]:
    """Samples of a split in order.

    Raises:
        DatasetError: the split is missing, or a row is broken; names file and line.
    """
    path = folder / "samples" / f"{split}.jsonl"
    if not path.exists():
        raise DatasetError(f"{path}: no such file; run `iqa-spider dataset build` first")
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                yield sample_from_json(json.loads(line))
            except (KeyError, ValueError, TypeError, IndexError) as error:
                raise DatasetError(
                    f"{path}:{number}: broken row ({error}); build the set again or delete the line"
                ) from error
