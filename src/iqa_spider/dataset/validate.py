"""Does a text say what is true? Used on answers an LMM wrote, and on the rows of a finished set.

A text may say less than the facts, in its own words; it may not say otherwise. What counts as said is
what `tasks.parse_answer` reads, so a reason always points at words that are there or missing.
"""

from __future__ import annotations

from collections.abc import Iterable

from iqa_spider.core import Category, Facts, Finding, Level, RegionFacts, SubTask, Task
from iqa_spider.tasks import (
    PHRASE,
    ParsedAnswer,
    ParsedRegion,
    parse_answer,
    parse_regions,
    region_level,
)

__all__ = ["contradictions"]

SEVERITY_TOLERANCE = 1
"""Words for severities overlap between people: one step off is no contradiction."""


def contradictions(
    task: Task, subtask: SubTask | None, facts: Facts, answer: str
) -> tuple[str, ...]:
    """What the answer says against the facts, one sentence each; empty if nothing."""
    parsed = parse_answer(answer)
    if parsed.reason is not None:
        return (parsed.reason,)
    if task is Task.GLOBAL:
        return tuple(_global(facts, parsed, parse_regions(answer)))
    findings = _findings(facts)
    reasons = [*_categories(findings, parsed), *_severities(findings, parsed)]
    if task is Task.GROUNDING:
        reasons += _place(facts, parsed)
    elif task is Task.LOCAL and facts.region is not None:
        reasons += _stated_place(facts.region, parsed)
        reasons += _level(region_level(facts.region.total_severity), parsed)
    if subtask is SubTask.DAO or task is Task.REFERRING:
        reasons += _order(findings, parsed)
    return tuple(reasons)


def _findings(facts: Facts) -> tuple[Finding, ...]:
    if facts.region is not None:
        return facts.region.findings
    return facts.regions[0].findings if facts.whole_image and facts.regions else ()


def _words(categories: Iterable[Category]) -> str:
    return ", ".join(PHRASE[c] for c in categories)


def _categories(findings: tuple[Finding, ...], parsed: ParsedAnswer) -> list[str]:
    true, said = [f.category for f in findings], parsed.categories
    wrong, missed = [c for c in said if c not in true], [c for c in true if c not in said]
    reasons = []
    if wrong:
        reasons.append(f"it names {_words(wrong)}, which is not there")
    if missed:
        reasons.append(f"it does not name {_words(missed)}")
    return reasons


def _severities(findings: tuple[Finding, ...], parsed: ParsedAnswer) -> list[str]:
    true = {f.category: f.severity for f in findings}
    return [
        f"it gives {PHRASE[c]} a severity of {said}, it is {true[c]} of 5"
        for c, said in parsed.severities.items()
        if c in true and abs(said - true[c]) > SEVERITY_TOLERANCE
    ]


def _order(findings: tuple[Finding, ...], parsed: ParsedAnswer) -> list[str]:
    true = tuple(f.category for f in findings)
    if parsed.ordered and set(true) == set(parsed.categories) and true != parsed.categories:
        return [f"the order is {' then '.join(PHRASE[c] for c in true)}, it says the reverse"]
    return []


def _place(facts: Facts, parsed: ParsedAnswer) -> list[str]:
    """The spatial part of a grounded answer: both terms, or the whole image."""
    if facts.whole_image:
        return [] if parsed.whole_image else ["it does not say that the whole image is meant"]
    if facts.region is None:
        return []
    if parsed.whole_image:
        return ["it says that the whole image is meant; a region is"]
    if None in parsed.terms:
        return [f"it does not place the region at the {' '.join(facts.region.terms)}"]
    return _stated_place(facts.region, parsed)


def _stated_place(region: RegionFacts, parsed: ParsedAnswer) -> list[str]:
    wrong = [s for s, t in zip(parsed.terms, region.terms, strict=True) if s not in (None, t)]
    if wrong:
        return [f"it places the region {' '.join(map(str, wrong))}; it is {' '.join(region.terms)}"]
    return []


def _level(level: Level | None, parsed: ParsedAnswer) -> list[str]:
    if level is not None and parsed.level not in (None, level):
        return [f"it calls the quality {parsed.level}; it is {level}"]
    return []


def _global(facts: Facts, parsed: ParsedAnswer, regions: list[ParsedRegion]) -> list[str]:
    reasons = _level(facts.level, parsed)
    present = {c for region in facts.regions for c in region.categories}
    wrong = [c for c in parsed.categories if c not in present]
    if wrong:
        reasons.append(f"it names {_words(wrong)}, which is nowhere in the picture")
    if present and parsed.clean:
        reasons.append("it calls the picture clean; it is not")
    for said in regions:
        reasons += _somewhere(facts, said)
    return reasons


def _somewhere(facts: Facts, said: ParsedRegion) -> list[str]:
    """A region that a description speaks of must exist: a place with a distortion that is there."""
    fitting = [
        region
        for region in facts.regions
        if facts.whole_image
        or all(s in (None, t) for s, t in zip(said.terms, region.terms, strict=True))
    ]
    there = {c for region in fitting for c in region.categories}
    wrong = [c for c in said.categories if c not in there]
    if wrong and any(said.terms):
        place = " ".join(term for term in said.terms if term)
        return [f"it puts {_words(wrong)} at the {place}, where there is none"]
    return []
