"""Parquet through `datasets`: pictures embedded as they are (PNG), masks as COCO RLE.

Rows are written file by file, so that memory holds one file's rows however large the set is. The rows of a
picture stand together, and a large dictionary page stores its bytes once a file instead of once a question.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from iqa_spider.core import DatasetError, MissingExtraError, Sample
from iqa_spider.dataset.check import splits_of
from iqa_spider.dataset.load import read_samples
from iqa_spider.dataset.release.subsets import SUBSETS, subset_of
from iqa_spider.regions import decode_rle, encode_rle

if TYPE_CHECKING:
    from datasets import Dataset, Features

__all__ = ["export_parquet"]

DICTIONARY = 1 << 30
"""Bytes of distinct pictures that a file may hold before they are stored once a row."""


def export_parquet(folder: Path, out: Path, *, rows: int = 1000) -> list[Path]:
    """Write ``out/SUBSET/SPLIT-00000-of-00003.parquet`` of both subsets; returns the files.

    Raises:
        MissingExtraError: `datasets` is not installed.
        DatasetError: a picture of the set is missing.
    """
    try:
        from datasets import Dataset
    except ImportError as error:
        raise MissingExtraError("export to Parquet", "data") from error
    files = []
    for subset in SUBSETS:
        for split in splits_of(folder):
            chosen = [s for s in read_samples(folder, split) if subset_of(s) == subset]
            parts = list(_parts(chosen, rows))
            for number, part in enumerate(parts):
                path = out / subset / f"{split}-{number:05d}-of-{len(parts):05d}.parquet"
                path.parent.mkdir(parents=True, exist_ok=True)
                table = Dataset.from_list([_row(folder, s) for s in part], features=_features())
                _write(table, path)
                files.append(path)
    return files


def _write(table: Dataset, path: Path) -> None:
    """`Dataset.to_parquet` writes pictures without a dictionary: a photo's dozen questions, a dozen times."""
    import pyarrow.parquet as pq

    plain = table.data.table.cast(table.features.arrow_schema)
    pq.write_table(
        plain,
        path,
        row_group_size=len(plain),
        compression="zstd",
        use_dictionary=True,
        dictionary_pagesize_limit=DICTIONARY,
    )


def _parts(samples: list[Sample], rows: int) -> Iterator[list[Sample]]:
    for start in range(0, len(samples), rows):
        yield samples[start : start + rows]


def _features() -> Features:
    from datasets import Features, Image, List, Value

    mask = {"size": List(Value("int32")), "counts": Value("string")}
    text = dict.fromkeys("id photo task subtask question answer facts source".split())
    columns: dict[str, Any] = {name: Value("string") for name in text}
    return Features({"image": Image(), **columns, "tags": List(Value("string")),
                     "mask": mask, "region": mask})  # fmt: skip


def _row(folder: Path, sample: Sample) -> dict[str, Any]:
    try:
        data = (folder / sample.image).read_bytes()
    except OSError as error:
        raise DatasetError(f"{folder / sample.image}: {error.strerror}; build again") from error
    return {
        "image": {"bytes": data, "path": Path(sample.image).name},
        "id": sample.id,
        "photo": sample.photo,
        "task": str(sample.task),
        "subtask": None if sample.subtask is None else str(sample.subtask),
        "question": sample.question,
        "answer": sample.answer,
        "facts": json.dumps(sample.facts.to_json()),
        "source": sample.source,
        "tags": list(sample.tags),
        "mask": _mask(folder, sample),
        "region": sample.region,
    }


def _mask(folder: Path, sample: Sample) -> dict[str, Any] | None:
    """The answer's mask; the whole picture where a grounded answer means it (as in the paper)."""
    if sample.mask is not None:
        decode_rle(sample.mask)  # a broken one must not be published
        return sample.mask
    if subset_of(sample) != "grounding":
        return None
    from PIL import Image

    with Image.open(folder / sample.image) as picture:
        width, height = picture.size
    return encode_rle(np.ones((height, width), bool))
