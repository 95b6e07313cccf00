"""Answer files of other models, as their own scripts write them.

Checked against the scripts of the authors: Q-Instruct and its kin append JSON objects without a line break
between them; LLaVA writes lines with ``question_id`` and ``text``; DepictQA a list or lines with ``id`` and
``text``; LISA and PixelLM save ``NAME_mask_0.jpg`` with grey 100 inside, NAME being the picture's; Sa2VA one
JSON a picture with ``caption`` and ``pred_masks`` as COCO RLE. Q-Ground has no public script: it builds on
PixelLM and is read like it. Several masks of one answer are united.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from iqa_spider.core import DatasetError, Mask, RegionError, open_picture
from iqa_spider.evaluation.bench.items import Item, Reply
from iqa_spider.evaluation.examinees.texts import region_hint
from iqa_spider.regions import decode_rle, encode_rle

__all__ = ["FORMATS", "AnswerFormat", "picture_name", "read_objects"]

Replies = dict[str, Reply]


def picture_name(item: Item) -> str:
    """File name (without suffix) of the item's own copy of its picture: what mask files are named by."""
    return re.sub(r"[^\w-]+", "_", item.id)


def read_objects(path: Path) -> list[dict[str, Any]]:
    """JSON objects of a list, of lines, or run together without any break."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as a file of answers ({error})") from error
    decoder, found, at = json.JSONDecoder(), list[Any](), 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            line = text.count("\n", 0, error.pos) + 1
            raise DatasetError(f"{path}:{line}: not JSON ({error.msg})") from error
        found += value if isinstance(value, list) else [value]
    for number, row in enumerate(found, 1):
        if not isinstance(row, dict):
            raise DatasetError(f"{path}: answer {number} is no JSON object")
    return found


def _asked(items: Sequence[Item]) -> dict[tuple[str, str], str]:
    """Ids by picture and question: as the benchmark's own file has them, or as `bench questions` wrote them.

    Two items that share both are told apart by their ids alone.
    """
    found: dict[tuple[str, str], str] = {}
    for item in items:
        told = item.question + region_hint(item.region_mask())
        own = Path(item.image)
        for question in {item.question, item.truth.get("question", item.question), told}:
            for name in {own.name, picture_name(item) + own.suffix}:
                same = found.get((name, question), item.id) == item.id
                found[name, question] = item.id if same else ""
    return found


def _rows(path: Path, items: Sequence[Item]) -> Replies:
    """Answers in words, matched by id, else by picture and question."""
    asked, known = _asked(items), {item.id for item in items}
    found: Replies = {}
    for number, row in enumerate(read_objects(path), 1):
        text = row.get("response", row.get("text"))
        if not isinstance(text, str):
            raise DatasetError(f"{path}: answer {number} has no text under 'response' or 'text'")
        id = str(row.get("question_id", row.get("id", "")))
        if id not in known:
            image = Path(str(row.get("img_path", row.get("image", ""))))
            id = asked.get((image.name, str(row.get("question", ""))), "")
        if not id:
            continue  # of an item that --limit left out, or of another split
        if id in found:
            raise DatasetError(f"{path}: answer {number}: item {id} is answered twice")
        found[id] = Reply(text=re.sub(r"</?s>|<\|im_end\|>", "", text).strip())
    if not found:
        raise DatasetError(
            f"{path}: no answer fits an item; the ids must be those of `iqa-spider bench questions`"
        )
    return found


def _mask_pictures(path: Path, items: Sequence[Item]) -> Replies:
    if not path.is_dir():
        raise DatasetError(f"{path}: is no folder; name the one with NAME_mask_0.jpg")
    files: dict[str, list[Path]] = {}
    for file in sorted(path.iterdir()):
        named = re.fullmatch(r"(.*)_mask_\d+", file.stem)
        if named:
            files.setdefault(named.group(1), []).append(file)
    found: Replies = {}
    for item in (i for i in items if i.wants_mask):
        own = files.get(picture_name(item), [])
        masks = [np.asarray(open_picture(p).max(2) >= 50) for p in own]
        found[item.id] = Reply(mask=_united(masks, path, item))
    return _some(found, path, f"NAME_mask_0.jpg, such as {next(iter(found), 'ITEM')}_mask_0.jpg")


def _mask_records(path: Path, items: Sequence[Item]) -> Replies:
    if not path.is_dir():
        raise DatasetError(f"{path}: is no folder; name the one with a JSON file a picture")
    found: Replies = {}
    for item in items:
        file = path / f"{picture_name(item)}.json"
        if not file.exists():
            continue
        rows = read_objects(file)
        if len(rows) != 1:
            raise DatasetError(f"{file}: holds {len(rows)} records, expected one")
        try:
            masks = [decode_rle(rle) for rle in rows[0]["pred_masks"]]
            text = str(rows[0]["caption"])
        except (KeyError, TypeError, RegionError) as error:
            raise DatasetError(
                f"{file}: not a record with caption and pred_masks ({error!r})"
            ) from error
        found[item.id] = Reply(text=text, mask=_united(masks, path, item))
    return _some(found, path, "ITEM.json")


def _united(masks: Sequence[Mask], path: Path, item: Item) -> dict[str, Any] | None:
    """The union; a mask in other pixels than the picture's marks nothing that could be compared."""
    if not masks:
        return None
    true = item.truth.get("mask")
    sizes = {mask.shape for mask in masks} | ({tuple(true["size"])} if true else set())
    if len(sizes) != 1:
        told = " and ".join(f"{width} x {height}" for height, width in sorted(sizes))
        raise DatasetError(
            f"{path}: masks and picture of item {item.id} differ in size ({told} pixels); save masks "
            "in the pixels of the picture as it was asked"
        )
    return encode_rle(np.logical_or.reduce(masks))


def _some(found: Replies, path: Path, what: str) -> Replies:
    if not any(reply.mask or reply.text for reply in found.values()):
        raise DatasetError(
            f"{path}: holds no {what}; names as of `iqa-spider bench questions --copies`"
        )
    return found


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """How a model's answers are read, and what they can hold."""

    read: Callable[[Path, Sequence[Item]], Replies]
    abilities: frozenset[str]
    summary: str


_WORDS: Final = AnswerFormat(_rows, frozenset(("text",)), "file of JSON objects with the answers")
_MASKS: Final = AnswerFormat(_mask_pictures, frozenset(("mask",)), "folder of NAME_mask_0.jpg")

FORMATS: Final[Mapping[str, AnswerFormat]] = {
    "q-instruct": _WORDS,
    "co-instruct": _WORDS,
    "depictqa": _WORDS,
    "q-ground": _MASKS,
    "lisa": _MASKS,
    "pixellm": _MASKS,
    "sa2va": replace(
        _WORDS, read=_mask_records, abilities=frozenset(("text", "mask")), summary="folder of JSON"
    ),
}
