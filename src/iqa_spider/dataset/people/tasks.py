"""Tasks for Label Studio. Pictures travel inside the task as data URLs, so that a server needs no storage.

Photos keep their bytes; a picture of the set that has a region to show gets it outlined on a lossless copy.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from iqa_spider.core import ConfigError, DatasetError, Sample, generator, open_picture
from iqa_spider.dataset.engines import Engine, LocalEngine, in_order
from iqa_spider.dataset.sources import PhotoSource
from iqa_spider.regions import decode_rle

__all__ = ["annotation_tasks", "choose_samples", "rating_tasks"]

Task = dict[str, Any]
_TYPES: Final = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp", ".bmp": "bmp"}
OUTLINE: Final = (255, 0, 255)


def annotation_tasks(
    photos: Sequence[PhotoSource], *, prefix: str | None = None, engine: Engine | None = None
) -> list[Task]:
    """One task a photo; with ``prefix`` the picture is named by ``prefix + file name`` instead of sent.

    Raises:
        DatasetError: a photo is not in a form that a browser shows.
    """
    return list(in_order(engine or LocalEngine(), partial(_annotation_task, prefix), photos))


def _annotation_task(prefix: str | None, photo: PhotoSource) -> Task:
    path = Path(photo.path)
    image = _data_url(path) if prefix is None else prefix + path.name
    height, width = open_picture(path).shape[:2]
    data = {"image": image, "photo": photo.id, "split": photo.split}
    return {"data": data | {"width": width, "height": height}}


def _data_url(path: Path) -> str:
    kind = _TYPES.get(path.suffix.lower())
    if kind is None:
        raise DatasetError(f"{path}: browsers do not show {path.suffix}; save it as JPEG or PNG")
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def choose_samples(samples: Sequence[Sample], share: float, seed: int) -> list[Sample]:
    """A share of the samples, the same of every task, sub-task and split; at least one of each."""
    if not 0 < share <= 1:
        raise ConfigError(f"--share is {share}, expected more than 0, up to 1")
    strata: dict[str, list[int]] = defaultdict(list)
    for place, sample in enumerate(samples):
        strata[f"{sample.split}/{sample.task}/{sample.subtask}"].append(place)
    chosen: list[int] = []
    for name, places in sorted(strata.items()):
        count = max(1, round(share * len(places)))
        order = generator(seed, "verify", name).permutation(len(places))[:count]
        chosen += [places[i] for i in order]
    return [samples[place] for place in sorted(chosen)]


def rating_tasks(folder: Path, samples: Sequence[Sample]) -> list[Task]:
    """One task a sample: the picture with the region outlined, question and answer."""
    return [
        {
            "data": {
                "image": _outlined(folder, sample),
                "sample": sample.id,
                "task": str(sample.task),
                "subtask": "" if sample.subtask is None else str(sample.subtask),
                "question": sample.question,
                "answer": sample.answer,
            }
        }
        for sample in samples
    ]


def _outlined(folder: Path, sample: Sample) -> str:
    path = folder / sample.image
    rle = sample.mask or sample.region
    if rle is None:
        return _data_url(path)
    picture = open_picture(path).copy()
    found = cv2.findContours(
        decode_rle(rle).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    cv2.drawContours(picture, found[0], -1, OUTLINE, 1)
    ok, data = cv2.imencode(".png", picture[..., ::-1])
    assert ok
    return f"data:image/png;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"
