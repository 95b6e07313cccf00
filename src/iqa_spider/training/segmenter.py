"""Training of the click-to-mask network on regions of clean and distorted pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from iqa_spider.core import Point, generator
from iqa_spider.dataset.scenes import Photo, crop_photo, load_photos, make_scene
from iqa_spider.models.build import load_weights
from iqa_spider.models.segmenter import STRIDE, ClickNet, ClickOutput, Embedded, PocketSegmenter
from iqa_spider.regions.masks import disc, iou, random_pixel
from iqa_spider.training.clock import Run

__all__ = ["SegmenterRecipe", "click_figures", "train_segmenter"]


@dataclass(frozen=True)
class SegmenterRecipe:
    """Settings of the segmenter's training.

    ``segmented`` is the share of photos with people's regions, ``clean`` the share of those that
    are shown undistorted (there only content tells the regions apart).
    """

    photos: Path
    out: Path
    imagenet: Path | None = None
    start: Path | None = None
    minutes: float = 30.0
    batch: int = 4
    clicks: int = 8
    crop: int = 256
    segmented: float = 0.75
    clean: float = 0.4
    backbone_rate: float = 2e-4
    head_rate: float = 1e-3
    seed: int = 0
    threads: int = 1


class ClickBatch(NamedTuple):
    """Pictures ``[B, 3, H, W]``, clicks with owners, target masks ``[N, h, w]``, boundaries.

    ``labels [B, h / 2, w / 2]`` is the region of each cell (0: none), for the likeness of spots.
    """

    pictures: Tensor
    owner: Tensor
    points: Tensor
    masks: Tensor
    boundary: Tensor
    boundary_weight: Tensor
    labels: Tensor


def _targets(
    photo: Photo, rng: np.random.Generator, clean: float
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A picture and a label map to click in."""
    draw = rng.random()
    if photo.labels is not None and draw < clean:
        return photo.picture, photo.labels
    scene = make_scene(photo, rng, uniform=0.0, clean=0.0)
    labels = scene.labels
    if photo.labels is None:  # an undistorted made-up region cannot be seen: nothing to learn there
        untouched = [i + 1 for i, a in enumerate(scene.accumulations) if a is None]
        labels = np.where(np.isin(labels, untouched), 0, labels).astype(np.uint8)
    return scene.picture, labels


def _shrink(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    size = (mask.shape[1] // STRIDE, mask.shape[0] // STRIDE)
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA))


