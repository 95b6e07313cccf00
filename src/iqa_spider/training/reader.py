"""Training of the reader of questions: a linear model on wordings of many voices and on our pools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from iqa_spider.core import Facts, Task, generator
from iqa_spider.tasks import Route, question_for, rating_question, rough, route
from iqa_spider.tasks.hints import asked_categories
from iqa_spider.tasks.reader import BUCKETS, EXTREMA, KINDS, ORDERS, OUTPUTS, Table, features
from iqa_spider.tasks.router import mend, route_by_rules
from iqa_spider.training.symbolic import pick_task, plan_exercise, scene_from_facts
from iqa_spider.training.wordings import Wording, shipped_wordings

__all__ = ["fit_reader", "pool_wordings", "reader_figures", "train_reader"]

IGNORE = -100


def pool_wordings(count: int, *keys: str | int) -> Iterator[Wording]:
    """Wordings drawn from our own pools, slots filled from made-up facts, roughened."""
    made = number = 0
    while made < count:
        rng = generator("wordings", *keys, number)
        number += 1
        scene = scene_from_facts(rng, 4)
        plan = plan_exercise(Facts(scene.regions), rng, *pick_task(rng))
        if plan is None:
            continue
        way, facts = plan
        marked = way.task in (Task.LOCAL, Task.REFERRING) and bool(rng.random() < 0.5)
        if way.rating:
            question = rating_question(rng)
        else:
            question = question_for(way.task, way.subtask, facts, rng, free=0.5, marked=marked)
        made += 1
        yield Wording(rough(question, rng), marked, way)


def _kind(way: Route) -> int:
    if way.task is Task.GLOBAL:
        return KINDS.index("rating" if way.rating else "global")
    return KINDS.index("local" if way.task is Task.LOCAL else str(way.subtask))


def _reversed(item: Wording) -> int:
    """1 where two distortions are named against their order, 0 where along it."""
    if item.way.order != "full":
        return IGNORE
    named = asked_categories(mend(item.question))
    if set(named[:2]) != set(item.way.asked):
        return IGNORE
    return int(named[0] != item.way.asked[0])


def _targets(item: Wording) -> tuple[int, int, int, int]:
    way = item.way
    return (
        _kind(way),
        IGNORE if way.extremum is None else EXTREMA.index(way.extremum),
        IGNORE if way.order is None else ORDERS.index(way.order),
        _reversed(item),
    )


SLICES = ((0, 8), (8, 10), (10, 13), (13, 15))


def train_reader(
    items: Sequence[Wording],
    out: Path,
    *,
    weights: Sequence[float] | None = None,
    rounds: int = 60,
    seed: int = 0,
) -> None:
    """Fit the table by Adam with weight decay and write it as 16-bit ``reader.npz``."""
    torch.manual_seed(seed)
    rows = [torch.from_numpy(features(item.question, item.has_region)) for item in items]
    goals = torch.tensor([_targets(item) for item in items])
    share = torch.tensor(weights if weights is not None else [1.0] * len(items))
    table = torch.nn.EmbeddingBag(BUCKETS, OUTPUTS, mode="sum")
    torch.nn.init.zeros_(table.weight)
    bias = torch.zeros(OUTPUTS, requires_grad=True)
    optimiser = torch.optim.Adam([table.weight, bias], lr=0.02)
    order = np.random.default_rng(seed)
    for number in range(rounds):
        optimiser.param_groups[0]["lr"] = 0.02 * (1 - number / rounds)
        for part in np.array_split(order.permutation(len(items)), max(1, len(items) // 128)):
            some = [rows[i] for i in part]
            # Dropping clues at random: no single word may decide.
            some = [row[torch.rand(len(row)) > 0.15] for row in some]
            offsets = torch.tensor([0, *np.cumsum([len(row) for row in some])[:-1]])
            counts = torch.tensor([len(row) for row in some]).clamp_min(1)
            found = table(torch.cat(some), offsets) / counts.sqrt()[:, None] + bias
            loss = torch.zeros(())
            for head, (start, stop) in enumerate(SLICES):
                goal = goals[part, head]
                each = F.cross_entropy(
                    found[:, start:stop], goal, ignore_index=IGNORE, reduction="none"
                )
                loss = loss + (each * share[part]).sum() / share[part].sum()
            loss = loss + 2e-5 * table.weight.square().sum()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        out,
        weights=table.weight.detach().numpy().astype(np.float16),
        bias=bias.detach().numpy().astype(np.float16),
    )


def reader_figures(items: Sequence[Wording], table: Table) -> dict[str, float]:
    """Share of questions whose task is found, and of those read right in every part."""
    found = [(route(i.question, has_region=i.has_region, table=table), i.way) for i in items]
    rules = [(route_by_rules(i.question, has_region=i.has_region), i.way) for i in items]
    return {
        "task": float(np.mean([a.task is b.task for a, b in found])),
        "all_parts": float(np.mean([a == b for a, b in found])),
        "all_parts_by_rules": float(np.mean([a == b for a, b in rules])),
        "questions": float(len(items)),
    }


def fit_reader(
    out: Path, *, rounds: int = 60, pools: int = 1500, held_out: float = 0.15, seed: int = 0
) -> dict[str, float]:
    """Train on the shipped wordings and our pools; write ``out/reader.npz`` and return held-out figures.

    The table that is written has seen all wordings; the figures are of one that has not.
    """
    voices = shipped_wordings()
    ours = list(pool_wordings(pools, "reader", seed))
    order = np.random.default_rng(seed).permutation(len(voices))
    cut = round(held_out * len(voices))
    kept, rest = [voices[i] for i in order[:cut]], [voices[i] for i in order[cut:]]
    figures: dict[str, float] = {}
    if kept:
        trial = out / "held-out.npz"
        _fit(rest, ours, trial, rounds, seed)
        figures = reader_figures(kept, Table.load(trial))
        trial.unlink()
    _fit(voices, ours, out / "reader.npz", rounds, seed)
    return figures


def _fit(
    voices: Sequence[Wording], ours: Sequence[Wording], out: Path, rounds: int, seed: int
) -> None:
    weights = [1.0] * len(voices) + [0.25] * len(ours)  # our own pools are many and alike
    train_reader([*voices, *ours], out, weights=weights, rounds=rounds, seed=seed)
