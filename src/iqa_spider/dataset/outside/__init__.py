"""Loaders of other people's data sets: one small typed row each, strict, an error that names file and row."""

from iqa_spider.dataset.outside.depictqa import DepictRow, read_depictqa
from iqa_spider.dataset.outside.kadid import KADID_TYPES, KadidRow, read_kadid
from iqa_spider.dataset.outside.koniq import KoniqRow, read_koniq
from iqa_spider.dataset.outside.qground import (
    QGroundAnnotation,
    QGroundFormat,
    QGroundRow,
    read_qground,
)
from iqa_spider.dataset.outside.qinstruct import QInstructRow, read_qinstruct

__all__ = [
    "KADID_TYPES",
    "DepictRow",
    "KadidRow",
    "KoniqRow",
    "QGroundAnnotation",
    "QGroundFormat",
    "QGroundRow",
    "QInstructRow",
    "read_depictqa",
    "read_kadid",
    "read_koniq",
    "read_qground",
    "read_qinstruct",
]
