"""The option ``--baselines``."""

from __future__ import annotations

from typing import Final

__all__ = ["BASELINES", "baseline_names"]

BASELINES: Final = "majority,centre-point,full-mask,random,untrained"


def baseline_names(text: str) -> tuple[str, ...]:
    """Names by commas; "none" is no name. Raises `ConfigError` for an unknown one."""
    from iqa_spider.core import ConfigError

    names = [] if text == "none" else [name.strip() for name in text.split(",") if name.strip()]
    known = BASELINES.split(",")
    for name in names:
        if name not in known:
            raise ConfigError(f"--baselines: {name!r} is not one of {', '.join(known)}, none")
    return tuple(names)