def _edges(labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    edge = cv2.morphologyEx(labels, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    return (_shrink(edge) > 0.15).astype(np.float32)


def _batch(
    with_regions: list[Photo],
    photos: list[Photo],
    rng: np.random.Generator,
    recipe: SegmenterRecipe,
) -> ClickBatch:
    pictures: list[Tensor] = []
    owners, points, masks, boundaries, weights, maps = [], [], [], [], [], []
    while len(pictures) < recipe.batch:
        pool = with_regions if rng.random() < recipe.segmented else photos
        photo = crop_photo(pool[rng.integers(len(pool))], rng, recipe.crop, (0.65, 1.0))
        picture, labels = _targets(photo, rng, recipe.clean)
        values = [v for v in np.unique(labels) if v > 0 and (labels == v).mean() > 0.004]
        if not values:
            continue
        for _ in range(recipe.clicks):
            mask = labels == values[rng.integers(len(values))]
            x, y = random_pixel(mask, rng)
            owners.append(len(pictures))
            points.append((x / STRIDE - 0.5, y / STRIDE - 0.5))
            masks.append(_shrink(mask))
        pictures.append(torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1))
        boundaries.append(_edges(labels))
        maps.append(torch.from_numpy(labels[STRIDE :: 2 * STRIDE, STRIDE :: 2 * STRIDE].copy()))
        weights.append(1.0 if photo.labels is not None else 0.0)
    return ClickBatch(
        torch.stack(pictures),
        torch.tensor(owners),
        torch.tensor(points, dtype=torch.float32),
        torch.from_numpy(np.stack(masks)),
        torch.from_numpy(np.stack(boundaries)),
        torch.tensor(weights)[:, None, None],
        torch.stack(maps).long(),
    )


def click_loss(output: ClickOutput, masks: Tensor) -> tuple[Tensor, Tensor]:
    """BCE + soft IoU of the first candidate, of the best of three, a little of the mean; score L2.

    Returns the loss and the IoU of the candidate that the network itself prefers, ``[N]``.
    """
    goal = masks[:, None].expand_as(output.masks)
    bce = F.binary_cross_entropy_with_logits(output.masks, goal, reduction="none").mean((2, 3))
    inside = output.masks.sigmoid()
    overlap = (inside * goal).sum((2, 3))
    union = inside.sum((2, 3)) + goal.sum((2, 3)) - overlap
    each = bce + 1.5 * (1 - (overlap + 1) / (union + 1))
    hard, truth = inside.detach() > 0.5, goal > 0.5
    overlaps = (hard & truth).sum((2, 3)) / (hard | truth).sum((2, 3)).clamp_min(1)
    score = (output.scores - overlaps).square().mean()
    chosen = overlaps.gather(1, output.scores.argmax(1, keepdim=True))[:, 0]
    loss = each[:, 0].mean() + each.amin(1).mean() + 0.1 * each.mean() + 2 * score
    return loss, chosen


def likeness_loss(net: ClickNet, embedded: Embedded, labels: Tensor, clicks: int = 24) -> Tensor:
    """Do two spots lie in one region? Many clicks a picture, at the price of dot products.

    A handful of clicks through the decoder says little of a picture; this teaches the embedding
    all of it. Inside and outside weigh the same, whatever the size of the region.
    """
    batch, height, width = labels.shape
    owner = torch.arange(batch).repeat_interleave(clicks)
    row, column = torch.randint(height, owner.shape), torch.randint(width, owner.shape)
    own = labels[owner, row, column]
    keep = own > 0
    owner, row, column, own = owner[keep], row[keep], column[keep], own[keep]
    points = torch.stack([column, row], 1).float() * 2 + 0.5
    likeness, _ = net.alike(embedded, owner, points)
    logits = net.belong(likeness.permute(0, 2, 3, 1))[..., 0]
    there = labels[owner]
    same = (there == own[:, None, None]).float()
    known = (there > 0).float()
    loss = F.binary_cross_entropy_with_logits(logits, same, reduction="none")
    inside = (loss * same).sum((1, 2)) / same.sum((1, 2)).clamp_min(1)
    other = known * (1 - same)
    outside = (loss * other).sum((1, 2)) / other.sum((1, 2)).clamp_min(1)
    return (inside + outside).mean() / 2


def click_figures(net: ClickNet, photos: list[Photo], *, seed: str = "dev") -> dict[str, float]:
    """A random click in every region of 0.5 % or more: IoU of the best-scored and the best mask."""
    segmenter = PocketSegmenter(net)
    chosen, best, trivial = [], [], []
    for photo in photos:
        if photo.labels is None:
            continue
        rng = generator(seed, photo.id)
        session = segmenter.open(photo.picture)
        for value in np.unique(photo.labels):
            mask = photo.labels == value
            if value == 0 or mask.mean() < 0.005:
                continue
            x, y = random_pixel(mask, rng)
            found = session.segment([Point(float(x), float(y))])
            overlaps = [iou(candidate.mask, mask) for candidate in found]
            chosen.append(overlaps[0])
            best.append(max(overlaps))
            trivial.append(iou(disc(mask.shape, x, y), mask))
    return {
        "iou": float(np.mean(chosen)),
        "iou_best_of_three": float(np.mean(best)),
        "iou_disc": float(np.mean(trivial)),
        "clicks": float(len(chosen)),
    }


def train_segmenter(recipe: SegmenterRecipe) -> dict[str, float]:
    """Train for the recipe's minutes, resuming from ``out/last.pt`` if it is there."""
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    photos, dev = load_photos(recipe.photos, "fit"), load_photos(recipe.photos, "dev")
    with_regions = [photo for photo in photos if photo.labels is not None]
    net = ClickNet()
    if recipe.start:
        load_weights(net, recipe.start)
    elif recipe.imagenet:
        net.backbone.load_imagenet(recipe.imagenet)
    backbone = list(net.backbone.parameters())
    rest = [p for n, p in net.named_parameters() if not n.startswith("backbone.")]
    groups = [
        {"params": backbone, "lr": recipe.backbone_rate, "base": recipe.backbone_rate},
        {"params": rest, "lr": recipe.head_rate, "base": recipe.head_rate},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.02)
    run = Run(recipe.out, recipe.minutes)
    run.resume(net, optimiser)
    while run.progress < 1:
        for group in optimiser.param_groups:
            group["lr"] = group["base"] * run.rate()
        rng = generator(recipe.seed, "segmenter", run.step)
        batch = _batch(with_regions, photos, rng, recipe)
        net.train()
        net.backbone.eval()  # batches of four are too small for their own batch statistics
        embedded = net.embed(batch.pictures)
        edge = F.binary_cross_entropy_with_logits(
            embedded.boundary[:, 0], batch.boundary, reduction="none", pos_weight=torch.tensor(3.0)
        )
        loss, overlaps = click_loss(net.click(embedded, batch.owner, batch.points), batch.masks)
        alike = likeness_loss(net, embedded, batch.labels)
        loss = loss + alike + 0.5 * (edge * batch.boundary_weight).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        run.step += 1
        if run.step % 25 == 0:
            run.log(
                loss=round(loss.item(), 4),
                alike=round(alike.item(), 4),
                iou=round(overlaps.mean().item(), 4),
            )
        if run.step % 400 == 0:
            run.log(**{k: round(v, 4) for k, v in click_figures(net, dev).items()})
            run.save(net, optimiser)
    figures = click_figures(net, dev)
    run.log(final=True, **figures)
    run.save(net, optimiser)
    return figures
