"""Files that are either whole or not there."""

from __future__ import annotations

import os
from pathlib import Path
from threading import get_ident

__all__ = ["replace_file"]


def replace_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; on failure the old one stays."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}")
    temporary.write_bytes(data)
    os.replace(temporary, path)
