"""The people in the loop: annotation of authentic photos and verification of samples, with Label Studio."""

from iqa_spider.dataset.people.agreement import Agreement, agreement_of
from iqa_spider.dataset.people.annotations import Annotation, MarkedRegion, read_annotations
from iqa_spider.dataset.people.authentic import ImportSummary, import_annotations
from iqa_spider.dataset.people.brush import decode_brush, encode_brush
from iqa_spider.dataset.people.configs import ANNOTATION_CONFIG, DIMENSIONS, RATING_CONFIG
from iqa_spider.dataset.people.ratings import RatingReport, read_ratings, report_ratings
from iqa_spider.dataset.people.studio import Studio
from iqa_spider.dataset.people.tasks import annotation_tasks, choose_samples, rating_tasks

__all__ = [
    "ANNOTATION_CONFIG",
    "DIMENSIONS",
    "RATING_CONFIG",
    "Agreement",
    "Annotation",
    "ImportSummary",
    "MarkedRegion",
    "RatingReport",
    "Studio",
    "agreement_of",
    "annotation_tasks",
    "choose_samples",
    "decode_brush",
    "encode_brush",
    "import_annotations",
    "rating_tasks",
    "read_annotations",
    "read_ratings",
    "report_ratings",
]
