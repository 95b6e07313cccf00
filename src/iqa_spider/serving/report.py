"""The report of a picture as one self-contained page, and a table over pictures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from iqa_spider.core import SEVERITY_WORDS, Picture
from iqa_spider.models import Assessment
from iqa_spider.regions import encode_rle
from iqa_spider.serving.files import write_bytes, write_text
from iqa_spider.serving.overlay import data_uri, draw_mask, encode_png, fit
from iqa_spider.serving.records import answer_record

__all__ = ["ReportRow", "assessment_record", "write_index", "write_report"]


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A line of the table over pictures; ``error`` says why a picture has no report."""

    name: str
    page: str | None
    level: str
    score: float | None
    summary: str
    thumbnail: str | None
    error: str | None = None


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("iqa_spider.serving", "templates"), autoescape=select_autoescape()
    )


def assessment_record(name: str, assessment: Assessment) -> dict[str, Any]:
    """The assessment as JSON: the same facts as the page."""
    regions = [
        {
            "name": region.name,
            "terms": list(region.terms),
            "box": list(region.box.as_tuple()),
            "area": round(region.area, 4),
            "distortions": [
                {"category": str(f.category), "severity": f.severity} for f in region.findings
            ],
            "quality": str(region.quality),
            "text": region.text,
            "mask": encode_rle(region.mask),
        }
        for region in assessment.regions
    ]
    return {
        "image": name,
        "level": str(assessment.level),
        "score": round(assessment.score, 2),
        "levels": assessment.levels,
        "description": assessment.description,
        "regions": regions,
        "worst": assessment.worst,
        "answer": answer_record(assessment.answer),
    }


def write_report(picture: Picture, name: str, assessment: Assessment, out: Path) -> ReportRow:
    """Write ``NAME.html``, ``NAME.json`` and ``NAME.png`` (overlay) into ``out``."""
    mask, point = assessment.answer.mask, assessment.answer.point
    overlay = picture
    if mask is not None and not assessment.answer.whole_image:
        overlay = draw_mask(picture, mask, point)
    regions = [
        {
            "name": f"{r.name}, {r.terms[0]} {r.terms[1]}",
            "area": f"{r.area * 100:.0f} %",
            "findings": [
                {
                    "word": SEVERITY_WORDS[f.severity - 1],
                    "name": str(f.category),
                    "severity": f.severity,
                }
                for f in r.findings
            ],
            "quality": str(r.quality),
            "worst": i == assessment.worst,
            "thumbnail": data_uri(fit(draw_mask(picture, r.mask), 200), 85),
        }
        for i, r in enumerate(assessment.regions)
    ]
    page = _environment().get_template("report.html.j2").render(
        name=name,
        assessment=assessment,
        answer=assessment.answer,
        size=f"{picture.shape[1]} x {picture.shape[0]}",
        overlay=data_uri(fit(overlay, 1400)),
        original=data_uri(fit(picture, 1400)),
        regions=regions,
    )  # fmt: skip
    write_text(out / f"{name}.html", page)
    write_text(out / f"{name}.json", json.dumps(assessment_record(name, assessment), indent=1))
    write_bytes(out / f"{name}.png", encode_png(overlay))
    return ReportRow(
        name,
        f"{name}.html",
        str(assessment.level),
        round(assessment.score, 1),
        assessment.description,
        data_uri(fit(overlay, 240), 85),
    )


def write_index(rows: list[ReportRow], out: Path) -> Path:
    """Write ``index.html``: a table over pictures, the worst first."""
    ordered = sorted(rows, key=lambda row: (row.score is None, row.score or 0.0))
    path = out / "index.html"
    write_text(path, _environment().get_template("index.html.j2").render(rows=ordered))
    return path
