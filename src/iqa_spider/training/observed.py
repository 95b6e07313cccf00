"""Stage 2's world: rendered pictures as the trained encoder and segmenter see them.

Regions of the question and answer are the true ones; the views are of the regions that the segmenter
proposes, with the mistakes of both networks in them. Seeing a picture costs a second, asking about it
nothing, so each is seen once and asked many times; what was seen is cached on disk.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from iqa_spider.core import (
    CheckpointError,
    Facts,
    generator,
)
from iqa_spider.dataset.facts import scene_facts
from iqa_spider.dataset.scenes import Photo, fit_photo, make_scene
from iqa_spider.models.encoder import QualityEncoder
from iqa_spider.models.segmenter import ClickNet, PocketSegmenter
from iqa_spider.models.tokens import RegionView
from iqa_spider.models.vision import PocketVision
from iqa_spider.tasks import anchor
from iqa_spider.training.symbolic import Exercise, exercise, pick_task

__all__ = [
    "ObservedScene",
    "cached_scenes",
    "observe",
    "observed_exercises",
    "trained_vision",
]


@dataclass(frozen=True, slots=True, eq=False)
class ObservedScene:
    """True facts of a rendered picture beside what `pocket` sees of it."""

    facts: Facts
    anchors: tuple[tuple[float, float], ...]
    asked: tuple[RegionView, ...]
    overall: RegionView
    views: tuple[RegionView, ...]


def observe(vision: PocketVision, photo: Photo, seed: str, size: int = 448) -> ObservedScene:
    """Render a scene of the photo and look at it."""
    rng = generator("observe", seed, photo.id)
    scene = make_scene(fit_photo(photo, size), rng, uniform=0.14, clean=0.1, variety=0.3)
    facts, masks = scene_facts(scene)
    seen = vision.open(scene.picture)
    height, width = scene.labels.shape
    points = [anchor(mask) for mask in masks]
    return ObservedScene(
        facts,
        tuple((p.x / width, p.y / height) for p in points),
        tuple(seen.view(mask, "asked") for mask in masks),
        seen.overall,
        seen.regions,
    )


def observed_exercises(scenes: Sequence[ObservedScene], *keys: str | int) -> Iterator[Exercise]:
    """An endless stream of exercises about scenes that were seen before."""
    counter = 0
    while True:
        rng = generator("observed", *keys, counter)
        counter += 1
        scene = scenes[int(rng.integers(len(scenes)))]
        for _ in range(3):
            item = exercise(scene, rng, *pick_task(rng))
            if item is not None:
                yield item


def cached_scenes(
    vision: PocketVision, photos: Sequence[Photo], folder: Path, seed: str
) -> list[ObservedScene]:
    """See every photo once, keeping each result in ``folder`` so that a killed job goes on."""
    folder.mkdir(parents=True, exist_ok=True)
    scenes = []
    for photo in photos:
        path = folder / f"{seed}-{photo.id}.pkl"
        if path.exists():
            scenes.append(pickle.loads(path.read_bytes()))
            continue
        scene = observe(vision, photo, seed)
        path.with_suffix(".tmp").write_bytes(pickle.dumps(scene))
        path.with_suffix(".tmp").rename(path)
        scenes.append(scene)
    return scenes


def trained_vision(encoder: Path, segmenter: Path) -> PocketVision:
    """Encoder and segmenter from the checkpoints of their trainings (``last.pt``)."""
    quality, net = QualityEncoder(), ClickNet()
    for module, path in ((quality, encoder), (net, segmenter)):
        if not path.exists():
            raise CheckpointError(f"{path}: no such checkpoint; train that stage first")
        module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["model"])
    return PocketVision(quality, PocketSegmenter(net))
