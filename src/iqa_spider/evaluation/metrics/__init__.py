"""Metrics: arrays in, numbers out. Each declares its direction and range; none imports torch."""

from iqa_spider.evaluation.metrics.agreement import ICC_FORMS, icc
from iqa_spider.evaluation.metrics.correlation import fit_logistic, plcc_value, srcc_value
from iqa_spider.evaluation.metrics.estimates import (
    Difference,
    Estimate,
    clustered_mean,
    compare,
    estimate,
    srcc,
    statistic,
)
from iqa_spider.evaluation.metrics.masks import ciou, giou, mask_iou, overlap
from iqa_spider.evaluation.metrics.sets import exact, f1, precision_recall
from iqa_spider.evaluation.metrics.spec import Direction, Metric, Pool

__all__ = [
    "ICC_FORMS",
    "Difference",
    "Direction",
    "Estimate",
    "Metric",
    "Pool",
    "ciou",
    "clustered_mean",
    "compare",
    "estimate",
    "exact",
    "f1",
    "fit_logistic",
    "giou",
    "icc",
    "mask_iou",
    "overlap",
    "plcc_value",
    "precision_recall",
    "srcc",
    "srcc_value",
    "statistic",
]
