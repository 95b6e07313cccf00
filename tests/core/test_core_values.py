"""Value types: what they refuse, and that files give back what was put in."""

from __future__ import annotations

import json

import numpy as np
import pytest

from iqa_spider import core
from iqa_spider.core import (
    FUNCTIONS,
    ORDERS,
    Accumulation,
    Box,
    Category,
    ConfigError,
    Distortion,
    Facts,
    Finding,
    Level,
    RegionError,
    RegionFacts,
    check_mask,
    generator,
    level_of_score,
)


def test_taxonomy_has_the_papers_counts():
    assert len(Category) == 12
    assert len(FUNCTIONS) == 35
    assert sum(len(second) for second in ORDERS.values()) == 12


def test_accumulation_refuses_orders_outside_table_8():
    with pytest.raises(ConfigError, match="Table 8"):
        Accumulation.of([("pixelate", 2), ("blur_lens", 2)])
    with pytest.raises(ConfigError, match="severity"):
        Distortion("pixelate", 6)
    with pytest.raises(ConfigError, match="unknown distortion function"):
        Distortion("sepia", 1)


def test_boxes_and_masks_that_do_not_fit_are_refused():
    with pytest.raises(RegionError, match="inverted"):
        Box(5, 5, 2, 9)
    with pytest.raises(RegionError, match="leaves the picture"):
        Box.parse("0, 0, 50, 10").inside(40, 40)
    with pytest.raises(RegionError, match="four numbers"):
        Box.parse("1,2,3")
    with pytest.raises(RegionError, match="empty"):
        check_mask(np.zeros((4, 4), bool), 4, 4)
    with pytest.raises(RegionError, match=r"\[4, 4\]"):
        check_mask(np.ones((4, 4), bool), 5, 5)


@pytest.mark.parametrize(
    ("box", "terms"),
    [((0, 0, 10, 10), ("top", "left")), ((50, 50, 100, 100), ("bottom", "right")),
     ((0, 0, 100, 100), ("bottom", "right"))],
)  # fmt: skip
def test_terms_follow_equation_1(box, terms):
    """Eq. 1: a centre at exactly half belongs to right and bottom."""
    assert Box(*box).terms(100, 100) == terms


def test_box_of_a_mask_is_half_open():
    mask = np.zeros((10, 10), bool)
    mask[2:5, 3:9] = True
    assert Box.around(mask) == Box(3, 2, 9, 5)
    assert (Box(3, 2, 9, 5).mask(10, 10) == mask).all()


def test_facts_survive_json():
    region = RegionFacts("sky", ("top", "left"), (Finding(Category.BLUR, 2),), (0, 0, 4, 4), 0.5)
    facts = Facts(
        (region,), target=0, extremum="most", asked=(Category.BLUR,), level=Level.FAIR, score=44.0
    )
    assert Facts.from_json(json.loads(json.dumps(facts.to_json()))) == facts


def test_levels_part_the_score_in_five():
    assert [str(level_of_score(s)) for s in (0, 12.4, 12.5, 62.4, 62.5, 100)] == [
        "bad", "bad", "poor", "fair", "good", "excellent",
    ]  # fmt: skip


def test_generators_depend_on_keys_alone():
    assert generator("a", 1).integers(1 << 30) == generator("a", 1).integers(1 << 30)
    assert generator("a", 1).integers(1 << 30) != generator("a", 2).integers(1 << 30)


def test_public_names_exist():
    """A name in ``__all__`` that is not there breaks every star import."""
    assert all(hasattr(core, name) for name in core.__all__)
