"""The shipped model from end to end: every kind of question, region and picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from iqa_spider.core import (
    Box,
    CheckpointError,
    ConfigError,
    Distortion,
    Level,
    QuestionError,
    RegionError,
    Task,
    generator,
)
from iqa_spider.distortions import distort
from iqa_spider.models import catalog, load_spider
from iqa_spider.models.grounding import PROBE
from iqa_spider.models.lite0 import Lite0
from iqa_spider.models.tokens import FEATURES, LEXICON, encode_views


@pytest.fixture(scope="module")
def session(spider, picture):
    noisy = distort(picture, Distortion("noise_gaussian_rgb", 4), generator(1))
    damaged = picture.copy()
    damaged[:, 120:] = noisy[:, 120:]
    return spider.open(damaged)


def test_grounding_gives_text_point_and_mask(session):
    answer = session.ask("Which part of this picture has suffered the most?")
    assert answer.task is Task.GROUNDING
    assert answer.text
    assert answer.mask is not None
    assert answer.mask.shape == session.picture.shape[:2]
    if not answer.whole_image:
        assert answer.point is not None
        assert 0 <= answer.point.x < session.width
        assert 0 <= answer.point.y < session.height
        assert answer.terms is not None
        assert sum(answer.terms["vertical"].values()) == pytest.approx(1)


def test_grounding_does_not_touch_the_text(session):
    """The promise of text-to-point: with and without grounding the same tokens are written."""
    question = "Where does this picture look worst?"
    with_point = session.ask(question, ground=True)
    assert with_point.text == session.ask(question, ground=False).text
    assert session.ask(question, ground=False).mask is None


def test_strong_noise_is_seen_where_it_is(session):
    """The one distortion that is hard to miss; if this fails the weights are broken."""
    right = session.ask(
        "Name the distortions of this region. Short phrase.", region=Box(130, 10, 220, 150)
    )
    assert "noise" in [str(c) for c in right.distortions]


def test_rating_is_worse_for_the_worse_picture(spider, picture):
    scores = [
        spider.open(distort(picture, Distortion("blur_gaussian", s), generator(0))).rate()[0]
        for s in (1, 5)
    ]
    assert 0 <= scores[1] < scores[0] <= 100


def test_assessment_covers_the_picture(session):
    report = session.assess()
    assert report.level in Level
    assert report.regions
    assert sum(r.area for r in report.regions) > 0.5
    assert abs(sum(report.levels.values()) - 1) < 1e-6


def test_bad_regions_and_questions_are_refused(session):
    with pytest.raises(RegionError, match="leaves the picture"):
        session.ask("What is wrong?", region=Box(0, 0, 9999, 10))
    with pytest.raises(RegionError):
        session.ask("What is wrong?", region=np.ones((2, 2), bool))
    with pytest.raises(QuestionError):
        session.ask("   ")


@pytest.mark.parametrize("size", [(1, 1), (20, 3000), (1300, 1100)])
def test_pictures_of_odd_sizes_are_answered(spider, size):
    odd = generator(*size).integers(0, 256, (*size, 3)).astype(np.uint8)
    answer = spider.ask(odd, "Which region is the most degraded?")
    assert answer.mask is not None
    assert answer.mask.shape == size


def test_cached_generation_equals_a_full_pass(session):
    """The key-value cache must not change a single logit's argmax."""
    talk = session.conversation
    generation = talk.ask("Where does this picture look worst?", max_tokens=12)
    question = "Where does this picture look worst?"
    prompt = talk.prompt(question)
    tokens: list[int] = []
    with torch.inference_mode():
        for _ in generation.tokens:
            output = talk.language.model(inputs_embeds=talk.language.embed(prompt, tokens)[None])
            slots = torch.from_numpy(prompt.slots)[None]
            logits = talk.language.logits(output.last_hidden_state[:, -1], slots)[0]
            tokens.append(int((logits + talk.language.copied(prompt.place)).argmax()))
    assert tuple(tokens) == generation.tokens


def test_place_is_copied_into_the_terms(session):
    """The marked place must move its own axis, in its own direction, and no other word."""
    language = session.conversation.language
    bonus = language.copied((0.9, 0.5)).numpy()
    top, bottom, left, right = bonus[language.form_ids[:, 0]]
    assert right == -left > 0.5
    assert top == bottom == 0
    assert np.count_nonzero(bonus) <= 2 * language.form_ids.shape[1]
    assert not language.copied(None).any()


def test_probe_has_a_logit_for_every_form(session):
    assert np.isfinite(session.conversation.probe("Where is it worst?", PROBE)).all()


def test_tokens_have_the_width_the_projector_expects(session):
    features, weights = encode_views(session.conversation.views(None))
    assert features.shape[1] == FEATURES
    assert weights.shape[1] == len(LEXICON)


def test_same_question_same_answer(spider, picture):
    """Numbers that cannot be reproduced are what this field complains of."""
    first, second = (spider.ask(picture, "Which region is the most degraded?") for _ in range(2))
    assert first.text == second.text
    assert (first.mask == second.mask).all()


def test_wrong_names_and_broken_checkpoints_say_so(tmp_path):
    with pytest.raises(ConfigError, match="known: pocket"):
        load_spider("nothing")
    with pytest.raises(CheckpointError, match=r"encoder\.safetensors"):
        load_spider("pocket", checkpoint=tmp_path)
    (tmp_path / "encoder.safetensors").write_bytes(b"garbage")
    with pytest.raises(CheckpointError, match="damaged"):
        load_spider("pocket", checkpoint=tmp_path)


def test_catalog_says_that_the_weights_are_here():
    (card,) = catalog()
    assert card.ready
    assert 1e7 < card.bytes < 1e8


def test_lite0_strides():
    """Each tap must stand on its stride, whatever the size, or cells and pixels part ways."""
    taps = Lite0()(torch.zeros(1, 3, 70, 101))
    assert [t.shape[-2:] for t in taps] == [(-(-70 // s), -(-101 // s)) for s in (2, 4, 8, 16, 32)]
