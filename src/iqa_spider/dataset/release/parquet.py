"""Parquet through `datasets`: pictures embedded as they are (PNG), masks as COCO RLE.

Each file is written by itself, wherever the engine runs it, so that a worker holds one file's rows in memory
however large the set is. The rows of a picture stand together; a large dictionary page stores its bytes once
a file instead of once a question.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from iqa_spider.core import ConfigError, DatasetError, MissingExtraError, Sample
from iqa_spider.dataset.check import splits_of
from iqa_spider.dataset.engines import Engine, LocalEngine, in_order
from iqa_spider.dataset.files import replacing
from iqa_spider.dataset.load import read_samples_at, scan_samples
from iqa_spider.dataset.release.subsets import SUBSETS, subset_of
from iqa_spider.regions import decode_rle, encode_rle

if TYPE_CHECKING:
    from datasets import Dataset, Features

__all__ = ["export_parquet"]

DICTIONARY = 1 << 30
"""Bytes of distinct pictures that a file may hold before they are stored once a row."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A file: its place under ``out`` and the rows of ``split`` (bytes where they start) that go into it."""

    name: str
    split: str
    starts: tuple[int, ...]


def export_parquet(
    folder: Path, out: Path, *, rows: int = 1000, engine: Engine | None = None
) -> list[Path]:
    """Write ``out/SUBSET/SPLIT-00000-of-00003.parquet`` of both subsets; returns the files.

    Files of an earlier export that this one does not have are removed: readers take all that lie there.

    Raises:
        MissingExtraError: `datasets` is not installed.
        DatasetError: a picture of the set is missing.
    """
    if find_spec("datasets") is None:
        raise MissingExtraError("export to Parquet", "data")
    if rows < 1:
        raise ConfigError(f"--rows is {rows}, expected 1 or more")
    parts = [part for split in splits_of(folder) for part in _parts(folder, split, rows)]
    for subset in SUBSETS:
        (out / subset).mkdir(parents=True, exist_ok=True)
    work = partial(_write_part, folder.resolve(), out.resolve())
    files = [out / name for name in in_order(engine or LocalEngine(), work, parts)]
    for subset in SUBSETS:
        for path in (out / subset).glob("*-[0-9]*-of-[0-9]*.parquet"):
            if path not in files:
                path.unlink()
    return sorted(files)


def _parts(folder: Path, split: str, rows: int) -> Iterator[_Part]:
    starts: dict[str, list[int]] = {subset: [] for subset in SUBSETS}
    for start, sample in scan_samples(folder, split):
        starts[subset_of(sample)].append(start)
    for subset, found in starts.items():
        count = -(-len(found) // rows)
        for number in range(count):
            name = f"{subset}/{split}-{number:05d}-of-{count:05d}.parquet"
            yield _Part(name, split, tuple(found[number * rows : (number + 1) * rows]))


def _write_part(folder: Path, out: Path, part: _Part) -> str:
    from datasets import Dataset

    samples = read_samples_at(folder, part.split, part.starts)
    table = Dataset.from_list([_row(folder, s) for s in samples], features=_features())
    with replacing(out / part.name) as file:
        _write(table, file)
    return part.name


def _write(table: Dataset, file: BinaryIO) -> None:
    """`Dataset.to_parquet` writes pictures without a dictionary: a photo's dozen questions, a dozen times."""
    import pyarrow.parquet as pq

    plain = table.data.table.cast(table.features.arrow_schema)
    pq.write_table(
        plain,
        file,
        row_group_size=len(plain),
        compression="zstd",
        use_dictionary=True,
        dictionary_pagesize_limit=DICTIONARY,
    )


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
