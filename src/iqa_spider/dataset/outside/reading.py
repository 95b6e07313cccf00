"""What the loaders share: JSON lists and CSV tables read row by row; errors name file, row and mend."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from iqa_spider.core import DatasetError, SpiderError

__all__ = ["image_path", "number", "parse_rows", "read_json_rows", "read_table", "take"]

T = TypeVar("T")
Row = dict[str, Any]


def read_json_rows(path: Path) -> list[Row]:
    """Rows of a JSON list, or of JSON lines if the name ends in ``.jsonl``."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file; name the annotation file of the set") from None
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not JSON in UTF-8 ({error}); download it again") from error
    try:
        if path.suffix == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        rows = json.loads(text)
    except ValueError as error:
        raise DatasetError(f"{path}: not JSON ({error}); download it again") from error
    if not isinstance(rows, list):
        raise DatasetError(f"{path}: holds a {type(rows).__name__}, expected a list of rows")
    return rows


def read_table(path: Path, columns: Iterable[str]) -> list[dict[str, str]]:
    """Rows of a CSV file that has at least ``columns``."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                found = ", ".join(reader.fieldnames or ()) or "nothing"
                raise DatasetError(f"{path}: lacks the column {', '.join(missing)}; it has {found}")
            return list(reader)
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file; name the folder of the set") from None
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not a table in UTF-8 ({error}); save it as such") from error


def parse_rows(path: Path, rows: Iterable[Any], parse: Callable[[Row], T]) -> Iterator[T]:
    """Parse each row; anything wrong with one becomes a `DatasetError` with its number (from 1) and id."""
    for place, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise DatasetError(f"{path}: row {place} is a {type(row).__name__}, expected an object")
        name = row.get("id") or row.get("image_name") or row.get("image")
        try:
            yield parse(row)
        except KeyError as error:
            raise DatasetError(f"{path}: row {place} ({name}): no field {error}") from error
        except (ValueError, TypeError, IndexError, SpiderError) as error:
            raise DatasetError(f"{path}: row {place} ({name}): {error}") from error


def take(row: Row, key: str, kind: type[T]) -> T:
    """A field of a row if it is of the type asked for; KeyError or ValueError otherwise."""
    value = row[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{key} is {value!r}, expected {kind.__name__}")
    return value


def number(row: Row, key: str, low: float, high: float, *, why: str = "") -> float:
    """A numeric field within ``[low, high]``."""
    try:
        value = float(row[key])
    except (TypeError, ValueError):
        raise ValueError(f"{key} is {row[key]!r}, expected a number") from None
    if not low <= value <= high:
        raise ValueError(f"{key} is {value:g}, expected {low:g} to {high:g}{why}")
    return value


def image_path(folder: Path, name: str, *, check: bool) -> Path:
    """``folder / name``; with ``check`` the file must be there. Names may not leave the folder."""
    if not name or Path(name).is_absolute() or ".." in Path(name).parts:
        raise ValueError(f"image {name!r} is not a path inside {folder}")
    path = folder / name
    if check and not path.is_file():
        raise ValueError(f"{path} is missing; unpack the pictures of the set there")
    return path
