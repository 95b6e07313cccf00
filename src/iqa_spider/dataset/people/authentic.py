"""The authentic branch: annotated photos become a set of the same form as the synthetic one.

People do not see in which order a camera distorted, so nothing asks for it. Photos distorted all over alike
get a description alone, as in the paper. The annotator's own description is the answer where it agrees with
what they marked.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from iqa_spider.core import (
    Box,
    DatasetError,
    Facts,
    Finding,
    Mask,
    RegionFacts,
    Sample,
    Task,
    generator,
    open_picture,
)
from iqa_spider.dataset.engines import Engine, LocalEngine, in_order
from iqa_spider.dataset.files import replace_file
from iqa_spider.dataset.people.agreement import Agreement, agreement_of, best_annotation
from iqa_spider.dataset.people.annotations import Annotation
from iqa_spider.dataset.samples import sample_to_json, samples_from
from iqa_spider.dataset.sources import PhotoSource
from iqa_spider.dataset.validate import contradictions
from iqa_spider.tasks import (
    PHRASE,
    appearance,
    parse_answer,
    region_name,
    terms_of,
    write_rating,
)

__all__ = ["ImportSummary", "import_annotations"]


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What came of an import; ``described`` answers are the annotators' own words."""

    photos: int
    samples: int
    described: int
    contradicting: tuple[tuple[str, str], ...]
    agreement: Agreement


def import_annotations(
    annotations: Sequence[Annotation],
    photos: Sequence[PhotoSource],
    out: Path,
    *,
    seed: int = 0,
    free: float = 0.25,
    engine: Engine | None = None,
) -> ImportSummary:
    """Write a set into ``out`` from annotations of ``photos``.

    Raises:
        DatasetError: nothing was annotated, or a photo is not among ``photos``.
    """
    if not annotations:
        raise DatasetError("the export holds no finished annotation")
    known = {photo.id: photo for photo in photos}
    groups: dict[str, list[Annotation]] = defaultdict(list)
    for annotation in annotations:
        if annotation.photo not in known:
            raise DatasetError(f"photo {annotation.photo} of the export is not among the photos")
        groups[annotation.photo].append(annotation)
    samples: list[Sample] = []
    refused: list[tuple[str, str]] = []
    (out / "images").mkdir(parents=True, exist_ok=True)
    work = partial(_samples, out=out.resolve(), seed=seed, free=free)
    items = [(known[photo], group) for photo, group in sorted(groups.items())]
    results = in_order(engine or LocalEngine(), work, items)
    for (photo, _), (found, reasons) in zip(items, results, strict=True):
        samples += found
        refused += [(photo.id, reason) for reason in reasons]
    described = sum("described" in sample.tags for sample in samples)
    agreement = agreement_of(annotations)
    summary = ImportSummary(len(groups), len(samples), described, tuple(refused), agreement)
    _write(out, samples, summary)
    return summary


def _samples(
    item: tuple[PhotoSource, list[Annotation]], *, out: Path, seed: int, free: float
) -> tuple[list[Sample], tuple[str, ...]]:
    """Samples of one photo, whose picture is written, and what its description contradicts."""
    photo, group = item
    annotation, rng = best_annotation(group), generator(seed, "people", photo.id)
    picture = open_picture(photo.path)
    ok, data = cv2.imencode(".png", picture[..., ::-1])
    assert ok
    replace_file(out / "images" / f"{photo.id}.png", data.tobytes())
    facts, masks = _facts(annotation, picture)
    samples = samples_from(
        facts, masks, photo.id, photo.split, rng, free=free, source="authentic", ordered=False
    )
    if facts.whole_image:
        samples = [s for s in samples if s.task is Task.GLOBAL]
    answer, reasons = _description(annotation, facts)
    tags = ("described",) if answer and not reasons else ()
    text = answer if answer and not reasons else _plain(facts, samples[0].answer)
    return [replace(samples[0], answer=text, tags=tags), *samples[1:]], reasons


def _facts(annotation: Annotation, picture: np.ndarray) -> tuple[Facts, list[Mask]]:
    if annotation.extent == "local":
        regions = tuple(
            RegionFacts(
                name=region.name or region_name(appearance(picture, region.mask)),
                terms=terms_of(region.mask),
                findings=(Finding(region.category, region.severity),),
                box=Box.around(region.mask).as_tuple(),
                area=float(region.mask.mean()),
            )
            for region in annotation.regions
        )
        return Facts(regions, level=annotation.level), [r.mask for r in annotation.regions]
    whole = np.ones(picture.shape[:2], bool)
    strength = annotation.strength or 1
    findings = tuple(Finding(category, strength) for category in annotation.types)
    if not findings:
        return Facts((), whole_image=True, level=annotation.level), []
    spread = RegionFacts("picture", terms_of(whole), findings, area=1.0)
    return Facts((spread,), whole_image=True, level=annotation.level), [whole]


def _description(annotation: Annotation, facts: Facts) -> tuple[str, tuple[str, ...]]:
    """The annotator's words with the level added if they do not say it, and what they contradict."""
    text = annotation.description
    if not text:
        return "", ()
    if parse_answer(text).level is None:
        text = f"{text.rstrip('.')}. {write_rating(facts)}"
    return text, contradictions(Task.GLOBAL, None, facts, text)


def _plain(facts: Facts, written: str) -> str:
    """Several types all over: the usual answer would claim an order."""
    if not (facts.whole_image and facts.regions and len(facts.regions[0].findings) > 1):
        return written
    names = [PHRASE[category] for category in facts.regions[0].categories]
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{write_rating(facts)} The whole image shows {listed}."


def _write(out: Path, samples: list[Sample], summary: ImportSummary) -> None:
    (out / "samples").mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[str]] = {"train": [], "test": []}
    for sample in samples:
        rows.setdefault(sample.split, []).append(json.dumps(sample_to_json(sample)))
    for split, lines in rows.items():
        text = "".join(f"{line}\n" for line in lines)
        replace_file(out / "samples" / f"{split}.jsonl", text.encode())
    tasks = Counter(str(sample.task) for sample in samples)
    stats = {
        "photos": summary.photos,
        "samples": summary.samples,
        "tasks": dict(tasks),
        "settings": {},
    }
    replace_file(out / "stats.json", json.dumps(stats, indent=1).encode())
    replace_file(out / "agreement.json", json.dumps(asdict(summary), indent=1).encode())
    replace_file(out / "recipes.jsonl", b"")
