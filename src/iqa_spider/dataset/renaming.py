"""Other names for the regions of a sample: in its facts, its question and its answer alike."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from iqa_spider.core import Facts, Sample, generator
from iqa_spider.dataset.validate import contradictions
from iqa_spider.tasks import find_categories, parse_answer, write_answer, write_rating

__all__ = ["apply_labels", "clean_label"]

_NAME: Final = re.compile(r"[a-z]+(?:[ -][a-z]+){0,3}")
_VAGUE: Final = frozenset(
    ("unknown", "region", "area", "object", "thing", "picture", "image", "part")
)


def clean_label(reply: str) -> str | None:
    """The name in a reply, or None if it is none: too long, vague, or a word on place or quality."""
    text = reply.strip().strip(".\"'").lower()
    text = re.sub(r"^(it is |this is )?(the |an |a )?", "", text)
    if not _NAME.fullmatch(text) or text in _VAGUE or len(text) > 40:
        return None
    parsed = parse_answer(text)
    if find_categories(text) or any(parsed.terms) or parsed.whole_image or parsed.level:
        return None
    return text


def apply_labels(sample: Sample, names: dict[int, str]) -> Sample:
    """The sample with regions renamed in facts, question and answer; names by index of the region.

    The answer is written anew from the renamed facts. A name that would make it contradict them (a
    word that reads as a distortion in context) is not used.
    """
    facts = sample.facts
    regions = tuple(
        replace(region, name=names.get(index, region.name))
        for index, region in enumerate(facts.regions)
    )
    renamed = replace(facts, regions=regions)
    if renamed == facts:
        return sample
    answer = _answer(sample, renamed)
    question = _question(sample.question, facts, renamed)
    if contradictions(sample.task, sample.subtask, renamed, answer):
        return sample
    return replace(sample, facts=renamed, question=question, answer=answer)


def _answer(sample: Sample, facts: Facts) -> str:
    if "rating" in sample.tags:
        return write_rating(facts)
    return write_answer(sample.task, sample.subtask, facts, generator("labels", sample.id))


def _question(question: str, before: Facts, after: Facts) -> str:
    """Rename the region that the question speaks of; a misspelt mention stays as it is."""
    if before.region is None or after.region is None:
        return question
    pattern = re.compile(rf"\bthe {re.escape(before.region.name)}\b", re.IGNORECASE)
    return pattern.sub(f"the {after.region.name}", question)
