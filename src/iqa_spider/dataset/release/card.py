"""The data card: what is in the set, where it comes from, how it was made, what it cannot tell."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jinja2
import yaml

from iqa_spider.core import CATEGORIES, FUNCTIONS
from iqa_spider.dataset.files import replace_file
from iqa_spider.dataset.release.subsets import SUBSETS, Counts

__all__ = ["Publication", "write_card"]

_LIMITS: Final = (
    "Distortions are synthetic: lens flare, rolling shutter and the like are absent.",
    "Names of regions without a human label are made of colour, size and place.",
    "Severities are steps of each function's parameter; equal steps of two functions need not look equal.",
    "Levels and scores come from a full-reference measure, not from people.",
)


@dataclass(frozen=True, slots=True)
class Publication:
    """What a card and Croissant say that the set itself does not know."""

    name: str = "iqa-spider"
    licence: str = "other"
    url: str = "https://arxiv.org/abs/2605.24553"
    creator: str = "The IQA-Spider founders"
    version: str = "1.0.0"
    photos: str = "not stated"
    description: str = (
        "Questions and answers about the quality of pictures with known distortions: global and local "
        "description, grounding with masks, referring."
    )
    citation: str = "IQA-Spider, arXiv 2605.24553"
    limits: tuple[str, ...] = _LIMITS


_CARD: Final = """\
---
{{ front }}---
# {{ about.name }}

{{ about.description }}

## Counts

{{ counts.table() }}

Two subsets: `instruction` {image, question, answer} holds the global, local and referring tasks; `grounding`
{image, question, answer, mask} the questions whose answer is a region. Masks are COCO RLE (`size` is
[height, width]). `facts` is JSON: regions with positional terms, distortions in the order they were
applied, severities 1-5, and for the question its target, extremum or order.

## How it was made

Photos: {{ about.photos }}. Each was resized once, divided into regions, and up to four regions (or all of the
picture, or nothing) received one distortion or an ordered pair, out of {{ categories }} categories and
{{ functions }} functions. Questions are drawn from pools; answers are written from the facts, so that each can
be parsed back to them{{ lmm }}. Splits go by photo. Settings: `{{ settings }}`.

{{ checked }}

## Limits

{% for limit in about.limits %}- {{ limit }}
{% endfor %}
## Licence

{{ about.licence }}. The pictures keep the licences of the photos that they were made from.
"""


def write_card(folder: Path, out: Path, counts: Counts, about: Publication, checked: str) -> Path:
    """Write ``out/README.md``; ``checked`` is the sentence on what `dataset check` found."""
    stats = json.loads((folder / "stats.json").read_text(encoding="utf-8"))
    written = (folder / "writing.json").exists()
    text = jinja2.Template(_CARD, keep_trailing_newline=True).render(
        front=yaml.safe_dump(_front(counts, about), sort_keys=False),
        about=about,
        counts=counts,
        categories=len(CATEGORIES),
        functions=len(FUNCTIONS),
        settings=json.dumps(stats.get("settings", {})),
        lmm=", partly in the words of a language model held to the facts" if written else "",
        checked=checked,
    )
    path = out / "README.md"
    replace_file(path, text.encode())
    return path


def _front(counts: Counts, about: Publication) -> dict[str, Any]:
    splits = list(counts.samples)
    return {
        "license": about.licence,
        "pretty_name": about.name,
        "language": ["en"],
        "task_categories": ["visual-question-answering", "image-segmentation"],
        "size_categories": [_size(counts.total)],
        "configs": [
            {
                "config_name": subset,
                "data_files": [
                    {"split": split, "path": f"{subset}/{split}-*.parquet"} for split in splits
                ],
            }
            for subset in SUBSETS
        ],
    }


def _size(total: int) -> str:
    bounds = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))
    return next((name for bound, name in bounds if total < bound), "100K<n<1M")
