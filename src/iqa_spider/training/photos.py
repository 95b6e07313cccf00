"""Photos for training, held in memory, and the scenes that are made of them on the fly."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from iqa_spider.core import Accumulation, ConfigError, Picture, open_picture, stable_seed
from iqa_spider.distortions import AccumulationPolicy, apply_region, sample_accumulation
from iqa_spider.regions.masks import partition, random_partition

__all__ = ["Photo", "Scene", "crop_photo", "load_photos", "make_scene"]


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A pristine picture with its human segmentation (label map ``uint8 [H, W]``), if there is one."""

    id: str
    picture: Picture
    labels: NDArray[np.uint8] | None
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A rendered picture and what was done to it.

    ``labels`` is ``uint8 [H, W]``: 0 where nothing was done or no region was told apart, else the
    1-based index into ``accumulations`` (None: that region is undistorted).
    """

    pristine: Picture
    picture: Picture
    labels: NDArray[np.uint8]
    accumulations: tuple[Accumulation | None, ...]


def _read_labels(path: Path) -> NDArray[np.uint8]:
    labels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if labels is None:
        raise ConfigError(
            f"{path}: missing or not a label map; set has_regions to 0 for this photo"
        )
    return np.asarray(labels, np.uint8)


def load_photos(folder: Path, split: str, *, limit: int | None = None) -> list[Photo]:
    """Read the photos of a split from a folder with ``photos.csv``.

    ``train`` is divided by a hash of the id: ``fit`` (93 %) and ``dev`` (7 %) are its parts, so that
    choices are made without a look at ``test``.
    """
    table = folder / "photos.csv"
    if not table.exists():
        raise ConfigError(f"{table}: no such file; photos need a table id, split, has_regions")
    photos = []
    with table.open(newline="") as file:
        for row in csv.DictReader(file):
            part = "dev" if stable_seed("dev", row["id"]) % 100 < 7 else "fit"
            if split not in (row["split"], part) or (split == "fit" and row["split"] != "train"):
                continue
            if split == "dev" and row["split"] != "train":
                continue
            labels = None
            if row["has_regions"] == "1":
                labels = _read_labels(folder / "regions" / f"{row['id']}.png")
            picture = open_picture(folder / "photos" / f"{row['id']}.jpg")
            photos.append(Photo(row["id"], picture, labels, row.get("object_name", "")))
            if limit and len(photos) >= limit:
                break
    if not photos:
        raise ConfigError(f"{table}: no photo of split {split!r}")
    return photos


def crop_photo(
    photo: Photo, rng: np.random.Generator, size: int, scales: tuple[float, float] = (0.6, 1.0)
) -> Photo:
    """A random square of ``size`` pixels from the photo at a random scale, mirrored half the time."""
    height, width = photo.picture.shape[:2]
    least = size / min(height, width)
    scale = max(least, float(rng.uniform(*scales)))
    goal = (max(size, round(width * scale)), max(size, round(height * scale)))
    y, x = int(rng.integers(goal[1] - size + 1)), int(rng.integers(goal[0] - size + 1))
    flip = bool(rng.random() < 0.5)

    def take(array: NDArray[np.uint8], method: int) -> NDArray[np.uint8]:
        part = cv2.resize(array, goal, interpolation=method)[y : y + size, x : x + size]
        return np.ascontiguousarray(part[:, ::-1] if flip else part).astype(np.uint8)

    labels = None if photo.labels is None else take(photo.labels, cv2.INTER_NEAREST)
    return Photo(photo.id, take(photo.picture, cv2.INTER_AREA), labels, photo.name)


def scene_masks(photo: Photo, rng: np.random.Generator, limit: int = 6) -> list[NDArray[np.bool_]]:
    """Regions of the photo: its segmentation, or a made-up partition."""
    labels: NDArray[np.uint8] | None = photo.labels
    if labels is None or rng.random() < 0.1:
        labels = random_partition(photo.picture, rng, int(rng.integers(3, 8)))
    return partition(labels, 0.03, limit)


def make_scene(
    photo: Photo,
    rng: np.random.Generator,
    *,
    policy: AccumulationPolicy | None = None,
    uniform: float = 0.15,
    clean: float = 0.08,
    masks: Sequence[NDArray[np.bool_]] | None = None,
) -> Scene:
    """Distort 1-4 regions of the photo, or all of it (``uniform``), or nothing (``clean``)."""
    pristine = photo.picture
    labels = np.zeros(pristine.shape[:2], np.uint8)
    draw = rng.random()
    if draw < clean:
        return Scene(pristine, pristine, labels, ())
    regions = list(masks if masks is not None else scene_masks(photo, rng))
    if draw < clean + uniform or not regions:
        regions = [np.ones(pristine.shape[:2], bool)]
        bad = 1
    else:
        bad = min(len(regions), int(rng.integers(1, 5)))
        regions = [regions[i] for i in rng.permutation(len(regions))]
    picture, accumulations = pristine, []
    for index, mask in enumerate(regions):
        labels[mask] = index + 1
        accumulation = sample_accumulation(rng, policy) if index < bad else None
        accumulations.append(accumulation)
        if accumulation is not None:
            feather = float(rng.choice([0.0, 0.0, 1.5]))
            picture = apply_region(picture, mask, accumulation, rng, feather=feather)
    return Scene(pristine, picture, labels, tuple(accumulations))
