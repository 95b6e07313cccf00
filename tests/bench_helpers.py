"""A small built data set, scripted examinees, and a run in one call, for the tests of benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
from conftest import textured

from iqa_spider.dataset.build import BuildSettings, build_dataset
from iqa_spider.evaluation.bench.items import ABILITIES, Item, Reply
from iqa_spider.evaluation.bench.registry import load_benchmark
from iqa_spider.evaluation.bench.runner import run_benchmark
from iqa_spider.evaluation.bench.settings import RunPlan
from iqa_spider.evaluation.examinees.base import Answered
from iqa_spider.evaluation.judges import RuleJudge


class Scripted:
    """An examinee that answers by a function and remembers what it was asked."""

    abilities = ABILITIES

    def __init__(self, reply: Callable[[Item], Reply], name: str = "scripted") -> None:
        self.reply, self.name, self.asked = reply, name, list[str]()

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}

    def answer(self, data: Path, items: Sequence[Item]) -> Iterator[Answered]:
        for item in items:
            self.asked.append(item.id)
            yield Answered(item, self.reply(item), {"generate": 0.1 * len(self.asked)})


def truthful(item: Item) -> Reply:
    """The reference answer with the true mask, its centre of mass replaced by any inner pixel."""
    import numpy as np

    from iqa_spider.regions import decode_rle

    mask, point = item.truth["mask"], None
    if mask is not None:
        y, x = np.argwhere(decode_rle(mask))[0]
        point = (float(x) + 0.5, float(y) + 0.5)
    score = item.truth["facts"]["score"]
    return Reply(text=item.reference, mask=mask, point=point, score=score)


def execute(items, data: Path, out: Path, examinee, name: str = "spider-bench", judge=None):
    plan = RunPlan(load_benchmark(name), data, out, tuple(items), examinee.name)
    return run_benchmark(plan, examinee, judge or RuleJudge())


def build_set(photos: Path, out: Path, count: int = 8) -> Path:
    """Made-up photos, all of split test, through the real build."""
    (photos / "photos").mkdir()
    rows = ["id,source,licence,object_name,split,width,height,has_regions"]
    for seed in range(count):
        picture = textured(120, 160, seed)
        cv2.imwrite(str(photos / "photos" / f"p{seed}.jpg"), picture[..., ::-1])
        rows.append(f"p{seed},made,none,,test,160,120,0")
    (photos / "photos.csv").write_text("\n".join(rows) + "\n")
    build_dataset(photos, out, BuildSettings(seed=1, size=160))
    return out
