"""The figures of `pocket`: rendered scenes of a split's photos, asked about and compared with the facts.

Only photos with people's regions are used for regional questions. Trivial baselines stand beside each
figure: the most common answer, the picture's centre as the point, the full mask, a disc.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from iqa_spider.core import Answer, Box, Facts, Finding, Mask, Point, SubTask, Task, generator
from iqa_spider.dataset.facts import ground, scene_facts
from iqa_spider.dataset.scenes import Photo, fit_photo, load_photos, make_scene
from iqa_spider.evaluation.alone import add_alone
from iqa_spider.evaluation.calibration import point_inside
from iqa_spider.evaluation.metrics import Estimate, clustered_mean, mask_iou
from iqa_spider.models import Session, Spider
from iqa_spider.regions import disc, random_pixel
from iqa_spider.tasks import parse_answer, question_for

__all__ = ["GROUNDING", "Figures", "add_stated", "measure"]

MODERATE = 3
"""The middle severity: the best constant to state where nothing is known."""
GROUNDING = (SubTask.DAO, SubTask.HYD, SubTask.SID)


@dataclass
class Figures:
    """Values a figure with the photo of each: ``name -> ([value], [photo])``."""

    values: dict[str, tuple[list[float], list[str]]] = field(default_factory=dict)
    sets: list[tuple[str, ...]] = field(default_factory=list)
    scores: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float, photo: str) -> None:
        column = self.values.setdefault(name, ([], []))
        column[0].append(float(value))
        column[1].append(photo)

    def estimate(self, name: str) -> Estimate:
        return clustered_mean(*self.values.get(name, ([], [])))


def measure(
    spider: Spider,
    folder: Path,
    split: str,
    *,
    limit: int | None = None,
    size: int = 448,
    on_photo: Callable[[int, int], None] = lambda done, total: None,
) -> Figures:
    """Measure on the photos of a split that people segmented."""
    photos = [p for p in load_photos(folder, split) if p.labels is not None][:limit]
    figures = Figures()
    for index, photo in enumerate(photos):
        _scene(spider, fit_photo(photo, size), figures)
        _clean(spider, fit_photo(photo, size), figures)
        _clicks(spider, photo, figures)
        add_alone(spider, fit_photo(photo, size), index, figures)
        on_photo(index + 1, len(photos))
    return figures


def _scene(spider: Spider, photo: Photo, figures: Figures) -> None:
    rng = generator("figures", photo.id)
    scene = make_scene(photo, rng, uniform=0.1, clean=0.05)
    facts, masks = scene_facts(scene)
    session = spider.open(scene.picture)
    rated = session.rate()
    if rated is not None and facts.score is not None:
        figures.scores[0].append(rated[0])
        figures.scores[1].append(facts.score)
    if not masks:
        return
    _refer(session, facts, masks, rng, photo.id, figures)
    for subtask in GROUNDING:
        _ground(session, facts, masks, subtask, rng, photo.id, figures)


def _refer(
    session: Session,
    facts: Facts,
    masks: Sequence[Mask],
    rng: np.random.Generator,
    photo: str,
    figures: Figures,
) -> None:
    damaged = [i for i, r in enumerate(facts.regions) if r.findings]
    for target in damaged:
        asked = Facts(facts.regions, target=target)
        truth = set(facts.regions[target].categories)
        figures.sets.append(tuple(sorted(truth)))
        for subtask in (SubTask.SHORT, SubTask.LONG):
            question = question_for(Task.REFERRING, subtask, asked, rng, marked=True)
            answer = session.ask(question, region=masks[target])
            figures.add(f"referring {subtask.value}", set(answer.distortions) == truth, photo)
            if subtask is SubTask.SHORT:
                boxed = session.ask(question, region=Box.around(masks[target]))
                figures.add("referring by box", set(boxed.distortions) == truth, photo)
        add_stated(answer, facts.regions[target].findings, photo, figures)
    for target in set(range(len(masks))) - set(damaged):
        question = question_for(
            Task.REFERRING, SubTask.SHORT, Facts(facts.regions, target=target), rng, marked=True
        )
        answer = session.ask(question, region=masks[target])
        figures.add("clean region said to be so", not answer.distortions, photo)


def add_stated(answer: Answer, findings: Sequence[Finding], photo: str, figures: Figures) -> None:
    """What a long answer states of rightly named distortions, and in which order it puts two of them.

    Beside each stated severity stands the error that "moderate" would have had there.
    """
    for finding in findings:
        stated = answer.severities.get(finding.category)
        figures.add("severity stated", stated is not None, photo)
        if stated is not None:
            figures.add("severity error", abs(stated - finding.severity), photo)
            figures.add("severity near", abs(stated - finding.severity) <= 1, photo)
            figures.add("severity error, moderate", abs(MODERATE - finding.severity), photo)
            figures.add("severity near, moderate", abs(MODERATE - finding.severity) <= 1, photo)
    if len(findings) == 2:
        pair = [finding.category for finding in findings]
        said = [c for c in answer.distortions if c in pair]
        ordered = len(said) == 2 and parse_answer(answer.text).ordered
        figures.add("order told", ordered, photo)
        if ordered:
            figures.add("order", said == pair, photo)


def _seconds(figures: Figures, seconds: dict[str, float]) -> None:
    for name, value in seconds.items():
        figures.seconds.setdefault(name, []).append(value)


def _ground(
    session: Session,
    facts: Facts,
    masks: Sequence[Mask],
    subtask: SubTask,
    rng: np.random.Generator,
    photo: str,
    figures: Figures,
) -> None:
    found = next((f for _ in range(6) if (f := ground(facts, subtask, rng)) is not None), None)
    if found is None:
        return
    question = question_for(Task.GROUNDING, subtask, found, rng)
    answer = session.ask(question)
    _seconds(figures, answer.seconds)
    if found.whole_image:
        figures.add("uniform picture said to be so", answer.whole_image, photo)
        return
    assert found.target is not None
    truth, name = masks[found.target], subtask.value
    figures.add(f"{name} mIoU", mask_iou(_or_empty(answer.mask, truth), truth), photo)
    figures.add(f"{name} point inside", point_inside(answer.point, truth), photo)
    centre = Point(session.width / 2, session.height / 2)
    clicked = session.segmenter.segment([centre])[0].mask
    figures.add(f"{name} mIoU, centre point", mask_iou(clicked, truth), photo)
    figures.add(f"{name} mIoU, full mask", float(truth.mean()), photo)
    figures.add(f"{name} point inside, centre point", point_inside(centre, truth), photo)
    parsed = parse_answer(answer.text)
    figures.add(f"{name} terms right", parsed.terms == facts.regions[found.target].terms, photo)


def _or_empty(mask: Mask | None, like: Mask) -> Mask:
    return np.zeros_like(like) if mask is None else mask


def _clean(spider: Spider, photo: Photo, figures: Figures) -> None:
    session = spider.open(photo.picture)
    answer = session.ask("Describe the quality of this picture in detail.", ground=False)
    figures.add("undistorted picture said to be so", not answer.distortions, photo.id)


def _clicks(spider: Spider, photo: Photo, figures: Figures) -> None:
    """One click in each region, and as many anywhere: the second meets large regions more often."""
    assert photo.labels is not None
    rng = generator("clicks", photo.id)
    session = spider.segmenter.open(photo.picture)
    sizes = [(value, (photo.labels == value).mean()) for value in np.unique(photo.labels)]
    large = [value for value, share in sizes if value > 0 and share >= 0.005]
    inside = np.isin(photo.labels, large)
    for value in large:
        mask: Mask = photo.labels == value
        x, y = random_pixel(mask, rng)
        found = session.segment([Point(float(x), float(y))])
        figures.add("click", mask_iou(found[0].mask, mask), photo.id)
        figures.add("click, best of three", max(mask_iou(c.mask, mask) for c in found), photo.id)
        figures.add("click, disc", mask_iou(disc(mask.shape, x, y), mask), photo.id)
        x, y = random_pixel(inside, rng)
        mask = photo.labels == photo.labels[y, x]
        found = session.segment([Point(float(x), float(y))])
        figures.add("click anywhere", mask_iou(found[0].mask, mask), photo.id)
        figures.add("click anywhere, disc", mask_iou(disc(mask.shape, x, y), mask), photo.id)
