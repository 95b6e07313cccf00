"""The whole account of a picture, as the report shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iqa_spider.core import (
    Answer,
    AsksMany,
    Box,
    ConfigError,
    Finding,
    Generation,
    Level,
    Mask,
    SeenRegion,
    level_of_score,
)
from iqa_spider.tasks import parse_answer, region_level, terms_of

if TYPE_CHECKING:
    from iqa_spider.models.spider import Session

__all__ = ["Assessment", "RegionReport", "assess"]

WORST: Final = "Which part of this picture has suffered the most?"
DESCRIBE: Final = "Describe the quality of this picture in detail."
REFER: Final = "Which distortion(s) were applied to this region? Describe the effects too."


@dataclass(frozen=True, slots=True, eq=False)
class RegionReport:
    """One region: name, mask ``bool [H, W]``, positional terms, share of the picture, findings, level."""

    name: str
    mask: Mask
    box: Box
    terms: tuple[str, str]
    area: float
    findings: tuple[Finding, ...]
    quality: Level
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """Level and score (0-100) of the picture, its description, every region, and the worst one.

    ``answer`` is the model's answer to which region is worst, with point, terms and mask.
    """

    level: Level
    score: float
    levels: dict[str, float]
    description: str
    regions: tuple[RegionReport, ...]
    worst: int | None
    answer: Answer


def assess(session: Session) -> Assessment:
    """Ask an open picture for all that a report shows.

    Raises:
        ConfigError: the backbone cannot rate.
    """
    rating = session.rate()
    if rating is None:
        raise ConfigError(
            f"{session.spider.backbone.name} cannot rate pictures, which assess needs: it returns no "
            "log-probabilities; name another --model, or ask it with `iqa-spider ask`"
        )
    score, levels = rating
    answer = session.ask(WORST)
    description = session.ask(DESCRIBE, ground=False).text
    seen = session.regions()
    told = _ask_of_each(session, seen)
    regions = tuple(_report(region, said) for region, said in zip(seen, told, strict=True))
    damaged = [i for i, r in enumerate(regions) if r.findings]
    worst = max(damaged, key=lambda i: sum(f.severity for f in regions[i].findings), default=None)
    return Assessment(level_of_score(score), score, levels, description, regions, worst, answer)


def _ask_of_each(session: Session, seen: Sequence[SeenRegion]) -> list[Generation]:
    """What the model says of each region: together where it can."""
    talk, backbone = session.conversation, session.spider.backbone
    if seen and isinstance(backbone, AsksMany):
        return backbone.ask_many([(talk, REFER, region.mask) for region in seen])
    return [talk.ask(REFER, region=region.mask) for region in seen]


def _report(region: SeenRegion, said: Generation) -> RegionReport:
    parsed = parse_answer(said.text)
    findings = tuple(Finding(c, parsed.severities.get(c, 3)) for c in parsed.categories)
    return RegionReport(
        name=" ".join(region.looks),
        mask=region.mask,
        box=Box.around(region.mask),
        terms=terms_of(region.mask),
        area=float(region.mask.mean()),
        findings=findings,
        quality=region_level(sum(f.severity for f in findings)),
        text=said.text,
    )
