"""What is run, and the ``settings.json`` that keeps one run folder to one model."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from iqa_spider.core import ConfigError
from iqa_spider.evaluation.bench.benchmark import Benchmark
from iqa_spider.evaluation.bench.items import Item
from iqa_spider.evaluation.examinees.base import Examinee
from iqa_spider.evaluation.judges import Judge
from iqa_spider.evaluation.store import digest, write_json

__all__ = ["RunPlan", "settle", "versions"]


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What is run: the items of a benchmark whose pictures lie under ``data``, into ``out``.

    ``command`` is told by reports: every figure names what made it. ``renew`` begins a folder again that
    holds another model's answers, instead of refusing it: baselines follow the items they sit for.
    """

    benchmark: Benchmark
    data: Path
    out: Path
    items: tuple[Item, ...]
    label: str = ""
    command: str = ""
    renew: bool = False


def versions() -> dict[str, str]:
    """Of everything that can change a figure."""
    found = {"python": platform.python_version()}
    for name in ("iqa-spider", "numpy", "scipy", "opencv-python-headless", "torch", "transformers"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "source"
    return found


def settle(plan: RunPlan, examinee: Examinee, judge: Judge) -> None:
    """Write the settings; refuse (or begin again) a folder that another model or benchmark has begun."""
    path = plan.out / "settings.json"
    identity = {"benchmark": plan.benchmark.name, "model": examinee.describe()}
    settings = {
        **identity,
        "label": plan.label or examinee.name,
        "command": plan.command,
        "abilities": sorted(examinee.abilities),
        "judge": judge.describe(),
        "items": len(plan.items),
        "items_digest": digest([item.to_json() for item in plan.items]),
    }
    used = [versions()]
    if path.exists():
        old = _read_settings(path)
        other = [key for key, value in identity.items() if old["settings"].get(key) != value]
        if other and not plan.renew:
            changed = _changed(old["settings"].get(other[0]), identity[other[0]])
            raise ConfigError(
                f"{path}: was begun with another {other[0]} ({changed}); name a new --out"
            )
        if other:
            for name in ("answers.jsonl", "judgements.jsonl", "timing.jsonl"):
                (plan.out / name).unlink(missing_ok=True)
        else:
            used = old["versions"] + [v for v in used if v not in old["versions"]]
    write_json(path, {"settings": settings, "versions": used})


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        data["settings"], data["versions"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: not the settings of a run; name a new --out") from error
    return data


def _changed(old: Any, new: Any) -> str:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return f"{old} before, {new} now"
    if old.get("name") != new.get("name"):
        return f"{old.get('name')} before, {new.get('name')} now"
    keys = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
    return ", ".join(
        f"{key}: {_brief(old.get(key))} before, {_brief(new.get(key))} now" for key in keys
    )


def _brief(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
