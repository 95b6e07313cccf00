"""IQA-Spider: what is wrong with a picture, where, and how badly."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["Answer", "Spider", "__version__", "open_picture"]

__version__ = "0.1.0"

_HOMES = {
    "Answer": "iqa_spider.core",
    "open_picture": "iqa_spider.core",
    "Spider": "iqa_spider.models",
}


def __getattr__(name: str) -> Any:
    """Import on first use: the package itself must not cost the seconds that torch takes."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
