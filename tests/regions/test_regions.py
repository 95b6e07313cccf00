"""Masks and their encoding."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from iqa_spider.core import RegionError, generator
from iqa_spider.regions import decode_rle, encode_rle, iou, partition, random_partition


@settings(max_examples=50, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 20))))
def test_rle_survives_json(mask):
    rle = json.loads(json.dumps(encode_rle(mask)))
    assert rle["size"] == list(mask.shape)
    assert (decode_rle(rle) == mask).all()


def test_broken_rle_is_refused():
    with pytest.raises(RegionError, match="RLE"):
        decode_rle({"size": [4, 4]})


def test_iou_of_empty_masks_is_one():
    empty = np.zeros((3, 3), bool)
    assert iou(empty, empty) == 1.0
    assert iou(empty, ~empty) == 0.0


def test_partition_drops_specks_and_orders_by_size():
    labels = np.zeros((100, 100), int)
    labels[:, 60:] = 1
    labels[0, 0] = 2
    assert [m.sum() for m in partition(labels)] == [5999, 4000]


def test_random_partition_covers_the_picture(picture):
    labels = random_partition(picture, generator(3), 5)
    assert labels.shape == picture.shape[:2]
    assert 2 <= len(np.unique(labels)) <= 5
