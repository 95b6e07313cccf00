"""Distortions by other means: they must grow with severity like the functions they stand in for."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from iqa_spider.core import Accumulation, Category, Distortion, generator
from iqa_spider.distortions import accumulate, distort
from iqa_spider.distortions.variants import VARIANTS, vary

CASES = [(c, i) for c in Category for i in range(len(VARIANTS[c]))]


@pytest.mark.parametrize(("category", "index"), CASES)
def test_variants_grow_and_keep_form(picture, category, index):
    """A variant that is weaker at 5 than at 1 teaches the encoder wrong severities."""
    change = []
    for strength in (1.0, 3.0, 5.0):
        found = VARIANTS[category][index](picture, strength, generator("variant", index))
        assert found.shape == picture.shape
        assert found.dtype == np.uint8
        change.append(1 - structural_similarity(picture, found, channel_axis=2))
    assert 0 < change[0] < change[2]
    assert change[1] < change[2] + 0.03


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (33, 17)])
def test_any_size_works(size):
    tiny = generator(*size).integers(0, 256, (*size, 3)).astype(np.uint8)
    for category, index in CASES:
        assert VARIANTS[category][index](tiny, 3.0, generator(0)).shape == tiny.shape


def test_without_variety_nothing_changes(picture):
    """Stored recipes must render as they always did."""
    accumulation = Accumulation.of([("noise_poisson", 3), ("blur_lens", 2)])
    rng = generator("plain")
    expected = picture
    for distortion in accumulation.distortions:
        expected = distort(expected, distortion, rng)
    assert (accumulate(picture, accumulation, generator("plain")) == expected).all()
    varied = accumulate(picture, accumulation, generator("plain"), variety=1.0)
    assert (varied != expected).any()


def test_vary_is_seeded(picture):
    draw = [vary(picture, Distortion("oversharpen", 3), generator("v", 1)) for _ in range(2)]
    assert (draw[0] == draw[1]).all()
