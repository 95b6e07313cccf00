"""Files that are either whole or not there."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path

from iqa_spider.core import StorageError

__all__ = ["storage_error", "write_bytes", "write_text"]

_MENDS = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EROFS: "the disk is read-only; choose another folder",
    errno.EACCES: "no permission to write; choose another folder",
    errno.ENOTDIR: "part of the path is a file, not a folder",
}


def storage_error(error: OSError, path: Path | str) -> StorageError:
    """An operating system's refusal as one line that names the file and the mend."""
    return StorageError(f"{path}: {_MENDS.get(error.errno or 0, error.strerror or str(error))}")


def write_bytes(path: Path, data: bytes) -> None:
    """Write through a temporary file beside it; on failure nothing is left.

    Raises:
        StorageError: the disk refused.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise storage_error(error, path) from error


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode("utf-8"))
