"""Run the variants of a recipe and put them into one table.

The words are generated once an item and shared by all variants: what differs is the head alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from iqa_spider.core import (
    ConfigError,
    Generation,
    Picture,
    Segmenter,
    SpiderError,
    TextPrompted,
    open_picture,
)
from iqa_spider.evaluation.ablation.heads import GATED, HEADS, TEMPERED, Aim
from iqa_spider.evaluation.ablation.recipe import AblationRecipe, Variant
from iqa_spider.evaluation.bench.items import Item, Reply
from iqa_spider.evaluation.bench.registry import load_benchmark
from iqa_spider.evaluation.bench.report import overview_sheet, paper_sheet
from iqa_spider.evaluation.bench.runner import run_benchmark
from iqa_spider.evaluation.bench.runs import read_run
from iqa_spider.evaluation.bench.session import draw_items
from iqa_spider.evaluation.bench.settings import RunPlan
from iqa_spider.evaluation.bench.sheets import Entrant, Report, Sheet
from iqa_spider.evaluation.bench.significance import NOTE, difference_cells
from iqa_spider.evaluation.examinees.base import Answered, by_picture
from iqa_spider.evaluation.judges import RuleJudge
from iqa_spider.models import Session, Spider
from iqa_spider.regions import encode_rle
from iqa_spider.tasks import parse_answer

__all__ = ["VariantExaminee", "run_ablation"]

FIG_5 = (
    "Fig. 5 of the paper, with EVF-SAM as the text-prompted segmenter: the semantic part is the best prompt "
    "of the three and stays below text-to-point."
)


class VariantExaminee:
    """Follows `Examinee`: one head. ``told`` holds the generations that the variants share."""

    def __init__(
        self,
        spider: Spider,
        name: str,
        variant: Variant,
        weights: str,
        told: dict[str, Generation],
        worded: Segmenter | None = None,
    ) -> None:
        self.spider, self.name, self.variant = spider, name, variant
        self.weights, self.told = weights, told
        self.worded = worded if variant.head.startswith("prompted-") else None

    @property
    def abilities(self) -> frozenset[str]:
        """A head that takes a proposed region as it is makes no point, which is no miss."""
        pointless = self.variant.head.startswith(("named-", "prompted-"))
        return frozenset(("text", "mask") if pointless else ("text", "mask", "point"))

    @property
    def temperature(self) -> float:
        return self.variant.temperature or self.spider.temperature

    def describe(self) -> dict[str, Any]:
        worded = {"prompted": self.worded.name} if self.worded else {}
        return {
            **worded,
            "name": self.spider.backbone.name,
            "weights": self.weights,
            "head": self.variant.head,
            "temperature": self.temperature if self.variant.head in TEMPERED else None,
        }

    def answer(self, data: Path, items: Sequence[Item]) -> Iterator[Answered]:
        for image, group in by_picture(items):
            try:
                picture = open_picture(data / image)
                session, worded = self.spider.open(picture), self._worded(picture)
                found = [Answered(item, self._reply(session, item, worded)) for item in group]
            except SpiderError as error:
                found = [Answered(item, Reply(error=str(error))) for item in group]
            yield from found

    def _worded(self, picture: Picture) -> TextPrompted | None:
        session = None if self.worded is None else self.worded.open(picture)
        return session if isinstance(session, TextPrompted) else None

    def _reply(self, session: Session, item: Item, worded: TextPrompted | None) -> Reply:
        if item.id not in self.told:
            self.told[item.id] = session.conversation.ask(item.question)
        generation = self.told[item.id]
        if self.variant.head in GATED and parse_answer(generation.text).whole_image:
            full = np.ones((session.height, session.width), bool)
            return Reply(text=generation.text, whole_image=True, mask=encode_rle(full))
        aim = Aim(session, item, generation, self.temperature, worded)
        point, mask = HEADS[self.variant.head](aim)
        return Reply(
            text=generation.text,
            mask=None if mask is None else encode_rle(mask),
            point=None if point is None else (round(point.x, 2), round(point.y, 2)),
        )


def run_ablation(
    recipe: AblationRecipe,
    spider: Spider,
    weights: str,
    data: Path,
    out: Path,
    *,
    worded: Segmenter | None = None,
    limit: int | None = None,
    on_item: Callable[[str, int, int], None] = lambda who, done, total: None,
) -> Report:
    """Run all variants into ``out/VARIANT``, going on where an earlier call stopped; returns the table.

    ``worded`` is the text-prompted segmenter of the heads ``prompted-*``.
    """
    wanted_words = [v.head for v in recipe.variants.values() if v.head.startswith("prompted-")]
    if wanted_words and worded is None:
        raise ConfigError(
            f"{wanted_words[0]} needs a segmenter that takes words: --prompted clipseg:PATH"
        )
    benchmark = load_benchmark("spider-bench")
    wanted = [i for i in benchmark.read(data, benchmark.split) if i.kind in recipe.kinds]
    # A question whose answer is no one region has no point to be right about.
    items = draw_items([i for i in wanted if i.truth["mask"] is not None], limit)
    if not items:
        raise ConfigError(f"{data}: has no question of {', '.join(recipe.kinds)} about one region")
    told: dict[str, Generation] = {}
    for name, variant in recipe.variants.items():
        examinee = VariantExaminee(spider, name, variant, weights, told, worded)
        plan = RunPlan(benchmark, data, out / name, items, name)

        def show(done: int, total: int, name: str = name) -> None:
            on_item(name, done, total)

        run_benchmark(plan, examinee, RuleJudge(), on_item=show)
    return _report(recipe, out)


def _report(recipe: AblationRecipe, out: Path) -> Report:
    benchmark = load_benchmark("spider-bench")
    entrants = [Entrant(read_run(out / name), False) for name in recipe.variants]
    table = next(t for t in benchmark.tables if t.columns[-1].metric == "iou")
    rows = []
    for entrant in entrants[1:]:
        cells = [entrant.name]
        for name in ("iou", "point"):
            found = difference_cells(benchmark.metric(name), entrant.run, entrants[0].run)
            cells.append("-" if found is None else f"{found[0]} p {found[1]}")
        rows.append(tuple(cells))
    points = tuple(
        (e.name, str(e.run.estimate(benchmark.metric("point"))), _heads(e)) for e in entrants
    )
    lines = ["All variants share the same generated words. Intervals: 95 %, bootstrap over photos."]
    if any(v.head.startswith(("named-", "prompted-")) for v in recipe.variants.values()):
        lines.append(FIG_5)
    return Report(
        recipe.title,
        tuple(lines),
        (
            paper_sheet(benchmark, table, entrants),
            Sheet("Point inside the true region", ("variant", "share", "head"), points),
            Sheet(
                f"Minus {entrants[0].name}", ("variant", "mIoU", "point inside"), tuple(rows),
                NOTE,
            ),
            overview_sheet(entrants),
        ),
    )  # fmt: skip


def _heads(entrant: Entrant) -> str:
    model: dict[str, Any] = entrant.run.settings["model"]
    warmth = model["temperature"]
    return str(model["head"]) + ("" if warmth is None else f", temperature {warmth:g}")
