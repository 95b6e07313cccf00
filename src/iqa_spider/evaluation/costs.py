"""What a question costs: reusing a picture against reading it anew, batches, and grounding."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from iqa_spider.core import AsksMany, Picture
from iqa_spider.models import Spider

__all__ = ["QUESTIONS", "Cost", "costs_markdown", "measure_costs"]

QUESTIONS = (
    "Which region is the most degraded?",
    "Describe the quality of this picture in detail.",
    "Which distortions can be seen?",
    "Where is the blur strongest?",
    "Rate the quality of this picture.",
    "Which region was blurred first, then compressed?",
    "Is there noise in the picture, and where?",
    "Which region is the least degraded?",
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds a question, the best of the repetitions: what else the machine did is not the model's cost."""

    what: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Best of ``repeats`` runs by a clock: the wall's, or the seconds this process computed."""

    repeats: int
    clock: Callable[[], float]

    def __call__(self, run: Callable[[], Any]) -> float:
        times = []
        for _ in range(self.repeats):
            start = self.clock()
            run()
            times.append(self.clock() - start)
        return min(times)


def measure_costs(
    spider: Spider,
    picture: Picture,
    *,
    max_tokens: int = 32,
    repeats: int = 3,
    cpu_time: bool = False,
) -> list[Cost]:
    """Time each way of asking the same questions about the same picture, after one pass to warm up.

    ``cpu_time`` counts the seconds this process computed: for a busy machine, and nothing on an accelerator.
    """
    time_of = Stopwatch(repeats, time.process_time if cpu_time else time.perf_counter)
    backbone, count = spider.backbone, len(QUESTIONS)

    def fresh() -> Picture:
        return picture.copy()  # some parts remember the last array they saw

    def each(talk: Any) -> None:
        for question in QUESTIONS:
            talk.ask(question, max_tokens=max_tokens)

    talk = backbone.open(fresh())
    each(talk)
    found = [
        Cost("open the picture, once", time_of(lambda: backbone.open(fresh()))),
        Cost("one by one, picture reused", time_of(lambda: each(talk)) / count),
        Cost(
            "one by one, picture read anew",
            time_of(
                lambda: [backbone.open(fresh()).ask(q, max_tokens=max_tokens) for q in QUESTIONS]
            )
            / count,
        ),
    ]
    if isinstance(backbone, AsksMany):
        requests = [(talk, question, None) for question in QUESTIONS]
        many = backbone.ask_many
        together = time_of(lambda: many(requests, max_tokens=max_tokens))
        found.append(Cost(f"{count} in one batch, picture reused", together / count))
    return [*found, *_grounding(spider, fresh(), time_of)]


def _grounding(spider: Spider, picture: Picture, time_of: Stopwatch) -> list[Cost]:
    session = spider.open(picture)
    opened = time_of(lambda: spider.segmenter.open(picture.copy()))
    session.rate(), session.segmenter
    plain = time_of(lambda: session.ask(QUESTIONS[0], ground=False))
    grounded = time_of(lambda: session.ask(QUESTIONS[0], ground=True))
    return [
        Cost("open the picture in the segmenter, once", opened),
        Cost("answer without a point and mask (up to 160 tokens)", plain),
        Cost("the same answer with them", grounded),
    ]


def costs_markdown(
    tables: Sequence[tuple[str, Sequence[Cost]]], size: tuple[int, int], command: str, note: str
) -> str:
    """A table a model; ``size`` is (width, height) of the picture, ``note`` says what the models are."""
    lines = [
        "# What a question costs",
        "",
        f"`{command}`; picture of {size[0]} x {size[1]} pixels, 32 tokens an answer where not said "
        "otherwise, best of the runs, seconds a question.",
        "",
        note,
    ]
    for name, costs in tables:
        lines += ["", f"## {name}", "", "| way of asking | seconds |", "|---|---|"]
        lines += [f"| {cost.what} | {cost.seconds:.3f} |" for cost in costs]
    return "\n".join(lines) + "\n"
