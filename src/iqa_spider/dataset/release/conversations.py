"""Conversations for fine-tuning tools: LLaVA, ShareGPT (LLaMA-Factory) and messages (ms-swift).

Pictures stay where they are: paths are relative to the data set, which the tool gets as its media folder. A
question about a region that only a mask shows ("this region") carries the region's box in thousandths of
the picture's sides, since these tools know no masks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, Final

from iqa_spider.core import Box, ConfigError, Sample
from iqa_spider.dataset.check import splits_of
from iqa_spider.dataset.engines import Engine, LocalEngine, in_order
from iqa_spider.dataset.files import replace_file, replacing
from iqa_spider.dataset.load import read_samples_at, scan_samples
from iqa_spider.dataset.release.subsets import SUBSETS, subset_of
from iqa_spider.regions import decode_rle

__all__ = ["FORMATS", "export_conversations", "question_text"]

Row = dict[str, Any]
PART: Final = 1000
"""Rows that a worker turns at a time."""


def export_conversations(
    folder: Path, out: Path, form: str, *, subset: str | None = None, engine: Engine | None = None
) -> dict[str, int]:
    """Write one file a split into ``out``; returns the number of rows of each.

    Raises:
        ConfigError: unknown format or subset.
    """
    if form not in FORMATS:
        raise ConfigError(f"--format is {form!r}, expected one of {', '.join(FORMATS)}")
    if subset not in (None, *SUBSETS):
        raise ConfigError(f"--subset is {subset!r}, expected one of {', '.join(SUBSETS)}")
    out.mkdir(parents=True, exist_ok=True)
    written = {}
    for split in splits_of(folder):
        chosen = (
            start for start, s in scan_samples(folder, split) if subset in (None, subset_of(s))
        )
        parts = list(_batched(chosen, PART))
        work = partial(_texts, folder.resolve(), form, split)
        texts = in_order(engine or LocalEngine(), work, parts)
        name = f"{form}_{split}" + (f"_{subset}" if subset else "")
        lines = form == "swift"
        with replacing(out / f"{name}.{'jsonl' if lines else 'json'}") as file:
            write_list(file, chain.from_iterable(texts), lines=lines)
        written[name] = sum(map(len, parts))
    if form == "sharegpt":
        _register(out, written)
    return written


def _batched(items: Iterable[int], size: int) -> Iterator[tuple[int, ...]]:
    left = iter(items)
    while part := tuple(islice(left, size)):
        yield part


def _texts(folder: Path, form: str, split: str, starts: tuple[int, ...]) -> list[str]:
    indent = None if form == "swift" else 1
    return [
        json.dumps(FORMATS[form](sample), indent=indent, ensure_ascii=False)
        for sample in read_samples_at(folder, split, starts)
    ]


def write_list(file: BinaryIO, texts: Iterable[str], *, lines: bool) -> None:
    """JSON values one after the other: a line each, or as the list that ``json.dumps(indent=1)`` writes."""
    if lines:
        file.writelines(f"{text}\n".encode() for text in texts)
        return
    empty = True
    for text in texts:
        # Strings of JSON hold no raw line breaks, so that whole lines can be moved in.
        moved = text.replace("\n", "\n ")
        file.write(f"{'[' if empty else ','}\n {moved}".encode())
        empty = False
    file.write(b"[]" if empty else b"\n]")


def question_text(sample: Sample) -> str:
    """The question, with the box of the region it refers to unless its words place that region."""
    region = sample.facts.region
    if sample.region is None or region is None:
        return sample.question
    if all(term in sample.question.lower() for term in region.terms):
        return sample.question
    mask = decode_rle(sample.region)
    height, width = mask.shape
    box = Box.around(mask)
    sides = (box.x0 / width, box.y0 / height, box.x1 / width, box.y1 / height)
    return f"{sample.question} Region: [{', '.join(str(round(1000 * side)) for side in sides)}]"


def _llava(sample: Sample) -> Row:
    return {"id": sample.id, "image": sample.image, "conversations": _turns(sample)}


def _sharegpt(sample: Sample) -> Row:
    return {"id": sample.id, "conversations": _turns(sample), "images": [sample.image]}


def _swift(sample: Sample) -> Row:
    user = {"role": "user", "content": f"<image>{question_text(sample)}"}
    answer = {"role": "assistant", "content": sample.answer}
    return {"id": sample.id, "messages": [user, answer], "images": [sample.image]}


def _turns(sample: Sample) -> list[dict[str, str]]:
    return [
        {"from": "human", "value": f"<image>\n{question_text(sample)}"},
        {"from": "gpt", "value": sample.answer},
    ]


def _register(out: Path, written: dict[str, int]) -> None:
    """The table by which LLaMA-Factory finds the files."""
    columns = {"messages": "conversations", "images": "images"}
    info = {
        f"iqa_spider_{name}": {
            "file_name": f"{name}.json",
            "formatting": "sharegpt",
            "columns": columns,
        }
        for name in written
    }
    replace_file(out / "dataset_info.json", json.dumps(info, indent=1).encode())


FORMATS: Final[dict[str, Callable[[Sample], Row]]] = {
    "llava": _llava,
    "sharegpt": _sharegpt,
    "swift": _swift,
}
