"""Metrics against hand-made cases, scipy, scikit-learn and published values."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.stats import bootstrap, pearsonr, spearmanr, ttest_rel
from sklearn.metrics import jaccard_score, precision_recall_fscore_support

from iqa_spider.evaluation.metrics import (
    Direction,
    Metric,
    Pool,
    ciou,
    clustered_mean,
    compare,
    estimate,
    exact,
    f1,
    fit_logistic,
    giou,
    icc,
    mask_iou,
    plcc_value,
    precision_recall,
    srcc,
    srcc_value,
)
from iqa_spider.evaluation.metrics.correlation import weighted_correlation

SHROUT = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)
"""Table 2 of Shrout and Fleiss (1979): six targets, four judges."""


def pairs(count: int = 60, seed: int = 0, noise: float = 0.4):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=count)
    return truth + noise * rng.normal(size=count), truth


def test_interval_widens_when_items_share_a_photo():
    """Ten questions on one photo are not ten independent items."""
    rng = np.random.default_rng(0)
    values = np.repeat(rng.random(20), 10)
    alone = clustered_mean(list(values), [str(i) for i in range(200)])
    shared = clustered_mean(list(values), [str(i // 10) for i in range(200)])
    assert alone.value == pytest.approx(shared.value) == pytest.approx(values.mean())
    assert shared.high - shared.low > 2 * (alone.high - alone.low)


def test_correlation_interval_widens_when_items_share_a_photo():
    """The drawing of whole photos must hold for correlations too, where it is done by indices."""
    a, b = pairs(30)
    many = [(float(x), float(y)) for x, y in zip(np.repeat(a, 8), np.repeat(b, 8), strict=True)]
    alone = estimate(Pool.PLCC, many, [str(i) for i in range(240)], rounds=300)
    shared = estimate(Pool.PLCC, many, [str(i // 8) for i in range(240)], rounds=300)
    assert shared.value == pytest.approx(pearsonr(a, b).statistic)
    assert shared.high - shared.low > 2 * (alone.high - alone.low)


def test_interval_covers_the_true_mean_about_as_often_as_it_says():
    """Of 200 draws of 40 items the 95 % interval must hold the mean in 90-99 %."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        values = rng.random(40)
        found = clustered_mean(list(values), [str(i) for i in range(40)], rounds=300)
        held += found.low <= 0.5 <= found.high
    assert 180 <= held <= 198


@pytest.mark.parametrize(
    "pool, figure", [(Pool.MEAN, np.mean), (Pool.RATIO, None), (Pool.PLCC, None)]
)
def test_interval_is_that_of_scipy_where_every_item_is_its_own_photo(pool, figure):
    """An independent implementation of the percentile bootstrap, on the same data."""
    x, y = pairs(80)
    x, y = np.abs(x), np.abs(y) + 0.5
    if pool is Pool.MEAN:
        values, data, paired = [(v,) for v in x], (x,), False
    else:
        values, data, paired = list(zip(x, y, strict=True)), (x, y), True
    figure = (
        figure
        or {
            Pool.RATIO: lambda a, b: a.sum() / b.sum(),
            Pool.PLCC: lambda a, b: pearsonr(a, b).statistic,
        }[pool]
    )
    ours = estimate(pool, values, [str(i) for i in range(80)], rounds=3000)
    theirs = bootstrap(
        data, figure, paired=paired, vectorized=False, n_resamples=3000, method="percentile",
        rng=np.random.default_rng(7),
    ).confidence_interval  # fmt: skip
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.08 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.08 * width)


def test_nothing_measured_is_nan_not_zero():
    empty = clustered_mean([], [])
    assert np.isnan(empty.value)
    assert str(empty) == "-"


def test_one_item_has_no_width():
    """One photo resampled is itself: an interval of no width would claim to know all others."""
    one = clustered_mean([0.25], ["a"])
    assert (one.value, one.items) == (0.25, 1) and np.isnan([one.low, one.high]).all()
    assert str(one) == "0.250 [no interval]"
    assert np.isnan(estimate(Pool.SRCC, [(1.0, 2.0)], ["a"]).value)


