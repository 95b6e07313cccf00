"""Does a judge mark as people do? Rating tasks out, ratings in, agreement with intervals."""

from iqa_spider.evaluation.reliability.agreement import build_study
from iqa_spider.evaluation.reliability.tasks import sample_tasks, write_tasks

__all__ = ["build_study", "sample_tasks", "write_tasks"]
