"""Q-Ground-Test: where in a picture is each of five distortions?

Data folder: ``images/``, ``masks/``, ``test.json`` (``--split`` names another list) and, where the copy is
spelled otherwise, ``format.yaml`` with the fields of `QGroundFormat`. One question a picture and class it has.
The paper gives no formula of its mIoU: the mean over questions (gIoU) and cIoU are both reported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from iqa_spider.dataset.outside import QGroundFormat, QGroundRow, read_qground
from iqa_spider.evaluation.bench.benchmark import Benchmark
from iqa_spider.evaluation.bench.items import Item, ItemScore, Reply
from iqa_spider.evaluation.benchmarks.paper import TABLE_5
from iqa_spider.evaluation.judges import Verdict
from iqa_spider.evaluation.metrics import Metric, Pool, overlap
from iqa_spider.regions import decode_rle, encode_rle
from iqa_spider.tasks import terms_of

__all__ = ["QGROUND"]

QUESTION: Final = "Find the region with the strongest {label}."


def _read(data: Path, split: str) -> list[Item]:
    spelled = data / "format.yaml"
    form = QGroundFormat.load(spelled) if spelled.exists() else QGroundFormat()
    rows = read_qground(data, f"{split}.json", form)
    return [item for row in rows for item in _items(row, form, data)]


def _items(row: QGroundRow, form: QGroundFormat, data: Path) -> list[Item]:
    items = []
    for label in form.classes:
        mask = row.mask_of(label)
        if mask is None:
            continue
        share = float(mask.mean())
        size = "small" if share < 0.05 else "large" if share > 0.2 else "medium"
        items.append(
            Item(
                id=f"{row.id}:{label}",
                image=row.image.relative_to(data).as_posix(),
                photo=row.image.name,
                kind="grounding",
                question=QUESTION.format(label=label),
                truth={"mask": encode_rle(np.asarray(mask, bool))},
                wants_mask=True,
                slices={
                    "class": (label,),
                    "position": (" ".join(terms_of(mask)),),
                    "region size": (size,),
                },
            )
        )
    return items


def _score(
    item: Item, reply: Reply, abilities: frozenset[str], verdict: Verdict | None
) -> ItemScore:
    if "mask" not in abilities:
        return ItemScore()
    truth = decode_rle(item.truth["mask"])
    found = np.zeros_like(truth) if reply.mask is None else decode_rle(reply.mask)
    if found.shape != truth.shape:
        found = np.zeros_like(truth)
    inter, union = overlap(found, truth)
    unparsed = None if reply.mask is not None else "the answer has no mask"
    return ItemScore(
        {"iou": (inter / union,), "ciou": (float(inter), float(union))}, unparsed=unparsed
    )


QGROUND: Final = Benchmark(
    name="qground",
    metrics=(
        Metric("iou", "mIoU", meaning="mean over questions (gIoU); no mask is an IoU of 0"),
        Metric("ciou", "cIoU", pool=Pool.RATIO, meaning="intersections over unions, in pixels"),
    ),
    tables=(TABLE_5,),
    read=_read,
    score=_score,
    sliced=("iou", "ciou"),
    groups={
        "position": "Quarter of the middle of the region's box.",
        "region size": "Share of the picture: small below 5 %, large above 20 %.",
    },
)
