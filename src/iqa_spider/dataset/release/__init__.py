"""Publishing a built set: Parquet, conversations for fine-tuning tools, COCO, card and Croissant metadata."""

from iqa_spider.dataset.release.card import Publication, write_card
from iqa_spider.dataset.release.coco import export_coco
from iqa_spider.dataset.release.conversations import FORMATS, export_conversations
from iqa_spider.dataset.release.croissant import validate_croissant, write_croissant
from iqa_spider.dataset.release.parquet import export_parquet
from iqa_spider.dataset.release.subsets import COLUMNS, SUBSETS, Counts, count_samples, subset_of

__all__ = [
    "COLUMNS",
    "FORMATS",
    "SUBSETS",
    "Counts",
    "Publication",
    "count_samples",
    "export_coco",
    "export_conversations",
    "export_parquet",
    "subset_of",
    "validate_croissant",
    "write_card",
    "write_croissant",
]
