"""The table of the figures of `pocket`, each beside its trivial baseline."""

from __future__ import annotations

from collections import Counter

import numpy as np

from iqa_spider.core import CATEGORIES
from iqa_spider.evaluation.figures import GROUNDING, Figures
from iqa_spider.evaluation.metrics import srcc

__all__ = ["markdown"]


def markdown(figures: Figures, command: str, split: str) -> str:
    """The table of figures, each beside its trivial baseline."""
    common = Counter(figures.sets).most_common(1)
    majority = common[0][1] / len(figures.sets) if common else float("nan")
    answer = " and ".join(common[0][0]) if common else "-"
    get = figures.estimate
    always = f"{majority:.3f} (always “{answer}”)"
    rows = [
        ("referring, short, exact set", get("referring short"), always, "0.594"),
        ("referring, short, told by a box alone", get("referring by box"), always, "-"),
        ("referring, long, exact set", get("referring long"), always, "0.484"),
    ]
    rows += [
        ("severity, error in steps (lower is better)", get("severity error"),
         f"{get('severity error, moderate')} (always “moderate”)", "-"),
        ("severity within one step", get("severity near"),
         f"{get('severity near, moderate')} (always “moderate”)", "-"),
        ("severity stated, of the true distortions", get("severity stated"), "-", "-"),
        ("order of two distortions right, where told", get("order"), "0.5 (chance)", "-"),
        ("order of two distortions told", get("order told"), "-", "-"),
    ]  # fmt: skip
    chance = f"{1 / len(CATEGORIES):.3f} (always the same)"
    rows += [
        ("one distortion alone, by other means: of a region, exact", get("alone, region exact"), chance, "-"),
        ("the same, named among others", get("alone, region named"), "-", "-"),
        ("one alone, of the whole picture, exact", get("alone, whole exact"), chance, "-"),
        ("the same, named among others", get("alone, whole named"), "-", "-"),
    ]  # fmt: skip
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
    disc = f"{get('click, disc').value:.3f} (disc)"
    rows += [
        ("undistorted picture said to be so", get("undistorted picture said to be so"), "-", "-"),
        ("uniform picture said to be so", get("uniform picture said to be so"), "-", "-"),
        ("clean region said to be so", get("clean region said to be so"), "-", "-"),
        ("score, SRCC with the full-reference measure", srcc(*figures.scores), "0 (constant)", "-"),
        ("click to mask, mean IoU of the best-scored", get("click"), disc, "-"),
        ("click to mask, best of the three", get("click, best of three"), disc, "-"),
        ("click on a random pixel, best-scored", get("click anywhere"),
         f"{get('click anywhere, disc').value:.3f} (disc)", "-"),
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
        "One distortion alone in a region, named, by category: "
        + ", ".join(f"{c} {get(f'alone, {c} named').value:.2f}" for c in CATEGORIES)
        + ".",
        "",
        "Seconds a question (median; encode once a picture): "
        + ", ".join(f"{k} {np.median(v):.4f}" for k, v in figures.seconds.items() if any(v)),
        "(`point` is what text-to-point adds to plain generation.)",
    ]
    return "\n".join(lines) + "\n"
