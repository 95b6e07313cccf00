"""Find what is wrong with a built set: leaks between splits, broken masks, facts that do not hold.

Three questions, cheapest first. Are the rows sound by themselves (ids, splits, masks, answers)? Do the
splits share a photo, by name or by looks? Do the pixels show what the facts say, by rendering each recipe
again from its pristine photo? The last needs the photos; without them the report says that it was not asked.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from iqa_spider.core import DatasetError, Sample, SpiderError, Task, open_picture
from iqa_spider.dataset.likeness import fingerprint, near_duplicates
from iqa_spider.dataset.load import read_samples
from iqa_spider.dataset.pixels import check_scene
from iqa_spider.dataset.recipe import Recipe
from iqa_spider.dataset.sources import find_photos
from iqa_spider.dataset.validate import contradictions
from iqa_spider.regions import decode_rle, encode_rle
from iqa_spider.tasks import terms_of

__all__ = [
    "CheckReport",
    "Problem",
    "check_dataset",
    "read_recipe_at",
    "read_recipes",
    "scan_recipes",
    "splits_of",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong: ``kind`` is leak, row, mask, answer or pixels; ``where`` a sample, photo or pair."""

    kind: str
    where: str
    message: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was looked at and what was found; ``rendered`` is None where no photos were given."""

    samples: int
    pictures: int
    rendered: int | None
    problems: tuple[Problem, ...]

    @property
    def kinds(self) -> dict[str, int]:
        return dict(sorted(Counter(problem.kind for problem in self.problems).items()))


def check_dataset(
    folder: Path,
    photos: Path | None = None,
    *,
    on_photo: Callable[[int, int], None] = lambda done, total: None,
) -> CheckReport:
    """Check a set; with ``photos``, the folder it was built from, also its pixels.

    Raises:
        DatasetError: the folder holds no set, or a file of it cannot be read at all.
    """
    samples = [s for split in splits_of(folder) for s in read_samples(folder, split)]
    problems = [*_rows(samples), *_masks(folder, samples), *_answers(samples)]
    problems += _shared_photos(samples)
    problems += _look_alikes(folder, samples, photos)
    rendered = None
    if photos is not None:
        recipes = read_recipes(folder)
        rendered = len(recipes)
        problems += _pixels(folder, samples, recipes, photos, on_photo)
    pictures = len({s.image for s in samples})
    return CheckReport(len(samples), pictures, rendered, tuple(problems))


def splits_of(folder: Path) -> list[str]:
    """Names of the splits of a set, train first."""
    names = {path.stem for path in (folder / "samples").glob("*.jsonl")}
    if not names:
        raise DatasetError(f"{folder}: holds no samples; run `iqa-spider dataset build` first")
    return sorted(names, key=lambda name: (name != "train", name))


def read_recipes(folder: Path) -> dict[str, Recipe]:
    """Recipes of a set by photo id.

    Raises:
        DatasetError: the file is missing or a line is broken; names file and line.
    """
    return {recipe.photo: recipe for _, recipe in _recipes(folder)}


def scan_recipes(folder: Path) -> Iterator[tuple[str, int]]:
    """Photo of each recipe and the byte at which it starts, for `read_recipe_at`; errors as `read_recipes`."""
    return ((recipe.photo, start) for start, recipe in _recipes(folder))


def read_recipe_at(folder: Path, start: int) -> Recipe:
    """One recipe of a set."""
    path = folder / "recipes.jsonl"
    with path.open("rb") as file:
        file.seek(start)
        return _recipe(file.readline(), f"{path}, byte {start}")


def _recipes(folder: Path) -> Iterator[tuple[int, Recipe]]:
    path = folder / "recipes.jsonl"
    if not path.exists():
        raise DatasetError(f"{path}: no such file; run `iqa-spider dataset build` first")
    with path.open("rb") as file:
        start = 0
        for number, line in enumerate(file, 1):
            yield start, _recipe(line, f"{path}:{number}")
            start += len(line)


def _recipe(line: bytes, where: str) -> Recipe:
    try:
        return Recipe.from_json(json.loads(line))
    except (ValueError, AttributeError, SpiderError) as error:
        raise DatasetError(f"{where}: {error}; build the set again") from error


def _rows(samples: list[Sample]) -> Iterator[Problem]:
    for id, count in Counter(s.id for s in samples).items():
        if count > 1:
            yield Problem("row", id, f"the id stands {count} times")
    for sample in samples:
        if not sample.question.strip() or not sample.answer.strip():
            yield Problem("row", sample.id, "question or answer is empty")


def _shared_photos(samples: list[Sample]) -> Iterator[Problem]:
    splits: dict[str, set[str]] = {}
    for sample in samples:
        splits.setdefault(sample.photo, set()).add(sample.split)
    for photo, found in sorted(splits.items()):
        if len(found) > 1:
            yield Problem("leak", photo, f"the photo is in {' and '.join(sorted(found))}")


def _look_alikes(folder: Path, samples: list[Sample], photos: Path | None) -> Iterator[Problem]:
    """Compare the pristine photos if there, else the rendered pictures."""
    known = {s.id: s.path for s in find_photos(photos)} if photos is not None else {}
    split_of = {s.photo: s.split for s in samples}
    images = {s.photo: folder / s.image for s in samples}
    names, prints = [], []
    for photo in sorted(split_of):
        try:
            prints.append(fingerprint(open_picture(known.get(photo, images[photo]))))
            names.append(photo)
        except SpiderError as error:
            yield Problem("row", photo, str(error))
    for i, j in near_duplicates(prints, [split_of[name] for name in names]):
        a, b = names[i], names[j]
        text = f"show the same picture, one in {split_of[a]}, one in {split_of[b]}"
        yield Problem("leak", f"{a} {b}", text)


def _masks(folder: Path, samples: list[Sample]) -> Iterator[Problem]:
    sizes: dict[str, tuple[int, ...]] = {}
    for sample in samples:
        try:
            if sample.image not in sizes:
                sizes[sample.image] = open_picture(folder / sample.image).shape[:2]
            reason = _mask_reason(sample, sizes[sample.image])
        except SpiderError as error:
            reason = str(error)
        if reason is not None:
            yield Problem("mask", sample.id, reason)


def _mask_reason(sample: Sample, size: tuple[int, ...]) -> str | None:
    region = sample.facts.region
    rle = sample.region if sample.task is Task.REFERRING else sample.mask
    if rle is None:
        needed = region is not None and sample.task is not Task.GLOBAL
        return "the sample speaks of a region and has no mask" if needed else None
    mask = decode_rle(rle)
    if mask.shape != size:
        return f"the mask is {list(mask.shape)}, its picture {list(size)}"
    if encode_rle(mask)["counts"] != rle["counts"]:
        return "the mask's runs do not add up to its picture: it was cut off"
    if not mask.any():
        return "the mask is empty"
    if region is None:
        return "the sample has a mask and speaks of no region"
    if terms_of(mask) != region.terms:
        return f"the mask lies at the {' '.join(terms_of(mask))}, the facts say {' '.join(region.terms)}"
    return None


def _answers(samples: list[Sample]) -> Iterator[Problem]:
    for sample in samples:
        for reason in contradictions(sample.task, sample.subtask, sample.facts, sample.answer):
            yield Problem("answer", sample.id, reason)


def _pixels(
    folder: Path,
    samples: list[Sample],
    recipes: dict[str, Recipe],
    photos: Path,
    on_photo: Callable[[int, int], None],
) -> Iterator[Problem]:
    sources = {source.id: source for source in find_photos(photos)}
    of_photo: dict[str, list[Sample]] = {}
    for sample in samples:
        if sample.source == "synthetic":
            of_photo.setdefault(sample.photo, []).append(sample)
    for number, (photo, group) in enumerate(of_photo.items(), 1):
        on_photo(number, len(of_photo))
        if photo not in sources or photo not in recipes:
            missing = "recipe in recipes.jsonl" if photo in sources else f"photo in {photos}"
            yield Problem("pixels", photo, f"no {missing}")
            continue
        try:
            found = check_scene(recipes[photo], sources[photo].path, folder, group)
            yield from (Problem("pixels", where, text) for where, text in found)
        except SpiderError as error:
            yield Problem("pixels", photo, str(error))
