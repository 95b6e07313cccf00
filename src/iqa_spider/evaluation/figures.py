"""The figures of `pocket`: rendered scenes of a split's photos, asked about and compared with the facts.

Only photos with people's regions are used for regional questions. Trivial baselines stand beside each
figure: the most common answer, the picture's centre as the point, the full mask, a disc.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from iqa_spider.core import Facts, Mask, Point, SubTask, Task, generator
from iqa_spider.dataset.facts import ground, scene_facts
from iqa_spider.dataset.scenes import Photo, fit_photo, load_photos, make_scene
from iqa_spider.evaluation.calibration import point_inside
from iqa_spider.evaluation.metrics import Estimate, clustered_mean, mask_iou, srcc
from iqa_spider.models import Session, Spider
from iqa_spider.tasks import parse_answer, question_for

__all__ = ["Figures", "markdown", "measure"]

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
    for target in set(range(len(masks))) - set(damaged):
        question = question_for(
            Task.REFERRING, SubTask.SHORT, Facts(facts.regions, target=target), rng, marked=True
        )
        answer = session.ask(question, region=masks[target])
        figures.add("clean region said to be so", not answer.distortions, photo)


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
    assert photo.labels is not None
    rng = generator("clicks", photo.id)
    session = spider.segmenter.open(photo.picture)
    for value in np.unique(photo.labels):
        mask: Mask = photo.labels == value
        if value == 0 or mask.mean() < 0.005:
            continue
        rows, columns = np.nonzero(mask)
        pick = int(rng.integers(len(rows)))
        x, y = int(columns[pick]), int(rows[pick])
        found = session.segment([Point(float(x), float(y))])
        figures.add("click", mask_iou(found[0].mask, mask), photo.id)
        figures.add("click, best of three", max(mask_iou(c.mask, mask) for c in found), photo.id)
        ys, xs = np.ogrid[: mask.shape[0], : mask.shape[1]]
        disc = (ys - y) ** 2 + (xs - x) ** 2 < (min(mask.shape) / 6) ** 2
        figures.add("click, disc", mask_iou(np.asarray(disc), mask), photo.id)


def markdown(figures: Figures, command: str, split: str) -> str:
    """The table of figures, each beside its trivial baseline."""
    common = Counter(figures.sets).most_common(1)
    majority = common[0][1] / len(figures.sets) if common else float("nan")
    answer = " and ".join(common[0][0]) if common else "-"
    get = figures.estimate
    always = f"{majority:.3f} (always “{answer}”)"
    rows = [
        ("referring, short, exact set", get("referring short"), always, "0.594"),
        ("referring, long, exact set", get("referring long"), always, "0.484"),
    ]
    paper = {"dao-g": "0.439", "hyd-g": "0.396", "sid-g": "0.341"}
    for subtask in GROUNDING:
        name = subtask.value
        centre, full = get(f"{name} mIoU, centre point").value, get(f"{name} mIoU, full mask").value
        base = f"{centre:.3f} (centre point), {full:.3f} (full mask)"
        rows.append((f"grounding mIoU, {name.upper()}", get(f"{name} mIoU"), base, paper[name]))
    for subtask in GROUNDING:
        name = subtask.value
        centre = get(f"{name} point inside, centre point").value
        label = f"point inside the true region, {name.upper()}"
        rows.append((label, get(f"{name} point inside"), f"{centre:.3f} (centre)", "-"))
        rows.append(
            (f"both terms right, {name.upper()}", get(f"{name} terms right"), "0.25 (chance)", "-")
        )
    rows += [
        ("undistorted picture said to be so", get("undistorted picture said to be so"), "-", "-"),
        ("uniform picture said to be so", get("uniform picture said to be so"), "-", "-"),
        ("clean region said to be so", get("clean region said to be so"), "-", "-"),
        ("score, SRCC with the full-reference measure", srcc(*figures.scores), "0 (constant)", "-"),
        ("click to mask, mean IoU of the best-scored", get("click"), f"{get('click, disc').value:.3f} (disc)", "-"),
        ("click to mask, best of the three", get("click, best of three"), f"{get('click, disc').value:.3f} (disc)", "-"),
    ]  # fmt: skip
    lines = [
        "# Figures of `pocket`",
        "",
        f"Split `{split}`; 95 % intervals by bootstrap over photos. Made by:",
        "",
        f"    {command}",
        "",
        "The paper's figures are of its own pictures and models of 4-8 billion parameters: the protocol",
        "is comparable, the pictures are not.",
        "",
        "| figure | pocket | items | trivial baseline | paper's best |",
        "|---|---|---|---|---|",
        *(f"| {n} | {e} | {e.items} | {b} | {p} |" for n, e, b, p in rows),
        "",
        "Seconds a question (median; encode once a picture): "
        + ", ".join(f"{k} {np.median(v):.4f}" for k, v in figures.seconds.items() if any(v)),
        "(`point` is what text-to-point adds to plain generation.)",
    ]
    return "\n".join(lines) + "\n"
