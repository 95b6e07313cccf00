"""Names that are known: of regions (label maps with a name for each value) and of a photo's main object.

Where the main object lies is not known, so that its name never becomes a region's: it is used where the whole
photo is spoken of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from iqa_spider.core import DatasetError, Mask, Sample, Task, generator
from iqa_spider.dataset.files import replace_file
from iqa_spider.dataset.renaming import apply_labels, clean_label
from iqa_spider.dataset.scenes import Photo, Scene
from iqa_spider.tasks import route

__all__ = ["mention_object", "name_samples", "write_regions"]

PURE: Final = 0.9
"""A region takes a name if so much of it bears the name's value (a made-up partition does not)."""

MENTIONED: Final = 0.5
"""Share of the questions on a whole photo that say what it is of, where that is known."""
_THE_PHOTO: Final = re.compile(r"\b(this|the) (picture|image|photo|photograph)\b(?! of)")


def mention_object(samples: list[Sample], name: str) -> list[Sample]:
    """Half of the global questions speak of "this photo of a tench" where that is the main object's name.

    Ratings keep their fixed wording. A name that tells of quality or place ("window screen"), or one that
    makes the router read the question as another, is not used.
    """
    label = clean_label(name.split(",")[0])
    if label is None:
        return samples
    return [_mention(sample, label) for sample in samples]


def _mention(sample: Sample, label: str) -> Sample:
    if sample.task is not Task.GLOBAL or "rating" in sample.tags:
        return sample
    if generator("object", sample.id).random() >= MENTIONED:
        return sample
    plural = label.endswith("s") and not label.endswith(("ss", "us"))
    article = "" if plural else "an " if label[0] in "aeiou" else "a "
    question = _THE_PHOTO.sub(rf"\1 \2 of {article}{label}", sample.question, count=1)
    return (
        sample if route(question) != route(sample.question) else replace(sample, question=question)
    )


def write_regions(
    folder: Path, photo: str, regions: Sequence[tuple[Mask, str]], shape: tuple[int, int]
) -> None:
    """Write ``PHOTO.png`` (``uint8 [H, W]``, 0 for what no region covers) and ``PHOTO.json`` (value -> name).

    The JSON comes last: where it is there, the photo is done.
    """
    labels = np.zeros(shape, np.uint8)
    for value, (mask, _) in enumerate(regions, 1):
        labels[mask] = value
    ok, data = cv2.imencode(".png", labels)
    assert ok
    replace_file(folder / f"{photo}.png", data.tobytes())
    names = {str(value): name for value, (_, name) in enumerate(regions, 1)}
    replace_file(folder / f"{photo}.json", json.dumps(names).encode())


def name_samples(samples: list[Sample], scene: Scene, photo: Photo, path: str) -> list[Sample]:
    """The samples of a scene with its regions called by the names at ``path``.

    ``photo`` is the one that the scene was planned on, in the scene's size, with its label map.
    """
    try:
        names = {
            int(value): str(name) for value, name in json.loads(Path(path).read_text()).items()
        }
    except (OSError, ValueError, AttributeError) as error:
        raise DatasetError(
            f"{path}: no table of names ({error}); delete it and make it again"
        ) from error
    if photo.labels is None or (scene.labels == 1).all():
        return samples
    masks = [scene.labels == index + 1 for index in range(len(scene.accumulations))]
    found = {}
    for index, mask in enumerate(mask for mask in masks if mask.mean() >= 0.01):  # as scene_facts
        values, counts = np.unique(photo.labels[mask], return_counts=True)
        best = int(values[counts.argmax()])
        if best in names and counts.max() >= PURE * counts.sum():
            found[index] = names[best]
    return [apply_labels(sample, found) for sample in samples]
