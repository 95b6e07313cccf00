"""Judges give an answer in words a score: by rules from facts, by an LMM, or from a file."""

from iqa_spider.evaluation.judges.base import Case, Judge
from iqa_spider.evaluation.judges.choose import JudgeOptions, make_judge
from iqa_spider.evaluation.judges.rubrics import RUBRICS, Rubric, Verdict
from iqa_spider.evaluation.judges.rules import RuleJudge
from iqa_spider.evaluation.judges.scripted import ScriptedJudge

__all__ = [
    "RUBRICS",
    "Case",
    "Judge",
    "JudgeOptions",
    "Rubric",
    "RuleJudge",
    "ScriptedJudge",
    "Verdict",
    "make_judge",
]
