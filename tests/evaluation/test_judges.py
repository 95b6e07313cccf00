"""Judges: rules by hand, the LMM judge against a real HTTP server, verdicts from a file."""

from __future__ import annotations

import hashlib
import json

import pytest
from bench_helpers import Scripted, execute, truthful
from endpoint_server import EndpointServer, Reply

from iqa_spider.core import Category, ConfigError, DatasetError, Facts, Finding, RegionFacts
from iqa_spider.evaluation.bench.runs import read_run
from iqa_spider.evaluation.judges import (
    RUBRICS,
    Case,
    JudgeOptions,
    RuleJudge,
    ScriptedJudge,
    make_judge,
)

REGION = RegionFacts(
    "dark area", ("top", "left"), (Finding(Category.BLUR, 4), Finding(Category.NOISE, 2))
)
FACTS = Facts((REGION, RegionFacts("sky", ("bottom", "right"))), target=0)


def case(answer: str, rubric: str = "grounding", facts: Facts | None = FACTS) -> Case:
    return Case("x", "Where?", "At the top left, strong blur.", answer, RUBRICS[rubric], facts)


def mark(answer: str, rubric: str = "grounding", facts: Facts = FACTS) -> float:
    score = RuleJudge().verdict(case(answer, rubric, facts)).score
    assert score is not None
    return score


def test_rubrics_are_those_the_figures_were_made_with():
    """Other words are another benchmark: raise the version of the benchmark with this digest."""
    text = json.dumps({n: [r.top, r.text] for n, r in sorted(RUBRICS.items())})
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "4ae2707e016bacc0"


@pytest.mark.parametrize(
    "answer, expected",
    [
        ("The top left region, with strong blur, then mild noise.", 5.0),
        ("", 0.0),
        ("A cat.", 0.0),
        ("The top left.", 5 * 0.4),
        ("The top right.", 5 * 0.2),
        ("Blur and noise.", 5 * 0.4),
        ("Strong blur.", 5 * (0.4 * 2 / 3 + 0.2 * 0.5)),
        ("Faint blur and mild noise.", 5 * (0.4 + 0.2 * (0.25 + 1) / 2)),
        ("Blur, noise, pixelation and darkening.", 5 * 0.4 * 2 / 3),
    ],
)
def test_rules_by_hand(answer, expected):
    assert mark(answer) == pytest.approx(expected)


def test_rules_want_a_clean_picture_called_clean():
    clean = Facts((), whole_image=True)
    assert mark("No visible distortion.", "global", clean) == 10
    assert mark("Heavy blur.", "global", clean) == 0


def test_rules_reward_saying_that_the_whole_image_is_hit():
    whole = Facts(
        (RegionFacts("all", ("top", "left"), (Finding(Category.BLUR, 3),)),), whole_image=True
    )
    part, all_of_it = "Moderate blur at the top left.", "The whole image shows moderate blur."
    assert mark(all_of_it, "grounding", whole) == 5
    assert mark(part, "grounding", whole) == pytest.approx(3)


def test_every_true_answer_of_the_data_set_gets_nearly_the_full_mark(items):
    for item in items:
        if item.kind in ("local", "hyd-g", "sid-g", "dao-g"):
            rubric = "local" if item.kind == "local" else "grounding"
            facts = Facts.from_json(item.truth["facts"])
            assert mark(item.reference, rubric, facts) == pytest.approx(RUBRICS[rubric].top), (
                item.reference
            )


def _marks(*scores):
    """A script: each request gets the next score."""
    return lambda body, n: Reply(json.dumps({"reason": "so", "score": scores[n % len(scores)]}))


def _judge(server, **options):
    return make_judge("openai:judge", JudgeOptions(endpoint=server.url, **options))


def test_lmm_judge_averages_rounds_and_sends_the_rubric():
    with EndpointServer(_marks(1, 2, 3, 4, 5)) as server:
        found = list(_judge(server, rounds=5).judge([case("Top left.")]))
        assert found[0][1].score == 3 and len(found[0][1].rounds) == 5
        body = server.requests[0]
        assert body["messages"][0]["content"] == RUBRICS["grounding"].text
        assert "Top left." in body["messages"][1]["content"]
        assert body["temperature"] == 0
        assert (
            body["response_format"]["json_schema"]["schema"]["properties"]["score"]["maximum"] == 5
        )
        assert len({r["seed"] for r in server.requests}) == 5


