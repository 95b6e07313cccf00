"""A box holds a region and its surroundings: only the region may be judged."""

from __future__ import annotations

import numpy as np
import pytest

from iqa_spider.core import Box
from iqa_spider.models.boxed import is_box, region_in_box


@pytest.fixture(scope="module")
def session(spider, picture):
    return spider.open(picture).segmenter


def _ellipse(height, width, box):
    rows, columns = np.ogrid[:height, :width]
    x, y = (box.x0 + box.x1 - 1) / 2, (box.y0 + box.y1 - 1) / 2
    across, down = (box.x1 - box.x0) / 2, (box.y1 - box.y0) / 2
    return ((columns - x) / across) ** 2 + ((rows - y) / down) ** 2 <= 1


def test_only_filled_rectangles_are_boxes():
    """A drawn outline must be taken at its word, a box must not."""
    box = Box(10, 12, 50, 40)
    assert is_box(box.mask(80, 60))
    assert not is_box(_ellipse(60, 80, box))
    assert not is_box(np.ones((60, 80), bool))
    assert not is_box(np.zeros((60, 80), bool))


def test_the_region_that_fills_the_box_is_taken(session, picture):
    """Of the masks that are known, the one that reaches the box's sides is meant."""
    height, width = picture.shape[:2]
    box = Box(width // 4, height // 4, 3 * width // 4, 3 * height // 4)
    meant = _ellipse(height, width, box)
    other = np.zeros((height, width), bool)
    other[: height // 2] = True
    found = region_in_box(box.mask(width, height), session, [other, meant])
    assert found.any()
    assert not (found & ~box.mask(width, height)).any()
    assert (found & meant).sum() > 0.9 * found.sum()


def test_a_box_of_one_pixel_has_a_region(session, picture):
    """Nothing to pool would be a division by nothing."""
    height, width = picture.shape[:2]
    assert region_in_box(Box(3, 3, 4, 4).mask(width, height), session, []).sum() == 1
