"""spider-bench: the paper's own benchmark, on the test split of a data set that we built.

Judged in words: global and local (0-10), grounding (0-5). Referring: accuracy of the exact set of
distortions. Grounding: mean IoU by sub-task over questions whose answer is one region; an answer without
a mask has an IoU of 0. Facts stand beside the judge.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from iqa_spider.core import DatasetError, Facts, Sample, Task
from iqa_spider.dataset.load import read_samples
from iqa_spider.evaluation.bench.benchmark import Benchmark
from iqa_spider.evaluation.bench.items import Item, ItemScore, Reply
from iqa_spider.evaluation.benchmarks.facts import (
    FACT_METRICS,
    fact_values,
    slices_of,
    target_findings,
)
from iqa_spider.evaluation.benchmarks.paper import TABLE_1, TABLE_3
from iqa_spider.evaluation.judges import RUBRICS, Rubric, Verdict
from iqa_spider.evaluation.metrics import Metric, Pool, exact, overlap
from iqa_spider.regions import decode_rle
from iqa_spider.tasks import parse_answer

__all__ = ["SPIDER_BENCH", "item_of"]

GROUNDING: Final = ("dao-g", "hyd-g", "sid-g")
_RUBRIC: Final = {"global": "global", "local": "local", **dict.fromkeys(GROUNDING, "grounding")}

METRICS: Final = (
    *(
        Metric(f"judge-{r.name}", f"{r.name.capitalize()}, judge", (0.0, float(r.top)))
        for r in RUBRICS.values()
    ),
    Metric("short", "Referring, short", meaning="exact set of distortions; unparsed is wrong"),
    Metric("long", "Referring, long", meaning="exact set of distortions; unparsed is wrong"),
    *(Metric(f"iou-{name}", f"mIoU, {name.upper()}") for name in GROUNDING),
    Metric("iou", "mIoU, all", meaning="mean over questions; no mask is an IoU of 0"),
    Metric("ciou", "cIoU, all", pool=Pool.RATIO, meaning="intersections over unions, in pixels"),
    Metric("point", "Point inside the region", meaning="grounding; no point is a miss"),
    *FACT_METRICS,
    Metric("score-srcc", "Score, SRCC with full-reference", (-1.0, 1.0), pool=Pool.SRCC),
    Metric("score-plcc", "Score, PLCC with full-reference", (-1.0, 1.0), pool=Pool.PLCC),
)


def _kind(sample: Sample) -> str:
    if "rating" in sample.tags:
        return "rating"
    return sample.task.value if sample.subtask is None else sample.subtask.value


def _key(kind: str, facts: Facts) -> str:
    """Answers of one key count as the same for the majority baseline."""
    if kind in ("global", "rating"):
        return str(facts.level)
    names = " and ".join(sorted(str(f.category) for f in target_findings(facts)))
    place = " ".join(facts.region.terms) if facts.region else "whole"
    return (
        place if kind in GROUNDING else names if kind in ("short", "long") else f"{names} {place}"
    )


def item_of(sample: Sample) -> Item:
    """The item of a sample of the data set."""
    kind = _kind(sample)
    return Item(
        id=sample.id,
        image=sample.image,
        photo=sample.photo,
        kind=kind,
        question=sample.question,
        reference=sample.answer,
        key=_key(kind, sample.facts),
        truth=json.loads(json.dumps({"facts": sample.facts.to_json(), "mask": sample.mask})),
        region=sample.region,
        wants_mask=sample.task is Task.GROUNDING,
        slices={"question": (kind,), **slices_of(sample.facts)},
    )


def _read(data: Path, split: str) -> list[Item]:
    items = [item_of(sample) for sample in read_samples(data, split)]
    if not items:
        raise DatasetError(
            f"{data / 'samples' / split}.jsonl: no samples; build the set from more photos"
        )
    return items


def _score(
    item: Item, reply: Reply, abilities: frozenset[str], verdict: Verdict | None
) -> ItemScore:
    facts = Facts.from_json(item.truth["facts"])
    score = _text(item, reply, facts, verdict) if "text" in abilities else ItemScore()
    values, unscored = dict(score.values), dict(score.unscored)
    if item.kind in GROUNDING and item.truth["mask"] is not None:
        values |= _mask(item, reply, abilities)
        if "mask" in abilities and reply.mask is None and score.unparsed is None:
            score = replace(score, unparsed="the answer has no mask")
    if item.kind == "rating" and "score" in abilities and facts.score is not None:
        for name in ("score-srcc", "score-plcc"):
            if reply.score is None:
                unscored[name] = "the model gives no score"
            else:
                values[name] = (reply.score, facts.score)
    return replace(score, values=values, unscored=unscored)


def _text(item: Item, reply: Reply, facts: Facts, verdict: Verdict | None) -> ItemScore:
    parsed = parse_answer(reply.text)
    values, unscored = fact_values(item.kind, facts, reply.text)
    if item.kind in ("short", "long"):
        truth = [f.category for f in target_findings(facts)]
        named = exact(parsed.categories, truth) if truth else float(parsed.clean)
        values[item.kind] = (named if parsed.reason is None else 0.0,)
    if item.kind in _RUBRIC and verdict is not None:
        name = f"judge-{_RUBRIC[item.kind]}"
        if verdict.score is None:
            unscored[name] = verdict.reason
        else:
            values[name] = (verdict.score,)
    unparsed = parsed.reason
    if item.kind == "rating":
        unparsed = None if parsed.level else "the answer names no level"
    return ItemScore(values, unscored, unparsed)


def _mask(item: Item, reply: Reply, abilities: frozenset[str]) -> dict[str, tuple[float, ...]]:
    truth = decode_rle(item.truth["mask"])
    values: dict[str, tuple[float, ...]] = {}
    if "mask" in abilities:
        found = np.zeros_like(truth) if reply.mask is None else decode_rle(reply.mask)
        if found.shape != truth.shape:  # a mask of another picture marks nothing of this one
            found = np.zeros_like(truth)
        inter, union = overlap(found, truth)
        values["iou"] = values[f"iou-{item.kind}"] = (inter / union,)
        values["ciou"] = (float(inter), float(union))
    if "point" in abilities:
        values["point"] = (_hit(reply.point, truth),)
    return values


def _hit(point: tuple[float, float] | None, truth: Any) -> float:
    if point is None:
        return 0.0
    height, width = truth.shape
    x, y = min(int(point[0]), width - 1), min(int(point[1]), height - 1)
    return float(x >= 0 and y >= 0 and truth[y, x])


def _rubric(item: Item) -> Rubric | None:
    name = _RUBRIC.get(item.kind)
    return None if name is None else RUBRICS[name]


SPIDER_BENCH: Final = Benchmark(
    name="spider-bench",
    metrics=METRICS,
    tables=(TABLE_1, TABLE_3),
    read=_read,
    score=_score,
    rubric=_rubric,
    groups={
        "category": "Distortions that are truly there, of the region or the picture asked about. Where there "
        "is none, all that is named is wrong: the precision is 0 or undefined.",
        "severity": "The strongest of these distortions, 0 where there is none.",
        "region size": "Share of the picture: small below 5 %, large above 20 %.",
    },
    sliced=(
        "judge-global",
        "judge-local",
        "judge-grounding",
        "short",
        "long",
        "iou",
        "point",
        "terms",
        "precision",
        "recall",
        "severity-error",
    ),
)
