"""Stage 0: the quality encoder on crops that are distorted on the fly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from iqa_spider.core import CATEGORIES, Accumulation, Category, generator
from iqa_spider.dataset.quality import quality_map
from iqa_spider.dataset.scenes import (
    Photo,
    Scene,
    camera_photo,
    crop_photo,
    fit_photo,
    load_photos,
    make_scene,
)
from iqa_spider.distortions import UNPAIRED, AccumulationPolicy
from iqa_spider.models.build import load_weights
from iqa_spider.models.encoder import CELL, Dense, QualityEncoder
from iqa_spider.training.clock import Run

__all__ = ["EncoderRecipe", "region_exact", "train_encoder"]


@dataclass(frozen=True)
class EncoderRecipe:
    """Settings of stage 0.

    ``singles`` is the share of distorted regions with one distortion. The data set's own share, a quarter,
    leaves brightening or oversharpening to one region in fifty, and teaches that no distortion comes alone.
    """

    photos: Path
    out: Path
    imagenet: Path | None = None
    start: Path | None = None
    minutes: float = 30.0
    batch: int = 12
    crop: int = 224
    variety: float = 0.4
    singles: float = 0.6
    backbone_rate: float = 4e-4
    head_rate: float = 1.2e-3
    seed: int = 0
    threads: int = 1


@dataclass(frozen=True)
class Targets:
    """Dense targets on the grid; ``weight`` is 1 where a cell lies within one region."""

    presence: Tensor
    severity: Tensor
    last: Tensor
    quality: Tensor


def scene_targets(scene: Scene) -> tuple[NDArray[np.float32], ...]:
    """Coverage, severity and last-ness a category and cell, and local quality a cell."""
    height, width = scene.labels.shape
    size = (-(-width // CELL), -(-height // CELL))
    count = len(CATEGORIES)
    presence = np.zeros((count, size[1], size[0]), np.float32)
    severity, last = presence.copy(), presence.copy()
    for index, accumulation in enumerate(scene.accumulations):
        if accumulation is None:
            continue
        cover = _pool((scene.labels == index + 1).astype(np.float32), size)
        _add(accumulation, cover, presence, severity, last)
    similarity = quality_map(scene.picture, scene.pristine)
    return presence, severity, last, _pool(similarity, size)


def _pool(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def _add(
    accumulation: Accumulation,
    cover: NDArray[np.float32],
    presence: NDArray[np.float32],
    severity: NDArray[np.float32],
    last: NDArray[np.float32],
) -> None:
    for place, distortion in enumerate(accumulation.distortions):
        c = CATEGORIES.index(distortion.category)
        presence[c] += cover
        severity[c] = np.where(cover > 0.5, distortion.severity, severity[c])
        if place == len(accumulation.distortions) - 1:
            last[c] = np.where(cover > 0.5, 1.0, last[c])


def encoder_loss(dense: Dense, targets: Targets) -> tuple[Tensor, dict[str, float]]:
    """Coverage (BCE), severity (L1 where present), last-ness (BCE where two), quality (L1)."""
    presence = F.binary_cross_entropy_with_logits(dense.presence, targets.presence)
    there = (targets.presence > 0.5).float()
    total = there.sum().clamp_min(1)
    severity = ((dense.severity - targets.severity).abs() * there).sum() / total
    two = there * (there.sum(1, keepdim=True) > 1.5)
    order = F.binary_cross_entropy_with_logits(dense.last, targets.last, reduction="none")
    last = (order * two).sum() / two.sum().clamp_min(1)
    quality = (dense.quality - targets.quality).abs().mean()
    loss = presence * 8 + severity * 0.25 + last * 0.3 + quality * 2
    parts = {
        "presence": presence.item(),
        "severity": severity.item(),
        "last": last.item(),
        "quality": quality.item(),
    }
    return loss, parts


def _batch(
    photos: list[Photo], rng: np.random.Generator, recipe: EncoderRecipe
) -> tuple[Tensor, Targets]:
    pictures, rows = [], []
    policy = AccumulationPolicy(single_share=recipe.singles, often=UNPAIRED)
    for index in rng.integers(0, len(photos), recipe.batch):
        reach = (1.0, 1.3) if rng.random() < 0.12 else (0.6, 1.0)
        photo = camera_photo(crop_photo(photos[index], rng, recipe.crop, reach), rng)
        scene = make_scene(photo, rng, policy=policy, variety=recipe.variety)
        pictures.append(torch.from_numpy(scene.picture).permute(2, 0, 1))
        rows.append(scene_targets(scene))
    columns = [torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True)]
    return torch.stack(pictures), Targets(columns[0].clamp(0, 1), *columns[1:])


def decide(scores: NDArray[np.floating], threshold: float = 0.5, limit: int = 2) -> set[Category]:
    """Categories whose mean probability passes the threshold, at most ``limit``."""
    best = np.argsort(-scores)[:limit]
    return {CATEGORIES[i] for i in best if scores[i] > threshold}


@torch.no_grad()
def region_exact(
    model: QualityEncoder,
    photos: list[Photo],
    *,
    seed: str = "dev",
    size: int = 448,
    variety: float = 0.0,
    policy: AccumulationPolicy | None = None,
) -> dict[str, float]:
    """Exact set of categories in distorted regions, order, severity, quality, on whole pictures."""
    model.eval()
    exact, gap, clean = [], [], []
    order: list[bool] = []
    severity: list[float] = []
    for photo in photos:
        rng = generator(seed, photo.id)
        scene = make_scene(fit_photo(photo, size), rng, policy=policy, clean=0.1, variety=variety)
        dense = model(torch.from_numpy(scene.picture).permute(2, 0, 1)[None])
        presence = dense.presence[0].sigmoid().numpy()
        grid = (presence.shape[2], presence.shape[1])
        predicted = float(dense.quality.mean())
        gap.append((predicted, float(quality_map(scene.picture, scene.pristine).mean())))
        if not scene.accumulations:
            clean.append(not decide(presence.mean((1, 2))))
        for index, accumulation in enumerate(scene.accumulations):
            if accumulation is None:
                continue
            cover = _pool((scene.labels == index + 1).astype(np.float32), grid)
            weight = cover**2 / max(float((cover**2).sum()), 1e-6)
            exact.append(decide((presence * weight).sum((1, 2))) == set(accumulation.categories))
            _order(accumulation, dense, weight, order, severity)
    table = np.array(gap)
    return {
        "exact": float(np.mean(exact)),
        "order": float(np.mean(order)) if order else float("nan"),
        "severity_error": float(np.mean(severity)),
        "clean": float(np.mean(clean)) if clean else float("nan"),
        "quality_correlation": float(np.corrcoef(table.T)[0, 1]),
        "regions": float(len(exact)),
    }


def _order(
    accumulation: Accumulation,
    dense: Dense,
    weight: NDArray[np.float32],
    order: list[bool],
    severity: list[float],
) -> None:
    last = (dense.last[0].numpy() * weight).sum((1, 2))
    strength = (dense.severity[0].numpy() * weight).sum((1, 2))
    places = [CATEGORIES.index(c) for c in accumulation.categories]
    for place, distortion in zip(places, accumulation.distortions, strict=True):
        severity.append(abs(float(strength[place]) - distortion.severity))
    if len(places) == 2:
        order.append(bool(last[places[1]] > last[places[0]]))


def train_encoder(recipe: EncoderRecipe) -> dict[str, float]:
    """Train for the recipe's minutes, resuming from ``out/last.pt`` if it is there."""
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    photos, dev = load_photos(recipe.photos, "fit"), load_photos(recipe.photos, "dev")
    model = QualityEncoder()
    if recipe.start:
        load_weights(model, recipe.start)
    elif recipe.imagenet:
        model.backbone.load_imagenet(recipe.imagenet)
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    backbone = list(model.backbone.parameters())
    rest = [p for n, p in model.named_parameters() if not n.startswith("backbone.")]
    groups = [
        {"params": backbone, "lr": recipe.backbone_rate, "base": recipe.backbone_rate},
        {"params": rest, "lr": recipe.head_rate, "base": recipe.head_rate},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.02)
    run = Run(recipe.out, recipe.minutes)
    run.resume(model, optimiser)
    while run.progress < 1:
        for group in optimiser.param_groups:
            group["lr"] = group["base"] * run.rate()
        pictures, targets = _batch(photos, generator(recipe.seed, "encoder", run.step), recipe)
        model.train()
        loss, parts = encoder_loss(model(pictures), targets)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        run.step += 1
        if run.step % 25 == 0:
            run.log(loss=round(loss.item(), 4), **{k: round(v, 4) for k, v in parts.items()})
        if run.step % 300 == 0:
            run.log(**{k: round(v, 4) for k, v in region_exact(model, dev).items()})
            varied = region_exact(model, dev, variety=1.0)
            run.log(**{f"varied_{k}": round(v, 4) for k, v in varied.items()})
            single = region_exact(model, dev, variety=0.5, policy=AccumulationPolicy(1.0))
            run.log(**{f"single_{k}": round(v, 4) for k, v in single.items()})
            run.save(model, optimiser)
    figures = region_exact(model, dev)
    run.log(final=True, **figures)
    run.save(model, optimiser)
    return figures
