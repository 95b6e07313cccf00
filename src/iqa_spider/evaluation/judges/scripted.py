"""Verdicts from a file: people's ratings, another judge's, or a test's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from iqa_spider.core import DatasetError
from iqa_spider.evaluation.judges.base import Case
from iqa_spider.evaluation.judges.rubrics import Verdict
from iqa_spider.evaluation.store import digest, read_lines

__all__ = ["ScriptedJudge"]


class ScriptedJudge:
    """Follows `Judge`. Lines of ``{"id": item, "score": number}``; an item without a line is unscored."""

    name = "scripted"

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise DatasetError(
                f"{path}: no such file of verdicts; name one with --judge scripted:FILE"
            )
        self.path, self.scores = path, dict[str, float]()
        for number, row in enumerate(read_lines(path), 1):
            try:
                self.scores[str(row["id"])] = float(row["score"])
            except (KeyError, TypeError, ValueError) as error:
                raise DatasetError(
                    f'{path}:{number}: a verdict is {{"id": item, "score": number}} ({error!r})'
                ) from error

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, "verdicts": digest(self.scores)}

    def judge(self, cases: Iterable[Case]) -> Iterator[tuple[Case, Verdict]]:
        for case in cases:
            score = self.scores.get(case.id)
            if score is None:
                yield case, Verdict(None, f"{self.path.name} has no verdict on this item")
            elif not 0 <= score <= case.rubric.top:
                yield case, Verdict(None, f"{score:g} is off the scale of 0 to {case.rubric.top}")
            else:
                yield case, Verdict(score, rounds=(score,))
