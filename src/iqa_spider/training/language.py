"""Training of the language model: answers only, with graded targets at the steps that carry numbers.

At the step of a positional term the target is not one word but both, weighted by where the region is
(p(right) = x, p(bottom) = y), and at the level's step the two levels around the true score: so the
closed-set softmax learns to carry the coordinate and the score (compare DeQA-Score's soft labels).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from iqa_spider.core import HORIZONTAL, LEVELS, VERTICAL, SubTask, Task, generator
from iqa_spider.models.language import END, PocketLanguage
from iqa_spider.tasks import RATING_PREFIX, parse_answer
from iqa_spider.training.clock import Run
from iqa_spider.training.symbolic import Exercise, exercise, pick_task, scene_from_facts

__all__ = [
    "LanguageRecipe",
    "language_figures",
    "mixed",
    "symbolic_exercises",
    "train_language",
]


@dataclass(frozen=True)
class LanguageRecipe:
    """Settings of stages 1 and 2."""

    out: Path
    minutes: float = 20.0
    batch: int = 24
    rate: float = 3e-4
    projector_rate: float = 1e-3
    seed: int = 0
    threads: int = 1
    oracle: bool = False


@dataclass(frozen=True)
class Step:
    """Target of one answer token: ``first`` with weight ``1 - share``, ``second`` with ``share``."""

    first: int
    second: int
    share: float


def answer_steps(model: PocketLanguage, item: Exercise) -> tuple[list[int], list[Step]]:
    """Answer tokens and their graded targets, the end token included."""
    tokenizer = model.tokenizer
    ids = tokenizer.encode(f" {item.answer}").ids
    single = {w: tokenizer.encode(f" {w}").ids[0] for w in (*VERTICAL, *HORIZONTAL, *LEVELS)}
    steps = [Step(token, token, 0.0) for token in ids]
    if item.target is not None:
        for words, value in ((HORIZONTAL, item.target[0]), (VERTICAL, item.target[1])):
            pair = (single[words[0]], single[words[1]])
            place = next((i for i, token in enumerate(ids) if token in pair), None)
            if place is not None:
                steps[place] = Step(pair[0], pair[1], float(np.clip(value, 0.01, 0.99)))
    if item.score is not None and item.answer.startswith(RATING_PREFIX):
        place = len(tokenizer.encode(f" {RATING_PREFIX}").ids)
        position = min(item.score / 25, 3.999)
        low = int(position)
        pair = (single[LEVELS[low]], single[LEVELS[low + 1]])
        steps[place] = Step(pair[0], pair[1], position - low)
    return [*ids, END], [*steps, Step(END, END, 0.0)]


def _up_to_terms(
    ids: list[int], targets: list[Step], item: Exercise
) -> tuple[list[int], list[Step]]:
    """A located answer cut behind its terms: the place is the hard part, the words the long one."""
    graded = [i for i, step in enumerate(targets) if step.first != step.second]
    if item.target is None or not graded:
        return ids, targets
    return ids[: graded[-1] + 2], targets[: graded[-1] + 2]


def batch_loss(model: PocketLanguage, items: Sequence[Exercise]) -> Tensor:
    """Mean cross-entropy over answer tokens, graded where `answer_steps` says so."""
    rows, picks, steps, weights, bonus, slots = [], [], [], [], [], []
    for index, item in enumerate(items):
        ids, targets = answer_steps(model, item)
        if index % 3:
            ids, targets = _up_to_terms(ids, targets, item)
        prompt = model.prompt(item.way, item.views)
        rows.append(model.embed(prompt, ids[:-1]))
        bonus.append(model.copied(prompt.place))
        slots.append(torch.from_numpy(prompt.slots))
        start = len(prompt.ids) - 1
        picks += [(index, start + i) for i in range(len(ids))]
        steps += targets
        # Term and level steps carry the numbers; an average over long answers would drown them.
        weights += [5.0 if t.first != t.second else 1.0 for t in targets]
    lengths = torch.tensor([len(row) for row in rows])
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    mask = torch.arange(padded.shape[1])[None] < lengths[:, None]
    hidden = model.model(inputs_embeds=padded, attention_mask=mask.long(), use_cache=False)
    chosen = torch.tensor(picks)
    owner = chosen[:, 0]
    states = hidden.last_hidden_state[owner, chosen[:, 1]]
    logits = model.logits(states, torch.stack(slots)[owner]) + torch.stack(bonus)[owner]
    normal = F.log_softmax(logits, -1)
    first = normal.gather(1, torch.tensor([s.first for s in steps])[:, None])[:, 0]
    second = normal.gather(1, torch.tensor([s.second for s in steps])[:, None])[:, 0]
    share, weight = torch.tensor([s.share for s in steps]), torch.tensor(weights)
    return -(((1 - share) * first + share * second) * weight).sum() / weight.sum()


def symbolic_exercises(*keys: str | int, regions: tuple[int, int] = (2, 8)) -> Iterator[Exercise]:
    """An endless stream of exercises from facts alone; several questions a scene."""
    counter = 0
    while True:
        rng = generator("symbolic", *keys, counter)
        counter += 1
        scene = scene_from_facts(rng, int(rng.integers(*regions)))
        for _ in range(3):
            item = exercise(scene, rng, *pick_task(rng))
            if item is not None:
                yield item


def mixed(
    first: Iterator[Exercise], second: Iterator[Exercise], share: float, seed: int
) -> Iterator[Exercise]:
    """Exercises of the first stream with probability ``share``, else of the second."""
    rng = generator("mix", seed)
    while True:
        yield next(first if rng.random() < share else second)


def length_grouped(
    stream: Iterator[Exercise], batch: int, rng: np.random.Generator, batches: int = 8
) -> Iterator[list[Exercise]]:
    """Batches of alike lengths, in random order: padding would cost half of the time."""
    while True:
        items = [next(stream) for _ in range(batch * batches)]
        items.sort(key=lambda item: len(item.answer) + 5 * len(item.views))
        for index in rng.permutation(batches):
            yield items[index * batch : (index + 1) * batch]


@torch.inference_mode()
def language_figures(model: PocketLanguage, items: Sequence[Exercise]) -> dict[str, float]:
    """Terms, point error, exact sets and level error by generation."""
    model.eval()
    sums: dict[str, list[float]] = {}

    def add(key: str, value: float) -> None:
        sums.setdefault(key, []).append(value)

    for item in items:
        generation = model.generate(model.prompt(item.way, item.views), 60)
        parsed, truth = parse_answer(generation.text), parse_answer(item.answer)
        if item.way.task is Task.GROUNDING and item.way.subtask is not None:
            add(f"{item.way.subtask.value}_whole", float(parsed.whole_image == truth.whole_image))
            if item.target is not None:
                _ground_figures(generation, item, add)
        if item.way.subtask in (SubTask.SHORT, SubTask.LONG):
            add(
                f"{item.way.subtask.value}_exact",
                float(set(parsed.categories) == set(truth.categories)),
            )
        if item.score is not None and item.answer.startswith(RATING_PREFIX) and parsed.level:
            add("level_error", abs(LEVELS.index(parsed.level) * 25 - item.score))
    return {key: round(float(np.mean(values)), 4) for key, values in sorted(sums.items())}


def _ground_figures(generation: object, item: Exercise, add: Callable[[str, float], None]) -> None:
    from iqa_spider.core import Generation
    from iqa_spider.models.grounding import find_axis

    assert isinstance(generation, Generation) and item.target is not None and item.way.subtask
    distance = 0.0
    for words, value in ((HORIZONTAL, item.target[0]), (VERTICAL, item.target[1])):
        axis = find_axis(generation, words, 1.0)
        p = 0.5 if axis is None else axis.probabilities[words[1]]
        distance += (p - value) ** 2
        add("term", float((p >= 0.5) == (value >= 0.5)))
    add(f"{item.way.subtask.value}_distance", distance**0.5)
    add(f"{item.way.subtask.value}_near", float(distance**0.5 < 0.15))


def train_language(
    model: PocketLanguage,
    recipe: LanguageRecipe,
    stream: Iterator[Exercise],
    dev: Sequence[Exercise],
) -> dict[str, float]:
    """Train for the recipe's minutes on a stream of exercises; resumes from ``out/last.pt``."""
    torch.set_num_threads(recipe.threads)
    fresh = [p for n, p in model.named_parameters() if n.startswith(("project.", "mix.", "copy."))]
    body = [p for n, p in model.named_parameters() if n.startswith("model.") and p.requires_grad]
    groups = [
        {"params": body, "lr": recipe.rate, "base": recipe.rate},
        {"params": fresh, "lr": recipe.projector_rate, "base": recipe.projector_rate},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01, betas=(0.9, 0.98))
    run = Run(recipe.out, recipe.minutes)
    run.resume(model, optimiser)
    batches = length_grouped(stream, recipe.batch, generator(recipe.seed, "order", run.step))
    seen, losses, checked = run.step * recipe.batch, [], time.monotonic()
    while run.progress < 1:
        for group in optimiser.param_groups:
            group["lr"] = group["base"] * run.rate()
        model.train()
        loss = batch_loss(model, next(batches))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(body + fresh, 1.0)
        optimiser.step()
        run.step += 1
        seen += recipe.batch
        losses.append(loss.item())
        if run.step % 20 == 0:
            run.log(loss=round(float(np.mean(losses[-20:])), 4), seen=seen)
        if time.monotonic() - checked > 300:
            run.log(**language_figures(model, dev[:60]))
            run.save(model, optimiser)
            checked = time.monotonic()
    figures = language_figures(model, dev)
    run.log(final=True, **figures)
    run.save(model, optimiser)
    return figures
