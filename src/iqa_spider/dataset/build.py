"""Build the four-task set from a folder of photos.

Every photo becomes a shard (recipe, samples, picture) that is written whole or not at all; the build can be
killed at any moment and goes on from the shards that are there. The lists are merged at the end, in the
order of the photos, so that neither the number of workers nor a kill changes a byte of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from iqa_spider.core import (
    DatasetError,
    PictureError,
    SpiderError,
    generator,
    open_picture,
)
from iqa_spider.dataset.engines import Engine, LocalEngine
from iqa_spider.dataset.files import replace_file, replacing
from iqa_spider.dataset.named import mention_object, name_samples
from iqa_spider.dataset.pixels import unseen_regions
from iqa_spider.dataset.recipe import Recipe
from iqa_spider.dataset.samples import sample_to_json, samples_of
from iqa_spider.dataset.scenes import Photo, Scene, fit_photo, plan_scene
from iqa_spider.dataset.sources import PhotoSource, find_photos, with_regions

__all__ = ["BuildSettings", "BuildSummary", "build_dataset"]

TRIES = 8


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """What decides the bytes of a data set.

    ``uniform`` and ``clean`` are the shares of pictures distorted as a whole and not at all; ``regions``
    says that a folder of named regions was used.
    """

    seed: int = 0
    size: int = 448
    free: float = 0.25
    regions: bool = False
    uniform: float = 0.15
    clean: float = 0.08

    def __post_init__(self) -> None:
        if min(self.uniform, self.clean) < 0 or self.uniform + self.clean > 1:
            raise DatasetError(
                f"--uniform {self.uniform:g} and --clean {self.clean:g} must be shares, together at most 1"
            )


@dataclass(frozen=True, slots=True)
class BuildSummary:
    """Counts of a finished build."""

    photos: int
    samples: int
    skipped: int
    tasks: dict[str, int]


def _shard(source: PhotoSource, settings: BuildSettings, out: str) -> str | None:
    """Make one photo's shard; returns why the photo is skipped, or None."""
    try:
        labels = None
        if source.labels is not None:
            labels = cv2.imread(source.labels, cv2.IMREAD_GRAYSCALE)
            if labels is None:
                raise PictureError(f"{source.labels}: not a label map")
        picture = open_picture(source.path)
        if min(picture.shape[:2]) < 32:
            raise PictureError(f"{source.path}: smaller than 32 pixels")
        photo = Photo(
            source.id, picture, None if labels is None else np.asarray(labels, np.uint8), ""
        )
    except SpiderError as error:
        return str(error)
    rng = generator(settings.seed, "build", source.id)
    drawn = _draw(photo, settings, rng)
    if drawn is None:
        return f"{source.path}: too plain, no distortion leaves a trace on it"
    recipe, scene = drawn
    samples = samples_of(scene, source.id, source.split, rng, free=settings.free)
    if source.names is not None:
        samples = name_samples(samples, scene, fit_photo(photo, settings.size), source.names)
    samples = mention_object(samples, source.object)
    ok, data = cv2.imencode(".png", scene.picture[..., ::-1])
    assert ok
    replace_file(Path(out) / "images" / f"{source.id}.png", bytes(data))
    shard = {"recipe": recipe.to_json(), "samples": [sample_to_json(s) for s in samples]}
    replace_file(Path(out) / "shards" / f"{source.id}.json", json.dumps(shard).encode())
    return None


def _draw(
    photo: Photo, settings: BuildSettings, rng: np.random.Generator
) -> tuple[Recipe, Scene] | None:
    """A recipe whose distortions all show; None if eight in a row do not (a single-colour picture)."""
    fitted = fit_photo(photo, settings.size)
    for _ in range(TRIES):
        plan = plan_scene(fitted, rng, uniform=settings.uniform, clean=settings.clean)
        recipe = Recipe(photo.id, settings.size, plan)
        scene = recipe.render(photo)
        if not unseen_regions(scene):
            return recipe, scene
    return None


