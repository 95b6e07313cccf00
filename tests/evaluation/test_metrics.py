"""Metrics against hand-made cases and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from iqa_spider.evaluation.metrics import clustered_mean, mask_iou, srcc


def test_interval_widens_when_items_share_a_photo():
    """Ten questions on one photo are not ten independent items."""
    rng = np.random.default_rng(0)
    values = np.repeat(rng.random(20), 10)
    alone = clustered_mean(list(values), [str(i) for i in range(200)])
    shared = clustered_mean(list(values), [str(i // 10) for i in range(200)])
    assert alone.value == pytest.approx(shared.value) == pytest.approx(values.mean())
    assert shared.high - shared.low > 2 * (alone.high - alone.low)


def test_nothing_measured_is_nan_not_zero():
    empty = clustered_mean([], [])
    assert np.isnan(empty.value)
    assert str(empty) == "-"


def test_srcc_matches_scipy_and_survives_constants():
    a, b = [1.0, 3.0, 2.0, 5.0, 4.0], [1.0, 2.0, 2.0, 9.0, 5.0]
    assert srcc(a, b).value == pytest.approx(spearmanr(a, b).statistic)
    assert np.isnan(srcc([1.0] * 5, b).value)


def test_iou_by_hand():
    a = np.array([[1, 1, 0]], bool)
    assert mask_iou(a, np.array([[0, 1, 1]], bool)) == pytest.approx(1 / 3)
