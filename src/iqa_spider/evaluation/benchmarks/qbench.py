"""Q-Bench-A1 on LLVisionQA-dev: multiple choice, accuracy.

Data folder: ``llvisionqa_dev.json`` and ``images/``. An unparsed answer is wrong. Beside the generated letter
stands the likeliest one: the closed set of letters scored after the question, where a model offers that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from iqa_spider.core import DatasetError
from iqa_spider.dataset.outside.qbench import read_qbench
from iqa_spider.evaluation.bench.benchmark import Benchmark
from iqa_spider.evaluation.bench.items import Closed, Item, ItemScore, Reply
from iqa_spider.evaluation.benchmarks.letters import LETTERS, lettered, read_letter
from iqa_spider.evaluation.benchmarks.paper import TABLE_2
from iqa_spider.evaluation.judges import Verdict
from iqa_spider.evaluation.metrics import Metric

__all__ = ["QBENCH"]


def _read(data: Path, split: str) -> list[Item]:
    items = []
    for row in read_qbench(data / f"llvisionqa_{split}.json", data / "images"):
        if row.correct is None:
            raise DatasetError(
                f"{data / f'llvisionqa_{split}.json'}: question {row.id} has no right answer (the test "
                "split has none); use --split dev"
            )
        letter = LETTERS[row.correct]
        items.append(
            Item(
                id=row.id,
                image=row.image.relative_to(data).as_posix(),
                photo=row.image.name,
                kind="choice",
                question=lettered(row.question, row.candidates),
                reference=letter,
                key=letter,
                truth={
                    "question": row.question,  # as answer files of others repeat it, without choices
                    "candidates": list(row.candidates),
                    "correct": row.correct,
                },
                closed={"letters": Closed("", tuple(LETTERS[: len(row.candidates)]))},
                slices={"type": (row.type,), "concern": (row.concern,)},
            )
        )
    return items


def _score(
    item: Item, reply: Reply, abilities: frozenset[str], verdict: Verdict | None
) -> ItemScore:
    correct, candidates = item.truth["correct"], item.truth["candidates"]
    values: dict[str, tuple[float, ...]] = {}
    unscored: dict[str, str] = {}
    unparsed = None
    if "text" in abilities:
        found = read_letter(reply.text, candidates)
        values["accuracy"] = (float(found == correct),)
        unparsed = None if found is not None else "the answer names no single candidate"
    if "closed" in abilities:
        likely = _likeliest(reply.closed.get("letters", {}))
        if likely is None:
            unscored["accuracy-closed"] = "the model gives no likelihood of every letter"
        else:
            values["accuracy-closed"] = (float(likely == LETTERS[correct]),)
    return ItemScore(values, unscored, unparsed)


def _likeliest(likelihoods: dict[str, float | None]) -> str | None:
    known = {letter: value for letter, value in likelihoods.items() if value is not None}
    if not known or len(known) < len(likelihoods):
        return None
    return max(known, key=lambda letter: known[letter])


QBENCH: Final = Benchmark(
    name="qbench-a1",
    metrics=(
        Metric("accuracy", "Accuracy", meaning="generated letter; unparsed is wrong"),
        Metric("accuracy-closed", "Accuracy, likeliest letter", meaning="closed-set likelihood"),
    ),
    tables=(TABLE_2,),
    read=_read,
    score=_score,
    split="dev",
    sliced=("accuracy", "accuracy-closed"),
)
