"""Masks, partitions and run-length encoding."""

from iqa_spider.regions.masks import disc, iou, partition, random_partition, random_pixel
from iqa_spider.regions.rle import decode_rle, encode_rle

__all__ = [
    "decode_rle",
    "disc",
    "encode_rle",
    "iou",
    "partition",
    "random_partition",
    "random_pixel",
]
