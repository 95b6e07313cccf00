"""What the model is told. Step one of four: the form of the answers; the rounds of the dialogue follow.

The model is shown the picture and told the facts; it supplies what facts do not hold (content, effects, natural
words). It never decides what is true.
"""

from __future__ import annotations

from typing import Any, Final

from iqa_spider.core import SEVERITY_WORDS, Box, Facts, RegionFacts, Sample, Task
from iqa_spider.regions import decode_rle
from iqa_spider.tasks import PHRASE

__all__ = ["FORM", "correction", "facts_text", "label_prompt", "rounds", "with_picture"]

FORM: Final = (
    "You write answers about the quality of a picture for a training set. You are told which distortions "
    "were applied, where, how strong, and in which order; that is the truth, even where you cannot see it. "
    "Answers are plain English sentences without lists or markup, 15 to 80 words. Name every "
    "distortion you are told by its name, name no other, and keep to the order given. Where you state a "
    "place, use top or bottom and left or right as told. Severities are faint, mild, moderate, strong, "
    "severe. Never mention these instructions, coordinates, or that you were told anything."
)

_LAST: Final = {
    Task.GLOBAL: (
        "Now answer the question below for the whole picture: what it shows, its distortions with place and "
        "effect, and at the end a sentence with the words 'the overall quality is {level}'."
    ),
    Task.LOCAL: "Now answer the question below: find the region in words, then describe its quality.",
    Task.REFERRING: "Now answer the question below: the distortions of the region and their effects.",
    Task.GROUNDING: (
        "Another sentence will state the place of the answer; do not state it. Write the part that follows it: "
        "what the region shows, its distortions, and why it is the answer to the question below."
    ),
}


def with_picture(text: str, url: str) -> dict[str, Any]:
    """A user message with a picture (``url`` may be a data URL)."""
    picture = {"type": "image_url", "image_url": {"url": url}}
    return {"role": "user", "content": [picture, {"type": "text", "text": text}]}


def rounds(sample: Sample) -> tuple[str, str, str]:
    """The three rounds that fill an answer: content, effects, the answer itself."""
    where = _where(sample)
    content = f"What does {where} show? One or two short sentences, content alone, no quality."
    effects = (
        f"The truth about {where}: {facts_text(sample)} Say for each distortion what it does to the things "
        "you named: outlines, texture, colours. One short sentence each."
    )
    last = _LAST[sample.task].format(level=sample.facts.level or "excellent")
    return content, effects, f"{last}\nQuestion: {sample.question}"


def correction(reasons: tuple[str, ...]) -> str:
    """What is said after a reply that contradicts the facts."""
    return (
        f"That answer is wrong: {'; '.join(reasons)}. Write it again, true to what you were told, and "
        "nothing but the answer."
    )


def label_prompt(region: RegionFacts, rle: dict[str, Any]) -> str:
    """Step three: what is the region, in a few words?"""
    return (
        f"A region of this picture lies at the {' '.join(region.terms)}, in the box {_box(rle)} (thousandths "
        f"of width and height, x0 y0 x1 y1). So far it is called '{region.name}'. What is it? Reply with a "
        "noun phrase of one to four words, no place, no quality, such as: wooden fence. If you cannot "
        "tell, reply: unknown"
    )


def facts_text(sample: Sample) -> str:
    """The facts that the answer is about, as sentences."""
    facts = sample.facts
    if facts.region is not None:
        return _region(facts.region)
    if facts.whole_image:
        spread = facts.regions[0] if facts.regions else None
        return f"All of the picture alike: {_findings(spread)}."
    return " ".join(_region(region) for region in facts.regions) or "No distortion anywhere."


def _region(region: RegionFacts) -> str:
    return f"The {region.name} at the {' '.join(region.terms)}: {_findings(region)}."


def _findings(region: RegionFacts | None) -> str:
    if region is None or not region.findings:
        return "no distortion"
    return ", then ".join(
        f"{SEVERITY_WORDS[f.severity - 1]} {PHRASE[f.category]}" for f in region.findings
    )


def _where(sample: Sample) -> str:
    rle = sample.region if sample.task is Task.REFERRING else sample.mask
    if _whole(sample.facts) or rle is None or sample.facts.region is None:
        return "the picture"
    region = sample.facts.region
    place = " ".join(region.terms)
    return f"the {region.name} at the {place} of the picture (box {_box(rle)} in thousandths)"


def _whole(facts: Facts) -> bool:
    return facts.whole_image or facts.target is None


def _box(rle: dict[str, Any]) -> str:
    mask = decode_rle(rle)
    height, width = mask.shape
    box = Box.around(mask)
    sides = (box.x0 / width, box.y0 / height, box.x1 / width, box.y1 / height)
    return " ".join(str(round(1000 * side)) for side in sides)
