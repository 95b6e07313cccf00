"""The whole account of a picture, as the report shows it."""

from __future__ import annotations

from dataclasses import dataclass

from iqa_spider.core import Answer, Box, Finding, Level, Mask

__all__ = ["Assessment", "RegionReport"]


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
