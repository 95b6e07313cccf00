"""Items -> answers -> verdicts -> scores -> summary; each step on disk before the next one begins.

The run folder: ``settings.json`` (what was run, with which versions), ``items.jsonl``, ``answers.jsonl``
(every transcript), ``judgements.jsonl``, ``scores.jsonl``, ``summary.json`` and, apart from them because it
differs every time, ``timing.jsonl``. Answers are cached by item: a killed run goes on where it stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from iqa_spider.core import ConfigError, Facts, SpiderError
from iqa_spider.evaluation.bench.items import Item, ItemScore, Reply
from iqa_spider.evaluation.bench.runs import read_run
from iqa_spider.evaluation.bench.settings import RunPlan, settle
from iqa_spider.evaluation.bench.summary import summarise
from iqa_spider.evaluation.examinees.base import Examinee
from iqa_spider.evaluation.judges import Case, Judge, Verdict
from iqa_spider.evaluation.store import Lines, digest, write_lines

__all__ = ["RunSummary", "run_benchmark"]

GIVE_UP: Final = 5
"""Failures in a row after which it is the set-up that is wrong, not an item."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """Counts of a finished run."""

    items: int
    cached: int
    failed: int
    unparsed: int


def run_benchmark(
    plan: RunPlan,
    examinee: Examinee,
    judge: Judge,
    *,
    on_item: Progress = lambda done, total: None,
) -> RunSummary:
    """Answer, judge and score all items; what an earlier, interrupted run has answered is kept."""
    plan.out.mkdir(parents=True, exist_ok=True)
    settle(plan, examinee, judge)
    write_lines(plan.out / "items.jsonl", [item.to_json() for item in plan.items])
    replies, cached = _answers(plan, examinee, on_item)
    verdicts = _verdicts(plan, judge, replies)
    scores = _score(plan, examinee.abilities, replies, verdicts)
    summarise(plan, read_run(plan.out))
    return RunSummary(
        items=len(plan.items),
        cached=cached,
        failed=sum(reply.error is not None for reply in replies.values()),
        unparsed=sum(score.unparsed is not None for score in scores.values()),
    )


def _answers(plan: RunPlan, examinee: Examinee, on_item: Progress) -> tuple[dict[str, Reply], int]:
    path = plan.out / "answers.jsonl"
    wanted = {item.id: item.fingerprint() for item in plan.items}
    if len(wanted) != len(plan.items):
        twice = Counter(item.id for item in plan.items).most_common(1)[0][0]
        raise ConfigError(f"{plan.benchmark.name}: item {twice!r} stands twice in {plan.data}")
    with Lines(path) as lines, Lines(plan.out / "timing.jsonl", sync=False) as timing:
        replies = {
            row["id"]: Reply.from_json(row["reply"])
            for row in lines.rows
            if wanted.get(row["id"]) == row["fingerprint"] and row["reply"]["error"] is None
        }
        cached = len(replies)
        waiting = [item for item in plan.items if item.id not in replies]
        failures = 0
        for number, found in enumerate(examinee.answer(plan.data, waiting), 1):
            item, reply = found.item, found.reply
            lines.add(_answer_row(item, reply))
            timing.add({"id": item.id, **{k: round(v, 4) for k, v in found.seconds.items()}})
            replies[item.id] = reply
            failures = failures + 1 if reply.error is not None else 0
            if failures == GIVE_UP:
                raise SpiderError(
                    f"{plan.out}: {GIVE_UP} items in a row failed, the last with: {reply.error} "
                    "(answers so far are kept: mend this and run again)"
                )
            on_item(cached + number, len(plan.items))
    ordered = {item.id: replies[item.id] for item in plan.items}
    write_lines(path, [_answer_row(item, ordered[item.id]) for item in plan.items])
    return ordered, cached


def _answer_row(item: Item, reply: Reply) -> dict[str, Any]:
    return {
        "id": item.id,
        "fingerprint": item.fingerprint(),
        "question": item.question,
        "reply": reply.to_json(),
    }


def _case(plan: RunPlan, item: Item, reply: Reply) -> Case | None:
    rubric = plan.benchmark.rubric(item)
    if rubric is None or reply.error is not None:
        return None
    facts = item.truth.get("facts")
    return Case(
        id=item.id,
        question=item.question,
        reference=item.reference,
        answer=reply.text,
        rubric=rubric,
        facts=None if facts is None else Facts.from_json(facts),
        image=plan.data / item.image,
    )


def _verdicts(plan: RunPlan, judge: Judge, replies: dict[str, Reply]) -> dict[str, Verdict]:
    """Judge what has not been judged; the key covers judge, rubric, question, reference and answer."""
    path, who = plan.out / "judgements.jsonl", digest(judge.describe())
    cases = [c for item in plan.items if (c := _case(plan, item, replies[item.id])) is not None]
    keys = {c.id: digest([who, c.rubric.text, c.question, c.reference, c.answer]) for c in cases}
    with Lines(path) as lines:
        known = {
            row["id"]: _verdict(row) for row in lines.rows if keys.get(row["id"]) == row["key"]
        }
        for case, verdict in judge.judge(c for c in cases if c.id not in known):
            lines.add(_verdict_row(case, keys[case.id], judge.name, verdict))
            known[case.id] = verdict
    write_lines(path, [_verdict_row(c, keys[c.id], judge.name, known[c.id]) for c in cases])
    return known


def _verdict(row: dict[str, Any]) -> Verdict:
    return Verdict(row["score"], row["reason"], tuple(row["rounds"]))


def _verdict_row(case: Case, key: str, judge: str, verdict: Verdict) -> dict[str, Any]:
    return {
        "id": case.id,
        "key": key,
        "judge": judge,
        "rubric": case.rubric.name,
        "score": None if verdict.score is None else round(verdict.score, 6),
        "reason": verdict.reason,
        "rounds": [round(score, 6) for score in verdict.rounds],
    }


def _score(
    plan: RunPlan,
    abilities: frozenset[str],
    replies: dict[str, Reply],
    verdicts: dict[str, Verdict],
) -> dict[str, ItemScore]:
    scores: dict[str, ItemScore] = {}
    rows = []
    for item in plan.items:
        reply = replies[item.id]
        score = ItemScore()
        if reply.error is None:
            found = plan.benchmark.score(item, reply, abilities, verdicts.get(item.id))
            score = plan.benchmark.checked(found)
        scores[item.id] = score
        rows.append(_score_row(item, reply, score))
    write_lines(plan.out / "scores.jsonl", rows)
    return scores


def _score_row(item: Item, reply: Reply, score: ItemScore) -> dict[str, Any]:
    values = {name: [round(v, 6) for v in value] for name, value in score.values.items()}
    return {
        "id": item.id,
        "photo": item.photo,
        "kind": item.kind,
        "slices": {name: list(groups) for name, groups in item.slices.items()},
        "values": values,
        "unscored": score.unscored,
        "unparsed": score.unparsed,
        "error": reply.error,
    }
