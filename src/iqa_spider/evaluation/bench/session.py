"""From names to a finished run, baselines included: what the command line calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iqa_spider.core import ConfigError, stable_seed
from iqa_spider.evaluation.bench.benchmark import Benchmark
from iqa_spider.evaluation.bench.items import Item
from iqa_spider.evaluation.bench.registry import load_benchmark
from iqa_spider.evaluation.bench.runner import RunSummary, run_benchmark
from iqa_spider.evaluation.bench.settings import RunPlan
from iqa_spider.evaluation.examinees import ExamineeOptions, make_examinee
from iqa_spider.evaluation.judges import JudgeOptions, make_judge

__all__ = ["BenchOptions", "bench", "draw_items", "model_flags", "wanted_items"]


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """Options of a run; ``baselines`` are run into ``RUN/baselines``."""

    split: str | None = None
    limit: int | None = None
    label: str = ""
    judge: str = "rules"
    judge_options: JudgeOptions = field(default_factory=JudgeOptions)
    examinee: ExamineeOptions = field(default_factory=ExamineeOptions)
    baselines: tuple[str, ...] = ()


def draw_items(items: Sequence[Item], limit: int | None) -> tuple[Item, ...]:
    """At most ``limit`` items by a hash of their ids, in their order: all kinds, and the same each time."""
    if limit is None or limit >= len(items):
        return tuple(items)
    if limit < 1:
        raise ConfigError(f"--limit must be at least 1, not {limit}")
    chosen = set(sorted((stable_seed("limit", item.id), item.id) for item in items)[:limit])
    return tuple(item for item in items if (stable_seed("limit", item.id), item.id) in chosen)


def wanted_items(
    benchmark: Benchmark, data: Path, split: str | None, limit: int | None
) -> tuple[Item, ...]:
    """The items of a run.

    Raises:
        ConfigError: no such folder, or no item in it: figures of nothing would look like a finished run.
    """
    if not data.is_dir():
        raise ConfigError(f"{data}: no such folder; --data names the data of {benchmark.name}")
    found = benchmark.read(data, split or benchmark.split)
    if not found:
        raise ConfigError(f"{data}: holds no question of {benchmark.name}; its tables are empty")
    return draw_items(found, limit)


def bench(
    name: str,
    model: str,
    data: Path,
    out: Path,
    options: BenchOptions,
    on_item: Callable[[str, int, int], None] = lambda who, done, total: None,
) -> dict[str, RunSummary]:
    """Run a benchmark for a model, then for the baselines; summaries by name, the model's first."""
    benchmark = load_benchmark(name)
    items = wanted_items(benchmark, data, options.split, options.limit)

    def run(name: str, folder: Path, label: str = "", renew: bool = False) -> RunSummary:
        plan = RunPlan(
            benchmark, data, folder, items, label, _command(benchmark, name, options), renew
        )
        return _run(plan, name, options, on_item)

    found = {model: run(model, out, options.label or _label(model))}
    for baseline in options.baselines:
        if baseline != model:
            found[baseline] = run(baseline, out / "baselines" / baseline, renew=True)
    return found


def _run(
    plan: RunPlan, model: str, options: BenchOptions, on_item: Callable[[str, int, int], None]
) -> RunSummary:
    examinee = make_examinee(model, plan.items, options.examinee)
    judge = make_judge(options.judge, options.judge_options)
    return run_benchmark(
        plan, examinee, judge, on_item=lambda done, total: on_item(model, done, total)
    )


def _command(benchmark: Benchmark, model: str, options: BenchOptions) -> str:
    """The command that makes such a run again; folders and addresses are the reader's own."""
    judge = "scripted:FILE" if options.judge.startswith("scripted:") else options.judge
    parts = [f"iqa-spider bench {benchmark.name} --data DATA --out RUN"]
    known = {
        "split": options.split,
        "limit": options.limit,
        "judge": None if judge == "rules" else judge,
    }
    parts += [f"--{name} {value}" for name, value in known.items() if value is not None]
    if judge.startswith("openai:"):
        parts += _judge_flags(options.judge_options)
    return " ".join([*parts, *model_flags(model, options.examinee)])


def _judge_flags(options: JudgeOptions) -> list[str]:
    """What decides the marks of an LMM judge, said even where it is the usual."""
    decisive = f"--judge-rounds {options.rounds} --judge-temperature {options.temperature:g}"
    return ["--judge-endpoint URL", decisive, *(["--judge-looks"] if options.look else [])]


def model_flags(model: str, options: ExamineeOptions) -> list[str]:
    """``--model`` and every option of it that is not the usual one, without the names of folders."""
    kind, _, target = model.partition(":")
    named = f"{kind}:{target.partition(':')[0]}:PATH" if kind == "answers" else _nameless(model)
    known: dict[str, Any] = {
        "endpoint": "URL" if kind == "openai" else None,
        "temperature": options.temperature,
        "checkpoint": None if options.checkpoint is None else "WEIGHTS",
        "seed": options.seed or None,
        "segmenter": _nameless(options.segmenter),
        **options.loading,
    }
    for name in ("api_key", "timeout", "retries", "concurrency"):
        known.pop(name, None)
    if known.get("adapter"):
        known["adapter"] = "ADAPTER"
    usual = {"segmenter": "pocket", "dtype": "auto", "prompt_part": "semantic"}
    return [
        f"--{name.replace('_', '-')} {value}"
        for name, value in {"model": named, **known}.items()
        if value is not None and value != usual.get(name)
    ]


def _label(model: str) -> str:
    """``KIND:FOLDER`` where the target is a folder of this machine, whose place no table has to tell."""
    kind, _, target = model.partition(":")
    return f"{kind}:{Path(target).name}" if _nameless(model) != model else ""


def _nameless(model: str) -> str:
    """``KIND:PATH`` where the target is a folder of this machine."""
    kind, _, target = model.partition(":")
    return f"{kind}:PATH" if target and Path(target).expanduser().is_dir() else model
