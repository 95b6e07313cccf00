"""What every judge offers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from iqa_spider.core import Facts
from iqa_spider.evaluation.judges.rubrics import Rubric, Verdict

__all__ = ["Case", "Judge"]


@dataclass(frozen=True, slots=True)
class Case:
    """One answer to be judged. ``image`` is there for judges that look at the picture."""

    id: str
    question: str
    reference: str
    answer: str
    rubric: Rubric
    facts: Facts | None = None
    image: Path | None = None


@runtime_checkable
class Judge(Protocol):
    """Scores answers in words. ``describe`` holds whatever decides its verdicts."""

    @property
    def name(self) -> str: ...

    def describe(self) -> dict[str, Any]: ...

    def judge(self, cases: Iterable[Case]) -> Iterator[tuple[Case, Verdict]]:
        """A verdict for each case, in order."""
        ...
