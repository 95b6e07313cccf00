"""Many questions about many pictures: JSON lines in, JSON lines out.

A row is on disk before the next one begins, so a killed job goes on where it stopped: rows that are
already answered are skipped, and a last line that was cut off is dropped and asked again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iqa_spider.core import Box, ConfigError, RegionError, SpiderError, open_picture
from iqa_spider.models import Session, Spider
from iqa_spider.serving.files import storage_error
from iqa_spider.serving.records import answer_record, error_record

__all__ = ["BatchSummary", "run_batch"]


@dataclass(slots=True)
class BatchSummary:
    """How many rows were answered, failed, and were there already."""

    answered: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One row; ``key`` is its place among rows with the same id, ``error`` why it cannot be asked."""

    id: str | int | None
    line: int
    image: str = ""
    question: str = ""
    box: Box | None = None
    error: str | None = None


def run_batch(
    spider: Spider,
    requests: Path,
    images: Path,
    out: Path,
    *,
    max_megapixels: float = 100.0,
    on_row: Callable[[int, int], None] = lambda done, total: None,
) -> BatchSummary:
    """Answer every request that ``out`` does not hold yet; pictures are encoded once each.

    Rows come out grouped by picture (pictures in the order of their first request).
    """
    rows = list(_read_requests(requests))
    done = _read_done(out)
    summary = BatchSummary()
    waiting = [row for row in rows if row.line not in done]
    summary.skipped = len(rows) - len(waiting)
    order: dict[str, int] = {}
    for row in waiting:
        order.setdefault(row.image, len(order))
    waiting.sort(key=lambda row: order[row.image])
    session: Session | None = None
    opened, failure = None, ""
    with _append(out) as file:
        for index, row in enumerate(waiting):
            if row.error is None and row.image != opened:
                session, failure = _open(spider, images / row.image, max_megapixels)
                opened = row.image
            record = _answer(session, failure, row)
            record["line"] = row.line
            _write(file, record, out)
            summary.failed += record["error"] is not None
            summary.answered += record["error"] is None
            on_row(index + 1, len(waiting))
    return summary


def _open(spider: Spider, path: Path, max_megapixels: float) -> tuple[Session | None, str]:
    try:
        return spider.open(open_picture(path, max_megapixels=max_megapixels)), ""
    except SpiderError as error:
        return None, str(error)


def _answer(session: Session | None, failure: str, row: Request) -> dict[str, Any]:
    if row.error is not None:
        return error_record(row.id, row.error)
    if session is None:
        return error_record(row.id, failure)
    try:
        return answer_record(session.ask(row.question, region=row.box), row.id)
    except SpiderError as error:
        return error_record(row.id, str(error))


def _read_requests(path: Path) -> Iterator[Request]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as lines of JSON ({error})") from error
    seen: set[str] = set()
    for number, line in enumerate(lines, 1):
        if line.strip():
            request = _parse(line, number)
            key = repr(request.id)
            if request.error is None and key in seen:
                request = Request(request.id, number, error=f"line {number}: id {key} stands twice")
            seen.add(key)
            yield request


def _parse(line: str, number: int) -> Request:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        return Request(None, number, error=f"line {number}: not JSON ({error.msg})")
    if not isinstance(row, dict):
        return Request(None, number, error=f"line {number}: not an object with id, image, question")
    id = row.get("id")
    for key in ("id", "image", "question"):
        if not isinstance(row.get(key), str | int) or (
            key != "id" and not isinstance(row[key], str)
        ):
            return Request(
                id, number, error=f"line {number}: {key!r} is missing or of the wrong type"
            )
    try:
        box = row.get("box")
        region = None if box is None else Box.parse(",".join(str(side) for side in box))
    except (RegionError, TypeError) as error:
        return Request(id, number, error=f"line {number}: {error}")
    return Request(id, number, row["image"], row["question"], region)


def _read_done(out: Path) -> set[int]:
    """Lines of the requests that are answered; a torn last row is cut off the file."""
    if not out.exists():
        return set()
    done, good = set(), 0
    data = out.read_bytes()
    for line in data.splitlines(keepends=True):
        try:
            done.add(int(json.loads(line)["line"]))
        except (ValueError, KeyError, TypeError):
            if good + len(line) < len(data):
                raise ConfigError(
                    f"{out}: holds rows that are not ours; name another --out"
                ) from None
            break
        if not line.endswith(b"\n"):
            done.discard(int(json.loads(line)["line"]))
            break
        good += len(line)
    if good < len(data):
        os.truncate(out, good)
    return done


def _append(out: Path) -> Any:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        return out.open("a", encoding="utf-8")
    except OSError as error:
        raise storage_error(error, out) from error


def _write(file: Any, record: dict[str, Any], out: Path) -> None:
    try:
        file.write(json.dumps(record) + "\n")
        file.flush()
        os.fsync(file.fileno())
    except OSError as error:
        raise storage_error(error, out) from error