def test_pools_without_anything_to_divide_by_are_nan_not_zero():
    """No category named at all, no pair of unlike truths, one item, a constant side."""
    for pool, values in (
        (Pool.RATIO, [(0.0, 0.0), (0.0, 0.0)]),
        (Pool.ORDER, [(1.0, 2.0), (3.0, 2.0)]),
        (Pool.ORDER, [(1.0, 2.0)]),
        (Pool.SRCC, [(1.0, 2.0)] * 5),
        (Pool.PLCC, [(1.0, float(i)) for i in range(5)]),
        (Pool.PLCC_5, [(float(i), 3.0) for i in range(9)]),
    ):
        found = estimate(pool, values, ["a"] * len(values), rounds=20)
        assert np.isnan(found.value) and found.items == len(values), pool
    half = estimate(Pool.RATIO, [(0.0, 0.0), (1.0, 2.0)], ["a", "b"], rounds=200)
    assert half.value == 0.5 and (half.low, half.high) == (0.5, 0.5)  # rounds of "a" alone are none


def test_constant_scores_have_no_width_and_differ_from_nothing():
    same = [(0.5,)] * 12
    clusters = [str(i // 3) for i in range(12)]
    found = estimate(Pool.MEAN, same, clusters)
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)
    shifted = compare(Pool.MEAN, [(0.75,)] * 12, same, clusters)
    assert (shifted.value, shifted.low, shifted.high) == (0.25, 0.25, 0.25)
    assert shifted.p < 0.01
    assert np.isnan(
        compare(Pool.SRCC, [(1.0, 2.0)] * 5, [(1.0, 2.0)] * 5, list("abcde"), rounds=20).p
    )


def test_one_photo_can_prove_nothing():
    """All rounds draw the same photo: the difference is there, its width is not, and there is no p."""
    found = compare(Pool.MEAN, [(1.0,), (0.5,)], [(0.0,), (0.5,)], ["a", "a"], rounds=100)
    assert found.value == 0.5 and (found.low, found.high) == (0.5, 0.5)
    assert np.isnan(found.p)


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="2 values but 1 clusters"):
        clustered_mean([1.0, 2.0], ["a"])
    with pytest.raises(ValueError, match="equal items"):
        compare(Pool.MEAN, [(1.0,)], [], ["a"])


def test_srcc_matches_scipy_with_ties_and_survives_constants():
    a, b = [1.0, 3.0, 2.0, 5.0, 4.0], [1.0, 2.0, 2.0, 9.0, 5.0]
    assert srcc(a, b).value == pytest.approx(spearmanr(a, b).statistic)
    assert np.isnan(srcc([1.0] * 5, b).value)
    x, y = pairs()
    x = np.round(x)
    assert srcc_value(x, y) == pytest.approx(spearmanr(x, y).statistic)


def test_plcc_matches_scipy():
    x, y = pairs()
    assert plcc_value(x, y) == pytest.approx(pearsonr(x, y).statistic)
    assert np.isnan(plcc_value(np.ones(9), np.arange(9.0)))


@pytest.mark.parametrize("parameters", [4, 5])
@pytest.mark.parametrize("sign", [1, -1])
def test_logistic_fit_straightens_a_curve_it_can_follow(parameters, sign):
    """Predictions bent by a logistic must correlate linearly with the truth after the fit."""
    x = np.linspace(-4, 4, 80) * sign
    truth = 1 + 4 / (1 + np.exp(-3 * (np.linspace(-4, 4, 80) - 0.5)))
    fitted = fit_logistic(x, truth, parameters)
    assert plcc_value(fitted, truth) > 0.999 > abs(plcc_value(x, truth))
    assert np.abs(fitted - truth).max() < 0.1


def test_logistic_fit_never_lowers_a_noisy_correlation_much():
    x, y = pairs(200)
    for pool in (Pool.PLCC_4, Pool.PLCC_5):
        found = estimate(
            pool, list(zip(x, y, strict=True)), [str(i) for i in range(200)], rounds=50
        )
        assert found.value > plcc_value(x, y) - 0.01


