"""KADID-10K and KonIQ-10k: does the model's score follow people's?

Four ways to a score: softmax over two level words (good, poor, as Q-Bench-A3), softmax over five weighted 1-5
(as Q-Align), the level that the model writes, and the score it gives of itself. Each with SRCC and with PLCC
raw and after a logistic fit of four and five parameters.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from iqa_spider.core import LEVELS, DatasetError
from iqa_spider.dataset.outside import KADID_TYPES, read_kadid, read_koniq
from iqa_spider.evaluation.bench.benchmark import Benchmark, Column, Table
from iqa_spider.evaluation.bench.items import Closed, Item, ItemScore, Reply
from iqa_spider.evaluation.benchmarks.paper import TABLE_6
from iqa_spider.evaluation.judges import Verdict
from iqa_spider.evaluation.metrics import Metric, Pool
from iqa_spider.tasks import RATING_PREFIX, parse_answer

__all__ = ["KADID", "KONIQ", "softmax_score"]

QUESTION: Final = "Rate the quality of this picture."
WAYS: Final = {
    "five": "Softmax of 5 levels",
    "two": "Softmax of 2 levels",
    "generated": "Generated level",
    "own": "Own score",
}
_CLOSED: Final = {
    "two": Closed(RATING_PREFIX, ("poor", "good")),
    "five": Closed(RATING_PREFIX, tuple(map(str, LEVELS))),
}
_POOLS: Final = (Pool.SRCC, Pool.PLCC, Pool.PLCC_4, Pool.PLCC_5)


def softmax_score(likelihoods: dict[str, float | None], options: tuple[str, ...]) -> float | None:
    """Mean rank of the options under their softmax, 0 (all on the first) to 1; None if one is unknown."""
    values = [likelihoods.get(option) for option in options]
    known = np.array([v for v in values if v is not None], np.float64)
    if len(known) != len(options):
        return None
    shares = np.exp(known - known.max())
    return float((shares * np.arange(len(options))).sum() / shares.sum() / (len(options) - 1))


def _metrics() -> tuple[Metric, ...]:
    fits = {Pool.PLCC_4: ", 4-parameter fit", Pool.PLCC_5: ", 5-parameter fit"}
    return tuple(
        Metric(
            f"{way}-{pool.value}", f"{title}, {pool.value[:4].upper()}{fits.get(pool, '')}",
            (-1.0, 1.0), pool=pool,
        )
        for way, title in WAYS.items()
        for pool in _POOLS
    )  # fmt: skip


def _item(
    id: str, image: str, photo: str, truth: float, slices: dict[str, tuple[str, ...]]
) -> Item:
    # Fifths of the scale 1-5, for the majority answer alone; the score itself is what is compared.
    level = str(LEVELS[min(int((truth - 1) / 4 * 5), 4)])
    return Item(
        id=id, image=image, photo=photo, kind="rating", question=QUESTION,
        reference=f"{RATING_PREFIX} {level}.", key=level, truth={"score": truth}, closed=_CLOSED,
        slices=slices,
    )  # fmt: skip


def _read_kadid(data: Path, split: str) -> list[Item]:
    if split != "all":
        raise DatasetError(f"{data}: KADID-10K has no split {split!r}; leave --split out")
    return [
        _item(
            row.image.stem,
            row.image.relative_to(data).as_posix(),
            row.reference.stem,
            row.dmos,
            {
                "type": (KADID_TYPES[row.type][0],),
                "category": (str(row.category or "other"),),
                "severity": (str(row.level),),
            },
        )
        for row in read_kadid(data)
    ]


def _read_koniq(data: Path, split: str) -> list[Item]:
    rows = list(read_koniq(data))
    if split != "all" and any(row.split is None for row in rows):
        raise DatasetError(
            f"{data}: koniq10k_distributions_sets.csv, which says what belongs to {split!r}, is missing; "
            "add it, or use --split all"
        )
    found = [
        _item(row.image.stem, row.image.relative_to(data).as_posix(), row.image.stem, row.mos, {})
        for row in rows
        if split in ("all", row.split)
    ]
    if not found:
        raise DatasetError(
            f"{data}: no photo of split {split!r}; known: training, validation, test"
        )
    return found


def _score(
    item: Item, reply: Reply, abilities: frozenset[str], verdict: Verdict | None
) -> ItemScore:
    truth = item.truth["score"]
    found: dict[str, float | None] = {}
    if "closed" in abilities:
        for way, closed in item.closed.items():
            found[way] = softmax_score(reply.closed.get(way, {}), closed.options)
    unparsed = None
    if "text" in abilities:
        level = parse_answer(reply.text).level
        found["generated"] = None if level is None else float(LEVELS.index(level))
        unparsed = None if level is not None else "the answer names no level"
    if "score" in abilities:
        found["own"] = reply.score
    values: dict[str, tuple[float, ...]] = {}
    unscored: dict[str, str] = {}
    for way, value in found.items():
        for pool in _POOLS:
            if value is None:
                unscored[f"{way}-{pool.value}"] = f"no score by this way: {WAYS[way].lower()}"
            else:
                values[f"{way}-{pool.value}"] = (value, truth)
    return ItemScore(values, unscored, unparsed)


KADID: Final = Benchmark(
    name="kadid10k",
    metrics=_metrics(),
    tables=(TABLE_6,),
    read=_read_kadid,
    score=_score,
    split="all",
    sliced=("five-srcc", "own-srcc", "generated-srcc"),
)

KONIQ: Final = Benchmark(
    name="koniq10k",
    metrics=_metrics(),
    tables=(
        Table(
            "KonIQ-10k, SRCC and PLCC",
            (Column("five-srcc", "SRCC"), Column("five-plcc", "PLCC")),
            note="The paper gives no figure on KonIQ-10k.",
        ),
    ),
    read=_read_koniq,
    score=_score,
)
