"""The default judge: compares what an answer states with the facts. No network, no chance, no cost.

Weights (shares of the full mark):

| rubric | categories (F1) | severities | places | level |
|---|---|---|---|---|
| global | 0.45 | 0.15 | 0.20 | 0.20 |
| local | 0.50 | 0.20 | 0.20 | 0.10 |
| grounding | 0.40 | 0.20 | 0.40 | - |

Severity: one minus a quarter of the error in steps, averaged over the true distortions (one not named
gives 0). Level: likewise. A part that the truth does not have (the severity of a clean picture, say)
lends its weight to the others. An answer from which nothing can be read gets 0 with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from iqa_spider.core import LEVELS, Category, Facts, Level
from iqa_spider.evaluation.judges.base import Case
from iqa_spider.evaluation.judges.rubrics import Verdict
from iqa_spider.evaluation.metrics.sets import f1
from iqa_spider.tasks import ParsedAnswer, parse_answer, parse_regions, region_level

__all__ = ["RuleJudge", "severity_errors", "true_findings"]

WEIGHTS: Final[dict[str, tuple[float, float, float, float]]] = {
    "global": (0.45, 0.15, 0.20, 0.20),
    "local": (0.50, 0.20, 0.20, 0.10),
    "grounding": (0.40, 0.20, 0.40, 0.0),
}


def true_findings(facts: Facts) -> dict[Category, tuple[int, ...]]:
    """Distortions that the answer should name, each with the severities at which it is there."""
    regions = facts.regions if facts.region is None else (facts.region,)
    found: dict[Category, tuple[int, ...]] = {}
    for finding in (f for region in regions for f in region.findings):
        found[finding.category] = (*found.get(finding.category, ()), finding.severity)
    return found


def severity_errors(parsed: ParsedAnswer, truth: dict[Category, tuple[int, ...]]) -> list[int]:
    """Steps between the stated and the nearest true severity, of each rightly named category that has one."""
    return [
        min(abs(parsed.severities[c] - severity) for severity in there)
        for c, there in truth.items()
        if c in parsed.severities
    ]


def _severity(parsed: ParsedAnswer, truth: dict[Category, tuple[int, ...]]) -> float | None:
    if not truth:
        return None
    return sum(1 - error / 4 for error in severity_errors(parsed, truth)) / len(truth)


def _place(text: str, parsed: ParsedAnswer, facts: Facts) -> float | None:
    if facts.region is not None:
        pairs = zip(parsed.terms, facts.region.terms, strict=True)
        return sum(said == true for said, true in pairs) / 2
    if facts.whole_image:
        return float(parsed.whole_image) if facts.regions else None
    told = {_name(*r.terms, c) for r in parse_regions(text) for c in r.categories}
    true = {_name(*r.terms, c) for r in facts.regions for c in r.categories}
    return f1(told, true) if true else None


def _name(vertical: str | None, horizontal: str | None, category: Category) -> str:
    return f"{vertical} {horizontal}: {category}"


def _level(parsed: ParsedAnswer, facts: Facts) -> float | None:
    true: Level | None = facts.level
    if facts.region is not None:
        true = region_level(facts.region.total_severity)
    if true is None:
        return None
    if parsed.level is None:
        return 0.0
    return 1 - abs(LEVELS.index(parsed.level) - LEVELS.index(true)) / 4


def _quantity(parsed: ParsedAnswer, truth: Iterable[Category]) -> float:
    """F1 of the categories; of a clean picture, whether the answer says that it is clean."""
    names = list(truth)
    return f1(parsed.categories, names) if names else float(parsed.clean)


class RuleJudge:
    """Follows `Judge`."""

    name = "rules"

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, "weights": {k: list(v) for k, v in WEIGHTS.items()}}

    def judge(self, cases: Iterable[Case]) -> Iterator[tuple[Case, Verdict]]:
        for case in cases:
            yield case, self.verdict(case)

    def verdict(self, case: Case) -> Verdict:
        """Score one answer from its facts."""
        if case.facts is None:
            return Verdict(None, "the item has no facts, which the rule judge needs")
        parsed = parse_answer(case.answer)
        if parsed.reason is not None:
            return Verdict(0.0, parsed.reason)
        truth = true_findings(case.facts)
        parts = (
            _quantity(parsed, truth),
            _severity(parsed, truth),
            _place(case.answer, parsed, case.facts),
            _level(parsed, case.facts),
        )
        weighed = [
            (w, p) for w, p in zip(WEIGHTS[case.rubric.name], parts, strict=True) if p is not None
        ]
        share = sum(w * p for w, p in weighed) / sum(w for w, _ in weighed)
        return Verdict(case.rubric.top * share, rounds=(case.rubric.top * share,))
