"""Files of a run: written whole, or line by line such that a killed job loses at most the line under way."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

from iqa_spider.core import DatasetError

__all__ = ["Lines", "digest", "read_lines", "write_json", "write_lines", "write_text"]


def digest(data: Any) -> str:
    """A short name of JSON data that changes with any byte of it."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def write_text(path: Path, text: str) -> None:
    """Through a temporary file beside it: the file is old or new, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, data: Any) -> None:
    write_text(path, json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True, ensure_ascii=False) + "\n"


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    write_text(path, "".join(_line(row) for row in rows))


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a finished file.

    Raises:
        DatasetError: a line is not a JSON object; names file and line.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise DatasetError(f"{path}:{number}: not JSON ({error.msg})") from error
            if not isinstance(row, dict):
                raise DatasetError(f"{path}:{number}: not a JSON object")
            yield row


class Lines:
    """A growing file of JSON lines. Opening it cuts off a last line that was torn by a kill.

    A killed process loses no line that was added, a machine without power those of the last second.
    ``sync`` waits for the disk that often; leave it out for what may be lost.
    """

    def __init__(self, path: Path, *, sync: bool = True) -> None:
        self.path, self.sync = path, sync
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            _mend(path)
        self.rows = list(read_lines(path)) if path.exists() else []
        self._file = path.open("a", encoding="utf-8")
        self._synced = float("-inf")

    def add(self, row: dict[str, Any]) -> None:
        """With the system when this returns, and on disk if the last line went there a second ago."""
        self._file.write(_line(row))
        self._file.flush()
        # Ten thousand waits for a disk take longer than the scores of as many answers.
        if self.sync and time.monotonic() - self._synced > 1:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        if self.sync:
            os.fsync(self._file.fileno())
        self._file.close()


def _mend(path: Path) -> None:
    data = path.read_bytes()
    good = data.rfind(b"\n") + 1
    if good < len(data):
        os.truncate(path, good)
