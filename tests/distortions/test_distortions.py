"""Distortions: pure, seeded, monotone, and confined to their region."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from iqa_spider.core import FUNCTIONS, ORDERS, Accumulation, Category, Distortion, generator
from iqa_spider.distortions import (
    FUNCTION_TABLE,
    UNPAIRED,
    AccumulationPolicy,
    apply_region,
    distort,
    sample_accumulation,
)

BRIGHTNESS = [n for n in FUNCTIONS if n.startswith(("contrast_strengthen", "quantization"))]


def test_every_function_of_the_taxonomy_is_there():
    assert set(FUNCTION_TABLE) == set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_pure_and_seeded(picture, name):
    """The same seed must give the same bytes, or no data set can be rebuilt."""
    before = picture.copy()
    first = distort(picture, Distortion(name, 3), generator(7))
    assert (first == distort(picture, Distortion(name, 3), generator(7))).all()
    assert (picture == before).all()
    assert first.dtype == np.uint8
    assert first.shape == picture.shape
    assert (first != picture).any()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_severity_is_monotone(picture, name):
    """A severity that looks milder than the one below makes HyD-G and SiD-G answers wrong."""
    changes = [
        np.mean([
            1 - structural_similarity(picture, distort(picture, Distortion(name, s), generator(k)), channel_axis=2)
            for k in range(4)
        ])
        for s in range(1, 6)
    ]  # fmt: skip
    slack = 0.02 if name in BRIGHTNESS else 1e-4
    assert all(b > a - slack for a, b in pairwise(changes)), changes
    assert changes[4] > changes[0] + 0.02


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(FUNCTIONS)),
    st.integers(1, 5),
    st.sampled_from([(1, 1), (1, 37), (50, 3), (9, 300), (33, 31)]),
)
def test_any_size_works(name, severity, size):
    """A ribbon or a single pixel must not crash a build of a hundred thousand photos."""
    picture = generator(*size).integers(0, 256, (*size, 3)).astype(np.uint8)
    assert distort(picture, Distortion(name, severity), generator(0)).shape == picture.shape


def test_region_stays_within_its_mask(picture):
    mask = np.zeros(picture.shape[:2], bool)
    mask[20:60, 30:90] = True
    accumulation = Accumulation.of([("noise_impulse", 4), ("blur_lens", 2)])
    found = apply_region(picture, mask, accumulation, generator(1))
    assert (found[~mask] == picture[~mask]).all()
    assert (found[mask] != picture[mask]).any()


def test_drawn_accumulations_follow_table_8_and_reach_everything():
    drawn = [sample_accumulation(generator("draw", i)) for i in range(600)]
    assert {c for a in drawn for c in a.categories} == set(Category)
    pairs = {a.categories for a in drawn if len(a.distortions) == 2}
    assert pairs == {(a, b) for a in ORDERS for b in ORDERS[a]}
    assert 0.18 < np.mean([len(a.distortions) == 1 for a in drawn]) < 0.32
    for a in drawn:
        if len(a.distortions) == 2 and a.categories[1] is Category.BLUR:
            assert a.distortions[1].severity <= 2


def test_a_policy_can_draw_what_no_pair_holds_twice_as_often():
    """Without it the encoder sees brightening in one region in fifty and never says it."""
    policy = AccumulationPolicy(single_share=1.0, often=UNPAIRED)
    drawn = [sample_accumulation(generator("often", i), policy).categories for i in range(1800)]
    assert all(len(categories) == 1 for categories in drawn)
    shares = {c: np.mean([c in categories for categories in drawn]) for c in Category}
    assert {str(c) for c in UNPAIRED} >= {"brighten", "darken", "oversharpen"}
    assert np.mean([shares[c] for c in UNPAIRED]) == pytest.approx(2 / 18, abs=0.01)
