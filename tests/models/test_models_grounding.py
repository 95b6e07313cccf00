"""Text-to-point against hand computations, for every way a term can be written."""

from __future__ import annotations

import math

import numpy as np
import pytest

from iqa_spider.core import FORMS, HORIZONTAL, TERMS, VERTICAL, Generation, Point
from iqa_spider.models.grounding import PROBE, closed_softmax, find_axis, snap, text_to_point


def _generation(pieces: list[str], logits: dict[int, dict[str, float]]) -> Generation:
    """A generation whose closed-set logits at a step are given a term, alike for all forms."""
    table = np.zeros((len(pieces), len(TERMS), len(FORMS)), np.float32)
    for step, values in logits.items():
        for term, value in values.items():
            table[step, TERMS.index(term)] = value
    return Generation("".join(pieces).strip(), tuple(range(len(pieces))), tuple(pieces), table)


def _no_probe(beginning: str):
    raise AssertionError(f"probed although the answer named the term: {beginning}")


def test_closed_softmax_by_hand():
    """Eq. 2 with the temperature inside the exponent."""
    assert closed_softmax(np.array([1.0, 3.0]), 2.0)[1] == pytest.approx(1 / (1 + math.exp(-1)))
    assert closed_softmax(np.array([1000.0, 0.0]), 0.1)[0] == pytest.approx(1.0)
    with pytest.raises(ValueError, match="positive"):
        closed_softmax(np.array([1.0, 2.0]), 0)


def test_point_by_hand():
    """Eqs. 3-4: left and top are 0, right and bottom are 1, scaled to the picture."""
    generation = _generation(
        ["The", " area", " at", " the", " top", " left"],
        {4: {"top": 1.0, "bottom": 0.0}, 5: {"left": 0.0, "right": -2.0}},
    )
    found = text_to_point(generation, (200, 100), 1.0, _no_probe)
    assert found.point.y == pytest.approx(100 / (1 + math.exp(1)))
    assert found.point.x == pytest.approx(200 / (1 + math.exp(2)))
    assert (found.vertical.step, found.horizontal.step) == (4, 5)


@pytest.mark.parametrize(
    ("pieces", "step"),
    [
        ([" at", " the", " top", "-", "left"], 4),
        ([" at", " the", " top", "-left"], 3),
        (["Left", " side"], 0),
        ([" to", " the", " le", "ft", " of"], 2),
        (["  ", "LEFT"], 1),
        ([" leftover", " on", " the", " left"], 3),
    ],
)
def test_the_step_of_a_term_in_every_tokenisation(pieces, step):
    """Reading the wrong step gives a point that has nothing to do with the answer."""
    logits = {step: {"left": 2.0, "right": 0.0}}
    axis = find_axis(_generation(pieces, logits), HORIZONTAL, 1.0)
    assert axis is not None
    assert axis.step == step
    assert axis.probabilities["left"] == pytest.approx(1 / (1 + math.exp(-2)))


def test_the_form_that_was_written_is_the_form_that_is_compared():
    generation = _generation([" Left"], {})
    generation.logits[0, TERMS.index("left"), FORMS.index(" {C}")] = 3.0
    axis = find_axis(generation, HORIZONTAL, 1.0)
    assert axis is not None
    assert axis.probabilities["left"] == pytest.approx(1 / (1 + math.exp(-3)))


def test_a_missing_axis_is_asked_for():
    """An answer such as "in the left half" names no vertical term."""
    asked = []

    def probe(beginning):
        asked.append(beginning)
        table = np.zeros((len(TERMS), len(FORMS)), np.float32)
        table[TERMS.index("bottom")] = 5.0
        return table

    generation = _generation(["left", " half"], {0: {"left": 4.0}})
    found = text_to_point(generation, (100, 100), 1.0, probe)
    assert asked == [PROBE]
    assert found.vertical.step is None
    assert found.vertical.term == "bottom"
    assert found.point.y > 90
    assert found.point.x < 10


def test_no_term_no_axis():
    assert find_axis(_generation(["nothing", " here"], {}), VERTICAL, 1.0) is None


def test_points_snap_to_the_nearest_region_within_reach():
    """Snapping beyond its reach would send the click to a region that the text does not mean."""
    anchors = [Point(10, 10), Point(90, 50)]
    assert snap(Point(14, 12), anchors, (100, 100), 0.1) == anchors[0]
    assert snap(Point(50, 30), anchors, (100, 100), 0.1) == Point(50, 30)
    assert snap(Point(14, 12), anchors, (100, 100), 0.0) == Point(14, 12)
    assert snap(Point(14, 12), [], (100, 100), 0.5) == Point(14, 12)
