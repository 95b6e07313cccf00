"""Backbones, grounding, segmenters and `Spider`. Importing this loads torch."""

from iqa_spider.models.assessment import Assessment, RegionReport
from iqa_spider.models.build import ModelCard, catalog
from iqa_spider.models.grounding import text_to_point
from iqa_spider.models.registry import BACKBONES, SEGMENTERS, load_spider
from iqa_spider.models.spider import Session, Spider
from iqa_spider.models.together import ask_together

__all__ = [
    "BACKBONES",
    "SEGMENTERS",
    "Assessment",
    "ModelCard",
    "RegionReport",
    "Session",
    "Spider",
    "ask_together",
    "catalog",
    "load_spider",
    "text_to_point",
]