@pytest.mark.parametrize("pool, scipys", [(Pool.SRCC, spearmanr), (Pool.PLCC, pearsonr)])
def test_bootstrap_weights_count_an_item_as_often_as_it_was_drawn(pool, scipys):
    """The quick way through weights must be the correlation of the items repeated, ties included."""
    rng = np.random.default_rng(4)
    x, y = rng.integers(0, 5, 60).astype(float), np.round(rng.normal(size=60), 1)
    weights = np.bincount(rng.integers(0, 60, 60), minlength=60)
    found = weighted_correlation(pool, x, y)(weights.astype(float))
    again = np.repeat(np.arange(60), weights)
    assert found == pytest.approx(scipys(x[again], y[again]).statistic, abs=1e-12)
    one_value = np.where(x == 2, 3.0, 0.0)
    assert np.isnan(weighted_correlation(pool, x, y)(one_value))
    assert np.isnan(weighted_correlation(pool, x, y)(np.eye(60)[0]))


def test_interval_of_a_rank_correlation_of_ten_thousand_items_takes_a_second():
    """KADID-10K has sixteen correlations a model: ranking anew in every round took minutes."""
    x, y = np.random.default_rng(0).normal(size=(2, 10_000))
    start = time.process_time()
    estimate(Pool.SRCC, list(zip(x, y, strict=True)), [str(i % 81) for i in range(10_000)])
    assert time.process_time() - start < 1.5


def test_logistic_fit_of_a_constant_or_of_too_few_is_nan():
    assert np.isnan(fit_logistic(np.ones(20), np.arange(20.0), 4)).all()
    assert np.isnan(fit_logistic(np.arange(3.0), np.arange(3.0), 5)).all()
    with pytest.raises(ValueError, match="4 or 5"):
        fit_logistic(np.arange(9.0), np.arange(9.0), 3)


@pytest.mark.parametrize(
    "form, published",
    [("1,1", 0.17), ("2,1", 0.29), ("3,1", 0.71), ("1,k", 0.44), ("2,k", 0.62), ("3,k", 0.91)],
)
def test_icc_gives_the_values_that_shrout_and_fleiss_published(form, published):
    assert icc(SHROUT, form) == pytest.approx(published, abs=0.006)


def test_icc_of_equal_raters_is_one_and_of_constants_is_nan():
    same = np.repeat(np.arange(5.0)[:, None], 3, 1)
    assert icc(same, "2,1") == pytest.approx(1)
    assert (
        icc(same + np.array([0, 0, 2]), "3,1")
        == pytest.approx(1)
        != icc(same + np.array([0, 0, 2]), "2,1")
    )
    assert np.isnan(icc(np.ones((4, 2))))
    assert np.isnan(icc(np.ones((1, 2))))
    with pytest.raises(ValueError, match="complete"):
        icc(np.array([[1.0, np.nan], [2.0, 2.0]]))


def test_iou_by_hand_and_by_sklearn():
    a = np.array([[1, 1, 0]], bool)
    assert mask_iou(a, np.array([[0, 1, 1]], bool)) == pytest.approx(1 / 3)
    rng = np.random.default_rng(0)
    x, y = rng.random((20, 30)) > 0.5, rng.random((20, 30)) > 0.7
    assert mask_iou(x, y) == pytest.approx(jaccard_score(x.ravel(), y.ravel()))


def test_iou_of_empty_masks_and_of_masks_that_differ_in_size():
    empty, full = np.zeros((2, 3), bool), np.ones((2, 3), bool)
    assert mask_iou(empty, empty) == 1
    assert mask_iou(empty, full) == 0
    with pytest.raises(ValueError, match=r"\[2, 3\] and \[3, 2\]"):
        mask_iou(full, full.T)


def test_giou_weighs_pictures_equally_and_ciou_pixels():
    small = (np.eye(2, dtype=bool), np.eye(2, dtype=bool))
    large = (np.ones((10, 10), bool), np.arange(100).reshape(10, 10) < 50)
    assert giou([small, large]) == pytest.approx(0.75)
    assert ciou([small, large]) == pytest.approx(52 / 102)
    assert np.isnan(giou([])) and np.isnan(ciou([]))


def test_ciou_is_the_jaccard_index_of_all_pixels_together():
    rng = np.random.default_rng(5)
    found = [(rng.random((9, 7)) > 0.4, rng.random((9, 7)) > 0.6) for _ in range(5)]
    one, two = (np.concatenate([pair[side].ravel() for pair in found]) for side in (0, 1))
    assert ciou(found) == pytest.approx(jaccard_score(one, two))
    assert giou(found) == pytest.approx(
        np.mean([jaccard_score(a.ravel(), b.ravel()) for a, b in found])
    )