def build_dataset(
    photos: Path,
    out: Path,
    settings: BuildSettings | None = None,
    *,
    workers: int = 1,
    engine: Engine | None = None,
    regions: Path | None = None,
    limit: int | None = None,
    on_photo: Callable[[int, int], None] = lambda done, total: None,
) -> BuildSummary:
    """Build into ``out``, going on where an earlier build with the same settings stopped.

    ``engine`` says where; without it ``workers`` processes here. ``regions`` is a folder of label maps
    ``ID.png`` with names ``ID.json``, as `iqa-spider dataset regions` writes them.
    """
    settings = replace(settings or BuildSettings(), regions=regions is not None)
    sources = find_photos(photos)[:limit]
    if regions is not None:
        sources = with_regions(sources, regions)
    _prepare(out, settings)
    waiting = [s for s in sources if not (out / "shards" / f"{s.id}.json").exists()]
    skipped: list[tuple[str, str]] = []
    work = partial(_shard, settings=settings, out=str(out.resolve()))
    results = (engine or LocalEngine(workers)).run(work, waiting)
    for number, (source, reason) in enumerate(results, 1):
        folder = Path(source.path).parent
        if reason is not None and not folder.is_dir():
            raise DatasetError(
                f"{folder}: vanished during the build; bring it back and run the same command, "
                f"{len(sources) - len(waiting) + number - 1} photos are done"
            )
        if reason is not None:
            skipped.append((source.path, reason))
        on_photo(len(sources) - len(waiting) + number, len(sources))
    return _merge(sources, sorted(skipped), settings, out)


def _prepare(out: Path, settings: BuildSettings) -> None:
    for name in ("images", "shards", "samples"):
        (out / name).mkdir(parents=True, exist_ok=True)
    for torn in [*out.glob("images/.*"), *out.glob("shards/.*")]:
        torn.unlink()
    path = out / "settings.json"
    # A setting that an older build did not know yet was what is the default now.
    begun = {**asdict(BuildSettings()), **json.loads(path.read_text())} if path.exists() else None
    if begun is not None and begun != asdict(settings):
        raise DatasetError(f"{out}: was begun with other settings ({path.name}); name a new --out")
    replace_file(path, json.dumps(asdict(settings)).encode())


def _merge(
    sources: list[PhotoSource], skipped: list[tuple[str, str]], settings: BuildSettings, out: Path
) -> BuildSummary:
    """Join the shards in the order of the photos, one in memory at a time."""
    photos, tasks, splits = 0, Counter[str](), Counter[str](train=0, test=0)
    with ExitStack() as stack:
        recipes = stack.enter_context(replacing(out / "recipes.jsonl"))
        rows = {
            split: stack.enter_context(replacing(out / "samples" / f"{split}.jsonl"))
            for split in sorted({*splits, *(source.split for source in sources)})
        }
        for source in sources:
            path = out / "shards" / f"{source.id}.json"
            if not path.exists():
                continue
            shard = json.loads(path.read_text())
            recipes.write(_line(shard["recipe"]))
            photos += 1
            for sample in shard["samples"]:
                rows[sample["split"]].write(_line(sample))
                splits[sample["split"]] += 1
                tasks[_task_name(sample)] += 1
    summary = BuildSummary(photos, sum(tasks.values()), len(skipped), dict(sorted(tasks.items())))
    stats = {**asdict(summary), "splits": splits, "settings": asdict(settings)}
    replace_file(out / "stats.json", json.dumps(stats, indent=1).encode())
    text = "".join(f"{path}\t{reason}\n" for path, reason in skipped)
    replace_file(out / "skipped.tsv", text.encode())
    return summary


def _task_name(sample: dict[str, Any]) -> str:
    if sample["tags"]:
        return str(sample["tags"][0])
    return f"{sample['task']}/{sample['subtask']}" if sample["subtask"] else str(sample["task"])


def _line(row: dict[str, Any]) -> bytes:
    return f"{json.dumps(row)}\n".encode()
