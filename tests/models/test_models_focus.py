"""The region in focus: comparisons that must come out right when the encoder is right."""

from __future__ import annotations

import numpy as np
import pytest

from iqa_spider.core import CATEGORIES
from iqa_spider.models.focus import focus, with_focus
from iqa_spider.models.tokens import RegionView
from iqa_spider.tasks import route


def _view(findings: dict[str, tuple[float, float]]) -> RegionView:
    """A view from category -> (severity, probability that it came last)."""
    presence, severity, last = (np.zeros(12, np.float32) for _ in range(3))
    for name, (strength, late) in findings.items():
        index = [str(c) for c in CATEGORIES].index(name)
        presence[index], severity[index], last[index] = 0.9, strength, late
    return RegionView(presence, severity, last, 0.8, 0.5, 0.5, 0.1, 0.3, 0.3, (0, 0, 0), ("area",))


VIEWS = [
    _view({}),
    _view({"blur": (4, 0.1), "compression": (2, 0.9)}),
    _view({"compression": (5, 0.1), "blur": (2, 0.9)}),
    _view({"noise": (3, 0.5)}),
]


@pytest.mark.parametrize(
    ("question", "index"),
    [
        ("Which region is the most degraded?", 2),
        ("Which region is the least degraded?", 0),
        ("Where is the blur strongest?", 1),
        ("Of the regions with blur, which has the least?", 2),
        ("Which region was blurred first, then compressed?", 1),
        ("Which area had compression applied first?", 2),
        ("Where is it noisiest?", 3),
    ],
)
def test_the_right_region_is_in_focus(question, index):
    """If this is wrong the language model is told the wrong place."""
    assert focus(VIEWS, route(question)) == index


def test_other_questions_have_no_focus():
    assert focus(VIEWS, route("Describe the quality of this picture.")) is None
    assert len(with_focus(VIEWS, route("Rate this picture."))) == len(VIEWS)