def test_set_scores_match_sklearn_micro_average():
    names = ["a", "b", "c"]
    found, true = [{"a", "b"}, {"c"}, set()], [{"a"}, {"b", "c"}, {"a"}]
    rows = [precision_recall(f, t) for f, t in zip(found, true, strict=True)]
    clusters = ["1", "2", "3"]
    precision = estimate(Pool.RATIO, [r[0] for r in rows], clusters).value
    recall = estimate(Pool.RATIO, [r[1] for r in rows], clusters).value
    matrix = [[[n in s for n in names] for s in side] for side in (true, found)]
    expected = precision_recall_fscore_support(*matrix, average="micro")
    assert (precision, recall) == pytest.approx(expected[:2])
    assert f1(set(), set()) == 1 and f1({"a"}, set()) == 0
    assert exact(["b", "a"], ["a", "b"]) == 1


def test_order_counts_pairs_within_a_photo_only():
    """Severities are compared where the eye can compare them: in one picture."""
    values = [(1.0, 1.0), (2.0, 3.0), (9.0, 2.0), (0.0, 5.0), (1.0, 5.0)]
    found = estimate(Pool.ORDER, values, ["x", "x", "x", "y", "y"])
    assert found.value == pytest.approx(2 / 3)  # y holds a tie of the truth: no pair
    tied = estimate(Pool.ORDER, [(1.0, 1.0), (1.0, 2.0)], ["x", "x"])
    assert tied.value == pytest.approx(0.5)


def test_paired_test_sees_a_small_even_gain_that_intervals_hide():
    rng = np.random.default_rng(0)
    first = rng.random(100)
    second = first - 0.03 + 0.01 * rng.normal(size=100)
    clusters = [str(i) for i in range(100)]
    a, b = [(float(x),) for x in first], [(float(x),) for x in second]
    found = compare(Pool.MEAN, a, b, clusters)
    assert found.value == pytest.approx(0.03, abs=0.005)
    assert found.p < 0.01 and found.low > 0
    assert estimate(Pool.MEAN, a, clusters).low < estimate(Pool.MEAN, b, clusters).high


@pytest.mark.parametrize("gain", [0.0, 0.05, 0.1, 0.15])
def test_paired_test_agrees_with_the_t_test_on_independent_normal_differences(gain):
    """There both are right; a p that were one-sided, or of unpaired runs, would be off by far."""
    rng = np.random.default_rng(11)
    shared = rng.normal(size=120)
    a, b = shared + gain + 0.3 * rng.normal(size=120), shared + 0.3 * rng.normal(size=120)
    clusters = [str(i) for i in range(120)]
    ours = compare(Pool.MEAN, [(x,) for x in a], [(x,) for x in b], clusters, rounds=4000)
    theirs = ttest_rel(a, b).pvalue
    assert ours.p == pytest.approx(theirs, abs=0.03, rel=0.25)


def test_paired_test_of_a_run_with_itself_is_not_significant():
    values = [(float(x),) for x in np.random.default_rng(0).random(50)]
    found = compare(Pool.MEAN, values, values, [str(i) for i in range(50)])
    assert (found.value, found.p) == (0.0, 1.0)


def test_false_alarm_rate_of_the_paired_test_is_near_its_level():
    """Two runs that differ by chance alone must not be called different in more than a few percent."""
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(150):
        a, b = rng.random(60), rng.random(60)
        found = compare(
            Pool.MEAN, [(x,) for x in a], [(x,) for x in b], [str(i) for i in range(60)], rounds=300
        )
        alarms += found.p < 0.05
    assert alarms <= 18


def test_metric_refuses_values_out_of_its_range():
    metric = Metric("loss", "Loss", (0.0, 4.0), Direction.LOWER)
    assert metric.arrow == "↓"
    with pytest.raises(ValueError, match="lies in"):
        metric.check((5.0,))
    with pytest.raises(ValueError, match="wants 1"):
        metric.check((1.0, 2.0))
    with pytest.raises(ValueError, match="inverted"):
        Metric("bad", "Bad", (1.0, 0.0))
