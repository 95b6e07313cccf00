"""Masks, partitions and run-length encoding."""

from iqa_spider.regions.masks import iou, partition, random_partition
from iqa_spider.regions.rle import decode_rle, encode_rle

__all__ = ["decode_rle", "encode_rle", "iou", "partition", "random_partition"]
