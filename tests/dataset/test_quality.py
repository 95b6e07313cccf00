"""The full-reference measure behind scores."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from iqa_spider.core import Distortion, RegionError, generator
from iqa_spider.dataset.quality import quality_map, score_of
from iqa_spider.distortions import distort


def test_identical_pictures_score_100(picture):
    assert score_of(picture, picture) == 100
    assert np.allclose(quality_map(picture, picture), 1, atol=1e-5)


@pytest.mark.parametrize("name", ["blur_lens", "noise_gaussian_rgb", "compression_jpeg", "darken_shift_rgb",
                                  "saturate_weaken_hsv", "contrast_weaken_scale"])  # fmt: skip
def test_score_falls_with_severity(picture, name):
    """A measure blind to a category would teach the model that it does no harm."""
    scores = [
        score_of(distort(picture, Distortion(name, s), generator(s)), picture) for s in range(1, 6)
    ]
    assert all(a > b for a, b in pairwise(scores)), scores


def test_pictures_of_different_size_are_refused(picture):
    with pytest.raises(RegionError, match="size"):
        score_of(picture, picture[:-1])
