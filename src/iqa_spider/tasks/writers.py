"""Answers written from facts. `parsers` reads each of these phrasings back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from iqa_spider.core import (
    SEVERITY_WORDS,
    Facts,
    Finding,
    Level,
    RegionFacts,
    SubTask,
    Task,
)
from iqa_spider.tasks.phrases import EFFECTS, PHRASE

__all__ = ["CLEAN", "RATING_PREFIX", "region_level", "write_answer", "write_rating"]

CLEAN: Final = "No visible distortion"
RATING_PREFIX: Final = "The overall quality is"
"""The level word follows; scoring reads the closed set of levels at that step."""

_GROUNDING: Final = (
    "The region at the {v} {h}: the {name}, with {findings}.",
    "It is the region at the {v} {h}, the {name}, with {findings}.",
    "The area in the {v} {h}, the {name}, shows {findings}.",
)


def _one_of(options: Sequence[str], rng: np.random.Generator | None) -> str:
    return options[0] if rng is None else options[int(rng.integers(len(options)))]


def region_level(total_severity: int) -> Level:
    """Level of a region by its cumulative severity: 0, 1-2, 3-4, 5-7, more."""
    limits = (0, 2, 4, 7)
    place = next((i for i, limit in enumerate(limits) if total_severity <= limit), 4)
    return (Level.EXCELLENT, Level.GOOD, Level.FAIR, Level.POOR, Level.BAD)[place]


def _finding(finding: Finding) -> str:
    return f"{SEVERITY_WORDS[finding.severity - 1]} {PHRASE[finding.category]}"


def findings_text(findings: Sequence[Finding]) -> str:
    """``strong blur, then mild noise``: severity words, and "then" for the order."""
    return ", then ".join(_finding(f) for f in findings) or "no visible distortion"


def _effects(findings: Sequence[Finding], rng: np.random.Generator | None) -> str:
    return ", and ".join(_one_of(EFFECTS[f.category], rng) for f in findings)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _short(facts: Facts) -> str:
    region = facts.region
    findings = region.findings if region else _uniform(facts)
    if not findings:
        return f"{CLEAN}."
    return _sentence(" and ".join(PHRASE[f.category] for f in findings)) + "."


def _uniform(facts: Facts) -> tuple[Finding, ...]:
    return facts.regions[0].findings if facts.whole_image and facts.regions else ()


def _long(facts: Facts, rng: np.random.Generator | None) -> str:
    region = facts.region
    findings = region.findings if region else _uniform(facts)
    if not findings:
        return f"{CLEAN}: detail, tone and colour look intact."
    return f"{_sentence(findings_text(findings))}: {_effects(findings, rng)}."


def _grounding(facts: Facts, rng: np.random.Generator | None) -> str:
    if facts.whole_image:
        return f"The whole image: {findings_text(_uniform(facts))}."
    region = facts.region
    if region is None:
        name = PHRASE[facts.asked[0]] if facts.asked else "distortion"
        return f"No region shows {name}."
    v, h = region.terms
    pattern = _one_of(_GROUNDING, rng)
    return pattern.format(v=v, h=h, name=region.name, findings=findings_text(region.findings))


def _local(facts: Facts, rng: np.random.Generator | None) -> str:
    region = facts.region
    if region is None:
        return _global(facts, rng)
    v, h = region.terms
    start = f"The {region.name} at the {v} {h} shows {findings_text(region.findings)}"
    effects = f": {_effects(region.findings, rng)}" if region.findings else ""
    return f"{start}{effects}. Its quality is {region_level(region.total_severity)}."


def write_rating(facts: Facts) -> str:
    """The one sentence that a rating question wants."""
    return f"{RATING_PREFIX} {facts.level or Level.EXCELLENT}."


def _region_sentence(region: RegionFacts) -> str:
    v, h = region.terms
    return f"The {region.name} at the {v} {h} shows {findings_text(region.findings)}."


def _global(facts: Facts, rng: np.random.Generator | None) -> str:
    parts = [write_rating(facts)]
    if facts.whole_image:
        findings = _uniform(facts)
        if findings:
            parts.append(
                f"The whole image shows {findings_text(findings)}: {_effects(findings, rng)}."
            )
        return " ".join(parts)
    bad = sorted((r for r in facts.regions if r.findings), key=lambda r: -r.total_severity)
    if not bad:
        return f"{parts[0]} {CLEAN}: detail, tone and colour look intact."
    parts += [_region_sentence(region) for region in bad[:3]]
    parts.append("Milder flaws remain elsewhere." if len(bad) > 3 else "The rest is clean.")
    return " ".join(parts)


def write_answer(
    task: Task, subtask: SubTask | None, facts: Facts, rng: np.random.Generator | None = None
) -> str:
    """Write the answer to a question of this task; without ``rng`` in its canonical phrasing."""
    if task is Task.REFERRING:
        return _long(facts, rng) if subtask is SubTask.LONG else _short(facts)
    if task is Task.GROUNDING:
        return _grounding(facts, rng)
    return _local(facts, rng) if task is Task.LOCAL else _global(facts, rng)
