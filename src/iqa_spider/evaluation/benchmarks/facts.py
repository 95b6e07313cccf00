"""Facts first: what an answer states against what is true. No judge, no chance."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from iqa_spider.core import Facts, Finding, SubTask
from iqa_spider.evaluation.judges.rules import severity_errors, true_findings
from iqa_spider.evaluation.metrics import Direction, Metric, Pool, exact, precision_recall
from iqa_spider.tasks import ParsedAnswer, parse_answer

__all__ = ["FACT_METRICS", "fact_values", "slices_of", "target_findings"]

Values = dict[str, tuple[float, ...]]
MODERATE: Final = 3
"""The middle severity: the best constant to state where nothing is known."""
_WORD: Final = re.compile(r"[a-z]+")
GROUNDING: Final = (SubTask.HYD, SubTask.SID, SubTask.DAO)

FACT_METRICS = (
    Metric(
        "precision", "Categories, precision", pool=Pool.RATIO,
        meaning="named categories that are there, all answers together",
    ),
    Metric(
        "recall", "Categories, recall", pool=Pool.RATIO,
        meaning="categories that are there and named; an unparsed answer names none",
    ),
    Metric(
        "extent", "Extent right",
        meaning="whole image or one part, in global descriptions and grounding; unparsed is wrong",
    ),
    Metric(
        "terms", "Both positional terms right",
        meaning="grounding and local answers about one region; unparsed is wrong",
    ),
    Metric(
        "severity-error", "Severity, error in steps", (0.0, 4.0), Direction.LOWER,
        meaning="mean over rightly named categories with a stated severity; others are unscored",
    ),
    Metric(
        "severity-moderate", "Severity, error of always “moderate”", (0.0, 4.0), Direction.LOWER,
        meaning="the same findings, had the answer called each of them moderate: what to beat",
        compared=False,
    ),
    Metric(
        "severity-near", "Severity within one step", pool=Pool.RATIO,
        meaning="of the same findings; always “moderate” is near all from 2 to 4",
    ),
    Metric(
        "severity-order", "Severity order of regions", pool=Pool.ORDER,
        meaning="pairs of regions of one picture put in the right order by stated totals (long referring)",
    ),
    Metric(
        "order", "Order of two distortions right",
        meaning="answers that name both distortions of a region and an order; a coin gets 0.5",
    ),
    Metric(
        "name", "Name of the region",
        meaning="grounding: words of the true name (colour, lightness, size or label) that the answer says",
    ),
    Metric(
        "level", "Level of the picture right",
        meaning="global descriptions and ratings, exact level of five; unparsed is wrong",
    ),
    Metric(
        "false-alarm", "False alarms, undistorted pictures", direction=Direction.LOWER,
        meaning="a distortion is named in the description of a picture without any; unparsed is left out",
    ),
    Metric(
        "false-alarm-region", "False alarms, undistorted regions", direction=Direction.LOWER,
        meaning="a distortion is named in referring to a region without any; unparsed is left out",
    ),
)  # fmt: skip


def target_findings(facts: Facts) -> tuple[Finding, ...]:
    """Distortions of the region asked about, in order; of a uniform picture those of the whole."""
    if facts.region is not None:
        return facts.region.findings
    return facts.regions[0].findings if facts.whole_image and facts.regions else ()


def fact_values(kind: str, facts: Facts, text: str) -> tuple[Values, dict[str, str]]:
    """Values of the fact metrics that concern this kind of question, and reasons for the missing."""
    parsed = parse_answer(text)
    if kind == "rating":
        return {"level": (_level(facts, parsed),)}, {}
    truth = true_findings(facts)
    values: Values = {}
    values["precision"], values["recall"] = precision_recall(parsed.categories, list(truth))
    regional = facts.region is not None
    if kind == "global":
        values["level"] = (_level(facts, parsed),)
        if not truth:
            values |= _alarm("false-alarm", parsed)
    if kind in ("global", *(s.value for s in GROUNDING)) and (truth or kind != "global"):
        readable = parsed.reason is None
        values["extent"] = (float(readable and parsed.whole_image == facts.whole_image),)
    if regional and kind not in ("global", "short", "long"):
        assert facts.region is not None
        values["terms"] = (exact(_named(parsed.terms), _named(facts.region.terms)),)
    if regional and kind in [s.value for s in GROUNDING]:
        values |= _name(facts, text)
    if regional and kind in ("short", "long") and not truth:
        values |= _alarm("false-alarm-region", parsed)
    return _severities(kind, facts, parsed, values)


def _alarm(name: str, parsed: ParsedAnswer) -> Values:
    """An answer from which nothing can be read raises no alarm and is not to be praised for it."""
    return {} if parsed.reason is not None else {name: (float(bool(parsed.categories)),)}


def _name(facts: Facts, text: str) -> Values:
    """Share of the words of the region's name that the answer says; none where the name is but "area"."""
    assert facts.region is not None
    said = set(_WORD.findall(text.lower()))
    name = [w for w in _WORD.findall(facts.region.name.lower()) if w != "area"]
    return {"name": (sum(word in said for word in name) / len(name),)} if name else {}


