"""Judges by name: ``rules``, ``scripted:FILE`` and ``openai:NAME``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iqa_spider.core import ConfigError
from iqa_spider.evaluation.judges.base import Judge
from iqa_spider.evaluation.judges.rules import RuleJudge
from iqa_spider.evaluation.judges.scripted import ScriptedJudge

__all__ = ["JUDGES", "JudgeOptions", "make_judge"]


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """Options of an LMM judge; `look` sends the picture too, `structured` asks for constrained JSON."""

    endpoint: str | None = None
    api_key: str | None = None
    rounds: int = 5
    temperature: float = 0.0
    look: bool = False
    structured: bool = True


def _rules(target: str, options: JudgeOptions) -> Judge:
    return RuleJudge()


def _scripted(target: str, options: JudgeOptions) -> Judge:
    return ScriptedJudge(Path(target))


def _openai(target: str, options: JudgeOptions) -> Judge:
    from iqa_spider.evaluation.judges.lmm import LmmJudge
    from iqa_spider.models.endpoint import Endpoint

    if not target or options.endpoint is None:
        raise ConfigError("an LMM judge needs --judge openai:NAME and --judge-endpoint URL")
    if options.rounds < 1:
        raise ConfigError(f"--judge-rounds must be at least 1, not {options.rounds}")
    return LmmJudge(
        Endpoint(options.endpoint, target, api_key=options.api_key),
        rounds=options.rounds,
        temperature=options.temperature,
        look=options.look,
        structured=options.structured,
    )


JUDGES: Final[Mapping[str, Callable[[str, JudgeOptions], Judge]]] = {
    "rules": _rules,
    "scripted": _scripted,
    "openai": _openai,
}


def make_judge(spec: str, options: JudgeOptions | None = None) -> Judge:
    """The judge of this name."""
    kind, _, target = spec.partition(":")
    if kind not in JUDGES:
        raise ConfigError(f"unknown judge {spec!r}; known: rules, scripted:FILE, openai:NAME")
    return JUDGES[kind](target, options or JudgeOptions())
