"""Photos and the scenes that are made of them: a plan says what happens where, rendering does it.

Training draws scenes on the fly and forgets them; the data set stores their plans as recipes.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from iqa_spider.core import (
    Accumulation,
    ConfigError,
    Picture,
    generator,
    open_picture,
    stable_seed,
)
from iqa_spider.distortions import AccumulationPolicy, apply_region, sample_accumulation
from iqa_spider.distortions.compression import recode
from iqa_spider.regions.masks import partition, random_partition

__all__ = [
    "Photo",
    "Plan",
    "PlannedRegion",
    "Scene",
    "camera_photo",
    "crop_photo",
    "fit_photo",
    "load_photos",
    "make_scene",
    "plan_scene",
    "render",
    "scene_masks",
]


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


def camera_photo(photo: Photo, rng: np.random.Generator) -> Photo:
    """The photo as another camera or web site might have given it: recoded, a little brighter or darker.

    Nothing a viewer would call a flaw: it keeps the encoder from taking one source's habits for quality.
    """
    picture = photo.picture
    if rng.random() < 0.4:
        gain = float(rng.uniform(0.88, 1.12))
        table = np.clip(255 * (np.arange(256) / 255) ** gain, 0, 255).round().astype(np.uint8)
        picture = cv2.LUT(picture, table).astype(np.uint8)
    if rng.random() < 0.4:
        picture = recode(picture, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(78, 97))])
    return Photo(photo.id, picture, photo.labels, photo.name)


def scene_masks(photo: Photo, rng: np.random.Generator, limit: int = 6) -> list[NDArray[np.bool_]]:
    """Regions of the photo: its segmentation, or a made-up partition."""
    labels: NDArray[np.uint8] | None = photo.labels
    if labels is None or rng.random() < 0.1:
        labels = random_partition(photo.picture, rng, int(rng.integers(3, 8)))
    return partition(labels, 0.03, limit)


@dataclass(frozen=True, slots=True, eq=False)
class PlannedRegion:
    """One region of a plan; no accumulation leaves it as it is. ``feather`` softens its edge (pixels)."""

    mask: NDArray[np.bool_]
    accumulation: Accumulation | None
    feather: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is to be done to a picture. The same picture and plan give the same bytes."""

    regions: tuple[PlannedRegion, ...]
    seed: int


def plan_scene(
    photo: Photo,
    rng: np.random.Generator,
    *,
    policy: AccumulationPolicy | None = None,
    uniform: float = 0.15,
    clean: float = 0.08,
) -> Plan:
    """Draw a plan: distort 1-4 regions of the photo, or all of it (``uniform``), or nothing (``clean``)."""
    seed = int(rng.integers(1 << 62))
    draw = rng.random()
    if draw < clean:
        return Plan((), seed)
    masks = scene_masks(photo, rng)
    bad = min(len(masks), int(rng.integers(1, 5)))
    if draw < clean + uniform or not masks:
        masks, bad = [np.ones(photo.picture.shape[:2], bool)], 1
    masks = [masks[i] for i in rng.permutation(len(masks))]
    regions = [
        PlannedRegion(
            mask,
            sample_accumulation(rng, policy) if index < bad else None,
            float(rng.choice([0.0, 0.0, 1.5])),
        )
        for index, mask in enumerate(masks)
    ]
    return Plan(tuple(regions), seed)


def render(pristine: Picture, plan: Plan, *, variety: float = 0.0) -> Scene:
    """Carry out a plan; each region has its own generator, so that none depends on the others.

    ``variety`` is the share of distortions done by other means than the 35 functions (training alone).
    """
    labels = np.zeros(pristine.shape[:2], np.uint8)
    picture = pristine
    for index, region in enumerate(plan.regions):
        labels[region.mask] = index + 1
        if region.accumulation is not None:
            rng = generator(plan.seed, index)
            picture = apply_region(
                picture,
                region.mask,
                region.accumulation,
                rng,
                feather=region.feather,
                variety=variety,
            )
    return Scene(pristine, picture, labels, tuple(r.accumulation for r in plan.regions))


def make_scene(
    photo: Photo,
    rng: np.random.Generator,
    *,
    policy: AccumulationPolicy | None = None,
    uniform: float = 0.15,
    clean: float = 0.08,
    variety: float = 0.0,
) -> Scene:
    """Plan and render in one go."""
    plan = plan_scene(photo, rng, policy=policy, uniform=uniform, clean=clean)
    return render(photo.picture, plan, variety=variety)


def fit_photo(photo: Photo, size: int) -> Photo:
    """The whole photo, resized once so that its long side is ``size``."""
    height, width = photo.picture.shape[:2]
    scale = size / max(height, width)
    goal = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = cv2.resize(photo.picture, goal, interpolation=cv2.INTER_AREA).astype(np.uint8)
    labels = photo.labels
    if labels is not None:
        labels = cv2.resize(labels, goal, interpolation=cv2.INTER_NEAREST).astype(np.uint8)
    return Photo(photo.id, picture, labels, photo.name)
