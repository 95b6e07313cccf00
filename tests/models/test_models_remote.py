"""The backbone `openai` against a real HTTP server with a real (small, random) Qwen3-VL behind it."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest
from endpoint_server import EndpointServer, Engine, Reply
from tiny_models import save_qwen

from iqa_spider.core import (
    Backbone,
    Box,
    ConfigError,
    Conversation,
    EndpointError,
    Rater,
)
from iqa_spider.models import load_spider
from iqa_spider.models.chat import load_chat
from iqa_spider.models.checkpoints import LoadOptions
from iqa_spider.models.endpoint import Endpoint
from iqa_spider.models.grounding import PROBE
from iqa_spider.models.remote import RemoteBackbone
from iqa_spider.models.remote_steps import Step, align, term_table

QUESTION = "Where is it worst?"


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    return load_chat(str(save_qwen(tmp_path_factory.mktemp("q"), seed=3)), LoadOptions())


def _remote(server, **options):
    return RemoteBackbone(Endpoint(server.url, "tiny", retries=0), **options)


def test_closed_set_over_http_equals_the_model_in_process(local, picture):
    """Text, point distribution, probe and score must not depend on where the model runs."""
    engine = Engine(local, closed=True)
    here = local.open(picture)
    with EndpointServer(engine, engine.vocabulary) as server:
        remote = _remote(server)
        there = remote.open(picture)
        assert isinstance(remote, Backbone)
        assert isinstance(there, Conversation) and isinstance(there, Rater)
        ours, theirs = (t.ask(QUESTION, max_tokens=12) for t in (here, there))
        assert theirs.text == ours.text
        assert theirs.pieces == ours.pieces
        # Log-probabilities are logits less a constant a step: differences within an axis agree.
        for a, b in ((0, 1), (2, 3)):
            gap = ours.logits[:, a, 0] - ours.logits[:, b, 0]
            assert np.allclose(theirs.logits[:, a, 0] - theirs.logits[:, b, 0], gap, atol=1e-3)
        assert there.rate()[0] == pytest.approx(here.rate()[0], abs=1e-3)
        assert all(len(r["logprob_token_ids"]) > 10 for r in server.requests)
        assert server.requests[-1]["continue_final_message"] is True


def test_the_spider_grounds_and_assesses_through_it(local, picture):
    engine = Engine(local, closed=True)
    with EndpointServer(engine, engine.vocabulary) as server:
        session = load_spider("openai:tiny", endpoint=server.url, retries=0).open(picture)
        answer = session.ask("Which region is the most degraded?", ground=True)
        assert answer.point is not None and answer.mask is not None
        assert answer.score is not None


def test_top_k_has_a_floor_and_warns_once(local, picture):
    """A server that is no vLLM: what it leaves out is unlikely, not impossible."""
    engine = Engine(local, closed=False)
    with EndpointServer(engine) as server:
        there = _remote(server).open(picture)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            tables = [there.probe(QUESTION, f"{PROBE} {word}") for word in ("top", "bottom")]
        assert len([w for w in caught if "towards the middle" in str(w.message)]) <= 1
        assert all(np.isfinite(table[:, 0]).all() for table in tables)
        assert all("logprob_token_ids" not in r for r in server.requests)


def test_floor_by_hand():
    found = {" top": -0.1, " x": -3.0, " left": -1.0, " right": -2.0}
    table, floored = term_table(Step(found))
    assert floored
    assert table[:, 0].tolist() == pytest.approx([-0.1, -3.0, -1.0, -2.0])
    assert np.isnan(table[:, 1:]).all()
    assert np.isnan(term_table(Step({}))[0]).all()
    assert not term_table(Step(found, closed=True))[1]


def test_without_log_probabilities_it_describes_and_says_why_it_cannot_point(picture):
    with EndpointServer(lambda body, n: Reply("It is noisy.")) as server:
        session = load_spider("openai:x", endpoint=server.url, retries=0).open(picture)
        assert session.ask("Describe it.", ground=False).text == "It is noisy."
        assert session.rate() is None
        with pytest.raises(EndpointError, match="no log-probabilities"):
            session.ask("Which region is worst?", ground=True)
        with pytest.raises(ConfigError, match="cannot rate"):
            session.assess()


def test_a_server_that_refuses_them_still_answers(picture):
    def script(body, number):
        return Reply("no logprobs", 400) if "logprobs" in body else Reply("It is noisy.")

    with EndpointServer(script) as server:
        there = _remote(server).open(picture)
        with pytest.warns(UserWarning, match="not ground or rate"):
            assert there.ask("Describe it.").text == "It is noisy."


def test_a_server_that_cannot_continue_is_asked_for_the_next_word(picture):
    def script(body, number):
        if "continue_final_message" in body:
            return Reply("unknown field", 400)
        entry = {"token": "Top", "logprob": -0.1, "bytes": None, "top_logprobs": []}
        shares = {"Top": -0.1, "Bottom": -2.5, "Left": -9.0, "Right": -9.0}
        tops = [{"token": t, "logprob": p, "bytes": None} for t, p in shares.items()]
        return Reply("Top", logprobs=[{**entry, "top_logprobs": tops}])

    with EndpointServer(script) as server:
        there = _remote(server).open(picture)
        with pytest.warns(UserWarning, match="next word"):
            table = there.probe(QUESTION, PROBE)
        assert table[0, 0] - table[1, 0] == pytest.approx(2.4)


def test_regions_are_told_in_the_chosen_numbers(picture):
    region = Box(56, 40, 168, 120).mask(picture.shape[1], picture.shape[0])
    with EndpointServer(lambda body, n: Reply("Noise.")) as server:
        for style, told in (
            ("thousandths", "[250, 250, 750, 750]"),
            ("pixels", "[56, 40, 168, 120]"),
        ):
            _remote(server, boxes=style).open(picture).ask("What is wrong?", region=region)
            assert told in server.requests[-1]["messages"][0]["content"][1]["text"]


def test_many_questions_are_under_way_at_once(picture):
    with EndpointServer(lambda body, n: Reply(str(n), delay=0.3)) as server:
        remote = _remote(server)
        talk = remote.open(picture)
        remote.token_ids()
        start = time.perf_counter()
        answers = remote.ask_many([(talk, QUESTION, None)] * 6)
        assert time.perf_counter() - start < 1.2
        assert len(answers) == 6


@pytest.mark.parametrize(
    ("text", "tokens", "pieces"),
    [
        ("at the top left", ["at", " the", " top", " left"], ("at", " the", " top", " left")),
        ("at the top left", ["at", "the", "top", "left"], ("at ", "the ", "top ", "left")),
        ("", [], ()),
    ],
)
def test_tokens_are_laid_along_the_text(text, tokens, pieces):
    """vLLM drops the space of SentencePiece tokens: words run together would hide the terms."""
    assert align(text, tokens) == pieces
