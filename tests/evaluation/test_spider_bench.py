"""spider-bench: the truth gets the full mark, baselines what they deserve, and each score moves by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bench_helpers import Scripted, execute, truthful

from iqa_spider.core import ConfigError, Facts
from iqa_spider.evaluation.bench.items import Reply
from iqa_spider.evaluation.bench.registry import load_benchmark
from iqa_spider.evaluation.bench.runs import read_run
from iqa_spider.evaluation.examinees import BASELINES, make_examinee
from iqa_spider.evaluation.metrics import Direction
from iqa_spider.regions import decode_rle, encode_rle

BENCH = load_benchmark("spider-bench")


def figures(items, built, out, examinee):
    execute(items, built, out, examinee)
    run = read_run(out)
    return {m.name: run.estimate(m, rounds=20) for m in BENCH.metrics}


def test_the_true_answers_get_the_best_mark_in_every_metric(items, built, tmp_path):
    """If the truth does not score full marks, the scorer or the parser is wrong.

    Two exceptions: the global description names the worst three regions alone, and words give a
    severity order but not its ties.
    """
    found = figures(items, built, tmp_path, Scripted(truthful))
    for metric in BENCH.metrics:
        best = metric.range[1] if metric.direction is Direction.HIGHER else metric.range[0]
        figure = found[metric.name]
        if figure.items == 0 or metric.name in ("judge-global", "recall", "severity-moderate"):
            continue
        assert figure.value == pytest.approx(best), metric.name
    assert found["recall"].value > 0.9
    assert found["judge-global"].value > 8.5
    asked = [n for n, f in found.items() if f.items]
    assert {"short", "long", "iou-hyd-g", "iou-sid-g", "iou-dao-g", "extent", "terms"} <= set(asked)


def test_a_missing_mask_is_an_iou_of_zero_and_not_left_out(items, built, tmp_path):
    found = figures(items, built, tmp_path, Scripted(lambda i: replace(truthful(i), mask=None)))
    assert found["iou"].value == 0 and found["iou"].items > 0
    assert found["ciou"].value == 0


def test_a_mask_of_another_size_scores_zero(items, built, tmp_path):
    other = encode_rle(np.ones((7, 9), bool))
    found = figures(items, built, tmp_path, Scripted(lambda i: replace(truthful(i), mask=other)))
    assert found["iou"].value == 0


def test_metrics_of_what_a_model_cannot_give_are_left_out(items, built, tmp_path):
    blind = Scripted(truthful)
    blind.abilities = frozenset(("text",))
    found = figures(items, built, tmp_path, blind)
    assert found["iou"].items == found["point"].items == found["score-srcc"].items == 0
    assert found["short"].value == 1


def _score(item, text):
    return BENCH.score(item, Reply(text=text), frozenset(("text",)), None)


def _item(items, kind, test=lambda facts: True):
    return next(i for i in items if i.kind == kind and test(Facts.from_json(i.truth["facts"])))


def test_exact_set_ignores_order_but_not_extras(items):
    item = _item(items, "short", lambda f: f.region is not None and len(f.region.findings) == 2)
    first, second = (str(f) for f in Facts.from_json(item.truth["facts"]).region.categories)
    assert _score(item, f"{second} and {first}").values["short"] == (1.0,)
    assert _score(item, f"{first}").values["short"] == (0.0,)
    extra = "quantization" if "quantization" not in (first, second) else "darkening"
    assert _score(item, f"{first}, {second} and {extra}").values["short"] == (0.0,)


def test_silence_about_a_clean_region_is_not_taken_for_clean(items):
    item = _item(items, "short", lambda f: f.region is not None and not f.region.findings)
    assert _score(item, "No visible distortion.").values["short"] == (1.0,)
    assert _score(item, "A nice cat.").values["short"] == (0.0,)
    assert _score(item, "A nice cat.").unparsed
    assert _score(item, "Blur.").values["false-alarm-region"] == (1.0,)


def test_severity_counts_steps_and_leaves_the_unstated_out(items):
    item = _item(items, "long", lambda f: f.region is not None and len(f.region.findings) == 1)
    finding = Facts.from_json(item.truth["facts"]).region.findings[0]
    word = "severe" if finding.severity < 3 else "faint"
    off = abs((5 if word == "severe" else 1) - finding.severity)
    assert _score(item, f"{word} {finding.category}").values["severity-error"] == (float(off),)
    found = _score(item, f"{word} {finding.category}")
    assert found.values["severity-near"] == (float(off <= 1), 1.0)
    assert found.values["severity-moderate"] == (float(abs(3 - finding.severity)),)
    silent = _score(item, f"{finding.category}")
    assert "severity-near" not in silent.values
    assert "severity-error" not in silent.values and "severity-error" in silent.unscored


def test_order_of_two_distortions_is_right_wrong_or_not_told(items):
    item = _item(items, "long", lambda f: f.region is not None and len(f.region.findings) == 2)
    first, second = (str(c) for c in Facts.from_json(item.truth["facts"]).region.categories)
    told = [f"first {a}, then {b}" for a, b in ((first, second), (second, first))]
    assert [_score(item, text).values["order"] for text in told] == [(1.0,), (0.0,)]
    assert "order" in _score(item, f"{first}").unscored


def test_name_of_a_region_counts_the_words_that_are_said(items):
    item = _item(items, "hyd-g", lambda f: f.region is not None and len(f.region.name.split()) > 2)
    name = Facts.from_json(item.truth["facts"]).region.name
    words = [w for w in name.split() if w != "area"]
    assert _score(item, f"At the top left: the {name}.").values["name"] == (1.0,)
    assert _score(item, f"The {words[0]} thing.").values["name"] == (1 / len(words),)
    assert _score(item, "Somewhere.").values["name"] == (0.0,)


def test_half_a_position_is_not_a_position(items):
    item = _item(items, "hyd-g", lambda f: f.region is not None)
    vertical, horizontal = Facts.from_json(item.truth["facts"]).region.terms
    wrong = {"left": "right", "right": "left"}[horizontal]
    assert _score(item, f"At the {vertical} {horizontal}.").values["terms"] == (1.0,)
    assert _score(item, f"At the {vertical} {wrong}.").values["terms"] == (0.0,)
    assert _score(item, f"At the {vertical}.").values["terms"] == (0.0,)


@pytest.mark.parametrize("name", [b for b in BASELINES if b != "untrained"])
def test_baselines_answer_every_item_and_none_beats_the_truth(items, built, tmp_path, name):
    baseline = make_examinee(name, items)
    summary = execute(items, built, tmp_path, baseline)
    assert (summary.failed, summary.items) == (0, len(items))
    run = read_run(tmp_path)
    shown = [m for m in BENCH.metrics if any(m.name in i.values for i in run.items)]
    assert shown
    for metric in ("short", "iou", "point"):
        figure = run.estimate(BENCH.metric(metric))
        assert figure.items == 0 or figure.value < 0.9


def test_full_mask_scores_the_area_of_the_regions(items, built, tmp_path):
    execute(items, built, tmp_path, make_examinee("full-mask", items))
    areas = [decode_rle(i.truth["mask"]).mean() for i in items if i.wants_mask and i.truth["mask"]]
    found = read_run(tmp_path).estimate(BENCH.metric("iou")).value
    assert found == pytest.approx(np.mean(areas), abs=1e-5)


def test_majority_is_the_best_constant_of_short_answers(items, built, tmp_path):
    execute(items, built, tmp_path, make_examinee("majority", items))
    keys = [i.key for i in items if i.kind == "short"]
    best = max(keys.count(k) for k in keys) / len(keys)
    assert read_run(tmp_path).estimate(BENCH.metric("short")).value == pytest.approx(best)


def test_random_takes_its_answers_from_other_photos_and_repeats_itself(items, built):
    one, two = (make_examinee("random", items) for _ in range(2))
    replies = [a.reply for a in one.answer(built, items)]
    assert replies == [a.reply for a in two.answer(built, items)]
    pairs = zip(replies, items, strict=True)
    assert not any(r.mask == i.truth["mask"] for r, i in pairs if i.truth["mask"] and i.wants_mask)


def test_pocket_and_its_untrained_twin_sit_the_examination(items, built, tmp_path):
    """The real model end to end: text, mask, point and score come back for each kind of item."""
    kinds = ("global", "rating", "local", "hyd-g", "short")
    few = [next(i for i in items if i.kind == kind and i.photo == "p0") for kind in kinds if any(
        i.kind == kind and i.photo == "p0" for i in items)]  # fmt: skip
    for name in ("pocket", "untrained"):
        summary = execute(few, built, tmp_path / name, make_examinee(name, few))
        assert summary.failed == 0
        row = next(r for r in read_run(tmp_path / name).items if r.kind == "rating")
        assert "score-srcc" in row.values


def test_any_model_of_the_library_sits_by_its_name(items, built):
    """`spider:` must hand names on to the loader: a copy of its table would fall behind."""
    few = [i for i in items if i.kind == "short"][:1]
    one, two = (make_examinee(name, few) for name in ("pocket", "spider:pocket"))
    assert one.describe() == two.describe()
    with pytest.raises(ConfigError, match="nothing"):
        make_examinee("spider:nothing", few)