@pytest.mark.parametrize("bad", ["7", '{"score": 9, "reason": ""}', '{"score": "4", "reason": ""}', "four",
                                 '{"score": 3}', '{"score": -1, "reason": ""}'])  # fmt: skip
def test_a_reply_that_is_no_mark_is_asked_for_again(bad):
    """A judge's chatter must neither count as a score nor stop the run."""
    with EndpointServer(
        lambda body, n: Reply(bad if n == 0 else '{"reason": "", "score": 4}')
    ) as server:
        verdict = next(iter(_judge(server, rounds=1).judge([case("Top.")])))[1]
        assert (verdict.score, len(server.requests)) == (4.0, 2)


def test_a_judge_that_never_gives_a_mark_leaves_the_item_unscored():
    with EndpointServer(lambda body, n: Reply("I cannot say")) as server:
        verdict = next(iter(_judge(server, rounds=2).judge([case("Top.")])))[1]
        assert verdict.score is None
        assert "3 replies were not a mark" in verdict.reason
        assert len(server.requests) == 6


def test_fenced_json_is_read():
    with EndpointServer(lambda b, n: Reply('```json\n{"reason": "", "score": 2}\n```')) as server:
        assert next(iter(_judge(server, rounds=1).judge([case("Top.")])))[1].score == 2


def test_empty_answer_costs_no_request():
    with EndpointServer(_marks(5)) as server:
        assert next(iter(_judge(server).judge([case("  ")])))[1].score == 0
        assert server.requests == []


def test_judge_sees_the_picture_only_if_asked_to(items, built):
    item = items[0]
    looked = Case("x", "q", "r", "a", RUBRICS["global"], None, built / item.image)
    with EndpointServer(_marks(5)) as server:
        list(_judge(server, rounds=1, look=True).judge([looked]))
        list(_judge(server, rounds=1).judge([looked]))
    with_picture, without = (r["messages"][1]["content"] for r in server.requests)
    assert with_picture[1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert isinstance(without, str)


def test_verdicts_are_cached_and_asked_anew_for_another_judge(items, built, tmp_path):
    """Judging is the dear part: neither a second report nor a re-run may pay for it again."""
    few = [i for i in items if i.kind == "local"][:4]
    with EndpointServer(_marks(6)) as server:
        for _ in range(2):
            execute(few, built, tmp_path, Scripted(truthful), judge=_judge(server, rounds=2))
        assert len(server.requests) == 8
        execute(few, built, tmp_path, Scripted(truthful), judge=_judge(server, rounds=1))
        assert len(server.requests) == 12
    assert {i.values["judge-local"] for i in read_run(tmp_path).items} == {(6.0,)}


def test_scripted_verdicts_come_by_item_and_a_missing_one_is_unscored(items, built, tmp_path):
    few = [i for i in items if i.kind == "local"][:3]
    path = tmp_path / "v.jsonl"
    path.write_text(f'{{"id": "{few[0].id}", "score": 7}}\n{{"id": "{few[1].id}", "score": 70}}\n')
    execute(few, built, tmp_path / "run", Scripted(truthful), judge=make_judge(f"scripted:{path}"))
    rows = read_run(tmp_path / "run").items
    assert rows[0].values["judge-local"] == (7.0,)
    assert "off the scale" in rows[1].unscored["judge-local"]
    assert "no verdict" in rows[2].unscored["judge-local"]


def test_judges_name_what_they_lack(tmp_path):
    with pytest.raises(ConfigError, match="rules, scripted:FILE, openai:NAME"):
        make_judge("gpt")
    with pytest.raises(ConfigError, match="--judge-endpoint"):
        make_judge("openai:x")
    with pytest.raises(ConfigError, match="--judge-rounds"):
        make_judge("openai:x", JudgeOptions(endpoint="http://localhost:1/v1", rounds=0))
    with pytest.raises(DatasetError, match="no such file"):
        make_judge(f"scripted:{tmp_path / 'none'}")
    (tmp_path / "bad").write_text('{"id": 3}\n')
    with pytest.raises(DatasetError, match=r"bad:1: a verdict is"):
        ScriptedJudge(tmp_path / "bad")
