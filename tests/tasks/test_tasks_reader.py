"""The reader of questions, on voices that it was not trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from iqa_spider.core import Category, ConfigError, SubTask, Task
from iqa_spider.tasks import PHRASE, Route, meaning, route
from iqa_spider.tasks.hints import asked_categories, delexicalise
from iqa_spider.tasks.reader import OUTPUTS, Table, features, shipped_table
from iqa_spider.training.reader import fit_reader, pool_wordings, reader_figures
from iqa_spider.training.wordings import read_wordings, shipped_wordings

VOICES = Path(__file__).parent / "voices.jsonl"


def test_unheard_voices_are_understood():
    """If this falls, people who do not speak in our templates get answers to another question."""
    figures = reader_figures(read_wordings(VOICES), shipped_table())
    assert figures["task"] > 0.92
    assert figures["all_parts"] > 0.82
    assert figures["all_parts"] > figures["all_parts_by_rules"] + 0.15


def test_voices_of_the_test_are_not_trained_on():
    trained = {item.question.lower() for item in shipped_wordings()}
    assert not [i for i in read_wordings(VOICES) if i.question.lower() in trained]


def test_our_own_pools_are_understood():
    figures = reader_figures(list(pool_wordings(200, "test")), shipped_table())
    assert figures["all_parts"] > 0.95


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("Who cranked the contrast up here?", (Category.CONTRAST_STRENGTHEN,)),
        ("Which bit had its colours drained?", (Category.SATURATE_WEAKEN,)),
        ("Where were the colours faded?", (Category.SATURATE_WEAKEN,)),
        ("unsharp mask overdose: locate it", (Category.OVERSHARPEN,)),
        ("Somebody pulled the brightness way down", (Category.DARKEN,)),
        ("grain was added after mosaicking", (Category.NOISE, Category.PIXELATE)),
        ("Which region is the most degraded?", ()),
    ],
)
def test_loose_words_name_distortions(question, asked):
    assert asked_categories(question) == asked


def test_shape_is_the_same_for_all_distortions():
    assert delexicalise("Blur first, then noise?") == delexicalise("JPEG first, then grain?")


def test_region_rules_out_questions_for_a_region():
    """With a box in hand the answer is about the box, whatever the words."""
    for question in ("Where is the blur?", "Rate this", "which is worst"):
        assert route(question, has_region=True).task in (Task.LOCAL, Task.REFERRING)


def test_meanings_tell_the_ways_apart():
    ways = [Route(Task.GLOBAL), Route(Task.GLOBAL, rating=True), Route(Task.LOCAL)]
    ways += [Route(Task.REFERRING, s) for s in (SubTask.SHORT, SubTask.LONG)]
    ways += [Route(Task.GROUNDING, SubTask.HYD, e) for e in ("most", "least")]
    for category in Category:
        ways += [Route(Task.GROUNDING, SubTask.SID, e, (category,)) for e in ("most", "least")] + [
            Route(Task.GROUNDING, SubTask.DAO, None, (category,), o) for o in ("first", "last")
        ]
    pair = (Category.BLUR, Category.NOISE)
    ways += [Route(Task.GROUNDING, SubTask.DAO, None, p, "full") for p in (pair, pair[::-1])]
    assert len({meaning(way) for way in ways}) == len(ways)
    assert PHRASE[Category.BLUR] in meaning(ways[-1])


def test_features_are_stable():
    """A hash that changes with the process would scramble the table."""
    rows = features("Where is the blur?", False)
    assert (rows == features("Where is the blur?", False)).all()
    assert rows.size == np.unique(rows).size
    assert shipped_table().weights.shape[1] == OUTPUTS


def test_training_is_repeatable(tmp_path):
    for name in ("a", "b"):
        fit_reader(tmp_path / name, rounds=1, pools=40, held_out=0)
    a, b = (Table.load(tmp_path / name / "reader.npz") for name in ("a", "b"))
    assert (a.weights == b.weights).all()


def test_broken_wordings_name_their_line(tmp_path):
    path = tmp_path / "w.jsonl"
    path.write_text('{"question": "x"}\n')
    with pytest.raises(ConfigError, match=r"w\.jsonl:1"):
        read_wordings(path)
