"""Many questions about many pictures: JSON lines in, JSON lines out.

Rows are asked in groups where the backbone can answer several together, and are on disk before the next
group begins, so a killed job goes on where it stopped: rows that are already answered are skipped, and a
last line that was cut off is dropped and asked again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iqa_spider.core import (
    AsksMany,
    Box,
    ConfigError,
    MemoryLimitError,
    RegionError,
    SpiderError,
    open_picture,
)
from iqa_spider.models import Session, Spider, ask_together
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
    together: int = 8,
    on_row: Callable[[int, int], None] = lambda done, total: None,
) -> BatchSummary:
    """Answer every request that ``out`` does not hold yet; pictures are encoded once each.

    Rows come out grouped by picture (pictures in the order of their first request). ``together`` is how
    many of them a backbone that can is asked at once; the pictures of a group are open together.
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
    size = max(1, together) if isinstance(spider.backbone, AsksMany) else 1
    desk = _Desk(spider, images, max_megapixels)
    finished = 0
    with _append(out) as file:
        for start in range(0, len(waiting), size):
            group = waiting[start : start + size]
            for row, record in zip(group, desk.answer(group), strict=True):
                record["line"] = row.line
                _write(file, record, out)
                summary.failed += record["error"] is not None
                summary.answered += record["error"] is None
                finished += 1
                on_row(finished, len(waiting))
    return summary


class _Desk:
    """Opens pictures and answers groups of rows; keeps the last picture open for the next group."""

    def __init__(self, spider: Spider, images: Path, max_megapixels: float) -> None:
        self.spider, self.images, self.max_megapixels = spider, images, max_megapixels
        self.last: tuple[str, Session] | None = None

    def answer(self, rows: list[Request]) -> list[dict[str, Any]]:
        """A record a row. Rows that do not fit into memory together are asked in two halves."""
        try:
            return self._together(rows)
        except MemoryLimitError as error:
            self.last = None
            if len(rows) == 1:
                return [error_record(rows[0].id, str(error))]
        middle = len(rows) // 2
        return [*self.answer(rows[:middle]), *self.answer(rows[middle:])]

    def _together(self, rows: list[Request]) -> list[dict[str, Any]]:
        records: dict[int, dict[str, Any]] = {}
        asked: list[tuple[int, Session]] = []
        opened = self._open({row.image for row in rows if row.error is None})
        for index, row in enumerate(rows):
            session = row.error or opened[row.image]
            if isinstance(session, str):
                records[index] = error_record(row.id, session)
            else:
                asked.append((index, session))
                self.last = (row.image, session)
        answers = ask_together([(s, rows[i].question, rows[i].box) for i, s in asked])
        for (index, _), answer in zip(asked, answers, strict=True):
            id = rows[index].id
            if isinstance(answer, SpiderError):
                records[index] = error_record(id, str(answer))
            else:
                records[index] = answer_record(answer, id)
        return [records[index] for index in range(len(rows))]

    def _open(self, names: set[str]) -> dict[str, Session | str]:
        """Each picture's session, or why it has none."""
        opened: dict[str, Session | str] = {}
        for name in sorted(names):
            if self.last is not None and self.last[0] == name:
                opened[name] = self.last[1]
                continue
            try:
                path = self.images / name
                picture = open_picture(path, max_megapixels=self.max_megapixels)
                opened[name] = self.spider.open(picture)
            except MemoryLimitError:
                raise
            except SpiderError as error:
                opened[name] = str(error)
        return opened


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