def _named(terms: tuple[str | None, str | None]) -> list[str]:
    return [f"{axis}={term}" for axis, term in zip("vh", terms, strict=True)]


def _level(facts: Facts, parsed: ParsedAnswer) -> float:
    return float(parsed.level is not None and parsed.level == facts.level)


def _severities(
    kind: str, facts: Facts, parsed: ParsedAnswer, values: Values
) -> tuple[Values, dict[str, str]]:
    unscored: dict[str, str] = {}
    truth = true_findings(facts)
    errors = severity_errors(parsed, truth)
    if errors and kind != "short":
        values["severity-error"] = (sum(errors) / len(errors),)
        values["severity-near"] = (float(sum(e <= 1 for e in errors)), float(len(errors)))
        moderate = replace(parsed, severities=dict.fromkeys(parsed.severities, MODERATE))
        usual = severity_errors(moderate, truth)
        values["severity-moderate"] = (sum(usual) / len(usual),)
    elif truth and kind != "short":
        unscored["severity-error"] = "no rightly named category has a stated severity"
    if kind == "long" and facts.region is not None:
        # An unstated severity is unknown, not zero: such an answer takes no part in the order.
        if parsed.reason is None and set(parsed.categories) == set(parsed.severities):
            stated = float(sum(parsed.severities.values()))
            values["severity-order"] = (stated, float(facts.region.total_severity))
        else:
            unscored["severity-order"] = "a named category has no stated severity"
    findings = target_findings(facts)
    if kind not in ("short", "global") and len(findings) == 2:
        pair = [f.category for f in findings]
        said = [c for c in parsed.categories if c in pair]
        if len(said) == 2 and parsed.ordered:
            values["order"] = (float(said == pair),)
        else:
            unscored["order"] = "the answer does not put the two distortions in an order"
    return values, unscored


def slices_of(facts: Facts) -> dict[str, tuple[str, ...]]:
    """Groups that an item counts in: categories, severity, position and size of its region."""
    truth = true_findings(facts)
    found: dict[str, tuple[str, ...]] = {
        "category": tuple(sorted(map(str, truth))) or ("none",),
        "severity": (str(max((s for there in truth.values() for s in there), default=0)),),
    }
    region = facts.region
    if region is None:
        extent = "undistorted" if not truth else "whole image" if facts.whole_image else "regions"
        return {**found, "extent": (extent,)}
    found["position"] = (" ".join(region.terms),)
    if region.area is not None:
        size = "small" if region.area < 0.05 else "large" if region.area > 0.2 else "medium"
        found["region size"] = (size,)
    return {**found, "extent": ("one region",)}
