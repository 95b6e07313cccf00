"""Questions, answers, parsers and router."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iqa_spider.core import (
    Category,
    Facts,
    Finding,
    Level,
    QuestionError,
    RegionFacts,
    SubTask,
    Task,
    generator,
)
from iqa_spider.tasks import (
    EFFECTS,
    PHRASE,
    POOLS,
    Appearance,
    anchor,
    appearance,
    find_categories,
    match_name,
    parse_answer,
    parse_regions,
    region_name,
    rough,
    route,
    terms_of,
    write_answer,
)

COUNTS = {
    "local": 17, "global": 26, "hyd-g/most": 12, "hyd-g/least": 12, "sid-g/most": 8, "sid-g/least": 8,
    "dao-g/full": 6, "dao-g/first": 6, "dao-g/last": 6, "referring/single/short": 14,
    "referring/single/long": 14, "referring/multi/short": 14, "referring/multi/long": 14,
}  # fmt: skip


def test_pools_have_the_papers_counts_and_no_doubles():
    for key, count in COUNTS.items():
        assert len(set(POOLS[key])) == len(POOLS[key]) >= count, key


def test_pools_do_not_drift():
    """Prompts are part of the benchmark: a change must be meant (update the digest then)."""
    digest = hashlib.sha256(json.dumps(POOLS, sort_keys=True).encode()).hexdigest()[:16]
    assert digest == "8fff72d665564cad"


def test_effects_name_no_category():
    """An effect that names another category would be read back as a second distortion."""
    assert not [e for effects in EFFECTS.values() for e in effects if find_categories(e)]


findings = st.lists(
    st.tuples(st.sampled_from(list(Category)), st.integers(1, 5)),
    max_size=2,
    unique_by=lambda f: f[0],
).map(lambda pairs: tuple(Finding(c, s) for c, s in pairs))


@settings(max_examples=150, deadline=None)
@given(findings, st.sampled_from(["top", "bottom"]), st.sampled_from(["left", "right"]), st.integers(0, 99),
       st.sampled_from([SubTask.SHORT, SubTask.LONG, SubTask.HYD, None]))  # fmt: skip
def test_answers_are_read_back(found, v, h, seed, subtask):
    """Evaluation compares facts: what the writer says the parser must return."""
    facts = Facts((RegionFacts("large dark green area", (v, h), found),), target=0)
    task = {None: Task.LOCAL, SubTask.HYD: Task.GROUNDING}.get(subtask, Task.REFERRING)
    parsed = parse_answer(write_answer(task, subtask, facts, np.random.default_rng(seed)))
    assert parsed.categories == tuple(f.category for f in found)
    assert parsed.clean == (not found)
    if subtask is not SubTask.SHORT:
        assert parsed.severities == {f.category: f.severity for f in found}
    if task is not Task.REFERRING:
        assert parsed.terms == (v, h)


def test_global_answers_keep_their_regions_apart():
    regions = (
        RegionFacts("sky", ("top", "left"), (Finding(Category.NOISE, 4),)),
        RegionFacts("road", ("bottom", "right"), (Finding(Category.BLUR, 2),)),
    )
    text = write_answer(Task.GLOBAL, None, Facts(regions, level=Level.POOR))
    assert parse_answer(text).level is Level.POOR
    assert [(r.terms, r.categories) for r in parse_regions(text)] == [
        (("top", "left"), (Category.NOISE,)),
        (("bottom", "right"), (Category.BLUR,)),
    ]


@pytest.mark.parametrize(
    ("text", "categories", "terms"),
    [
        ("", (), (None, None)),
        ("I cannot tell.", (), (None, None)),
        ("Severe blurring in the upper-left part", (Category.BLUR,), ("top", "left")),
        ("no blur but slightly noisy", (Category.NOISE,), (None, None)),
        ("Heavy JPEG artifacts, then film grain; lower right.", (Category.COMPRESSION, Category.NOISE), ("bottom", "right")),
        ("blur blur noise compression", (Category.BLUR, Category.NOISE, Category.COMPRESSION), (None, None)),
        ("It looks washed-out and over-sharpened", (Category.CONTRAST_WEAKEN, Category.OVERSHARPEN), (None, None)),
    ],
)  # fmt: skip
def test_parser_on_other_peoples_words(text, categories, terms):
    parsed = parse_answer(text)
    assert parsed.categories == categories
    assert parsed.terms == terms
    assert (parsed.reason is not None) == (not categories and terms == (None, None))


def _expected(key):
    return key.replace("free/", "").replace("single/", "").replace("multi/", "")


def _routed(question):
    way = route(question)
    if way.task is Task.GROUNDING:
        return f"{way.subtask}/{way.order or way.extremum}"
    if way.task is Task.REFERRING:
        return f"referring/{way.subtask}"
    return "rating" if way.rating else str(way.task)


def test_router_knows_the_pools():
    """A question that goes the wrong way gets an answer of the wrong kind."""
    slots = {"region": "the dark green area at the top left", "distortion": "blur", "first": "blur", "second": "compression"}  # fmt: skip
    questions = [(_expected(key), t.format(**slots)) for key, pool in POOLS.items() for t in pool]
    wrong = [(want, q) for want, q in questions if _routed(q) != want]
    assert len(wrong) <= 0.03 * len(questions), wrong


@pytest.mark.parametrize(
    ("question", "want"),
    [
        ("Which region was blurred first, then compressed?", "dao-g/full"),
        ("Where is it noisiest?", "sid-g/most"),
        ("which part looks best?", "hyd-g/least"),
        ("What is wrong with the sky?", "referring/short"),
        ("Describe the quality of the sky", "local"),
        ("How is this picture?", "global"),
        ("Which regoin is the most degarded?", "hyd-g/most"),
        ("Find the area with the least JPEG artifacts", "sid-g/least"),
        ("Rate this image", "rating"),
    ],
)
def test_router_on_other_words(question, want):
    assert _routed(question) == want


def test_region_makes_a_vague_question_one_about_it():
    assert route("What do you see?", has_region=True).task is Task.REFERRING
    assert route("Which distortions, and their effects?", has_region=True).subtask is SubTask.LONG


def test_bad_questions_are_refused():
    with pytest.raises(QuestionError, match="empty"):
        route("  ")
    with pytest.raises(QuestionError, match="shorten"):
        route("word " * 10_000)


def test_anchor_lies_inside_bent_regions():
    """The centre of a ring or an L is outside of it; a click there would segment something else."""
    mask = np.zeros((80, 120), bool)
    mask[5:75, 5:20] = True
    mask[60:75, 5:110] = True
    point = anchor(mask)
    assert mask[int(point.y), int(point.x)]
    assert terms_of(mask) == ("bottom", "left")


def test_names_say_colour_and_size(picture):
    blue = np.zeros((50, 50, 3), np.uint8)
    blue[..., 2] = 200
    mask = np.ones((50, 50), bool)
    assert region_name(appearance(blue, mask)) == "large light blue area"
    looks = [
        (Appearance("blue", "", "large"), ("top", "left")),
        (Appearance("red", "", ""), ("bottom", "left")),
    ]
    assert np.argmax(match_name("the red part, lower left", looks)) == 1


def test_rough_wordings_stay_readable():
    text = "Which region shows the strongest compression?"
    words = {rough(text, generator("rough", i)) for i in range(40)}
    assert len(words) > 10
    assert all(abs(len(w) - len(text)) <= 2 for w in words)
    assert all(PHRASE[c] for c in Category)
