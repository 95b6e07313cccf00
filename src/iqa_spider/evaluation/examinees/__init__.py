"""What sits an examination: our models, models behind endpoints, answer files, trivial baselines."""

from iqa_spider.evaluation.examinees.base import Answered, Examinee, by_picture
from iqa_spider.evaluation.examinees.choose import (
    BASELINES,
    EXAMINEES,
    ExamineeOptions,
    make_examinee,
)

__all__ = [
    "BASELINES",
    "EXAMINEES",
    "Answered",
    "Examinee",
    "ExamineeOptions",
    "by_picture",
    "make_examinee",
]
