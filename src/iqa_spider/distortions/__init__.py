"""12 categories, 35 functions, 5 severities: pure, seeded, uint8 RGB in and out."""

from iqa_spider.distortions.compose import (
    UNPAIRED,
    AccumulationPolicy,
    accumulate,
    apply_region,
    sample_accumulation,
)
from iqa_spider.distortions.registry import FUNCTION_TABLE, distort

__all__ = [
    "FUNCTION_TABLE",
    "UNPAIRED",
    "AccumulationPolicy",
    "accumulate",
    "apply_region",
    "distort",
    "sample_accumulation",
]
