"""Answers as rows of JSON: one shape for `ask --json`, `batch` and `assess`."""

from __future__ import annotations

from typing import Any

from iqa_spider.core import Answer
from iqa_spider.regions import encode_rle

__all__ = ["answer_record", "error_record"]


def answer_record(answer: Answer, id: str | int | None = None) -> dict[str, Any]:
    """All of an answer; mask as COCO RLE, point as [x, y], both in pixels of the displayed picture."""
    point = answer.point
    record: dict[str, Any] = {
        "id": id,
        "text": answer.text,
        "task": str(answer.task),
        "distortions": [str(category) for category in answer.distortions],
        "severities": {str(c): s for c, s in answer.severities.items()},
        "mask": None if answer.mask is None else encode_rle(answer.mask),
        "point": None if point is None else [round(point.x, 2), round(point.y, 2)],
        "terms": answer.terms,
        "whole_image": answer.whole_image,
        "level": None if answer.level is None else str(answer.level),
        "score": None if answer.score is None else round(answer.score, 2),
        "seconds": {key: round(value, 3) for key, value in answer.seconds.items()},
        "error": None,
    }
    return record


def error_record(id: str | int | None, message: str) -> dict[str, Any]:
    """The row of a request that could not be answered: null fields and the reason."""
    names = "text task mask point terms whole_image level score seconds".split()
    empty: dict[str, Any] = dict.fromkeys(names)
    return {"id": id, **empty, "distortions": [], "severities": {}, "error": message}
