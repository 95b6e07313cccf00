"""Q-Bench-A1, Q-Ground, KADID-10K, KonIQ-10k: real formats in small, strict letters, scores by likelihood."""

from __future__ import annotations

import hashlib
import json

import cv2
import numpy as np
import pytest
from bench_helpers import Scripted, execute
from conftest import textured
from endpoint_server import EndpointServer
from endpoint_server import Reply as Said
from scipy.stats import pearsonr, spearmanr

from iqa_spider.core import LEVELS, DatasetError, SpiderError
from iqa_spider.dataset.outside.koniq import SCORES
from iqa_spider.evaluation.bench.items import Reply
from iqa_spider.evaluation.bench.registry import load_benchmark
from iqa_spider.evaluation.bench.runs import read_run
from iqa_spider.evaluation.bench.session import wanted_items
from iqa_spider.evaluation.benchmarks import qground, scores
from iqa_spider.evaluation.benchmarks.letters import lettered, read_letter
from iqa_spider.evaluation.benchmarks.scores import softmax_score
from iqa_spider.evaluation.examinees import ExamineeOptions, make_examinee
from iqa_spider.regions import encode_rle


def _picture(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), textured(64, 96, seed)[..., ::-1])


def _run(name, data, out, examinee, split=None):
    bench = load_benchmark(name)
    execute(bench.read(data, split or bench.split), data, out, examinee, name)
    return {m.name: read_run(out).estimate(m, rounds=20) for m in bench.metrics}


# Prompts


def test_prompts_are_those_the_figures_were_made_with():
    """A changed prompt is a changed benchmark."""
    text = "\n".join(
        [lettered("How sharp is it?", ["Low", "High"]), qground.QUESTION, scores.QUESTION]
    )
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "c0ba460425729690"


# Letters

TWO, FOUR = ["Low", "High"], ["Blur", "Noise", "A bit of both", "None"]


@pytest.mark.parametrize(
    "text, candidates, expected",
    [
        ("B", TWO, 1),
        (" b", TWO, None),
        ("B.", TWO, 1),
        ("(B)", TWO, 1),
        ("**B**", TWO, 1),
        ("**B. High**", TWO, 1),
        ("Answer: **B**", TWO, 1),
        ("The correct answer is **(B) High**.", TWO, 1),
        ("B\n\nThe picture is sharp in every part.", TWO, 1),
        ("A\nB", TWO, None),
        ("A\nThe answer is B.", TWO, None),
        ("B. High", TWO, 1),
        ("B) it is high", TWO, 1),
        ("The answer is B.", TWO, 1),
        ("Answer: A", TWO, 0),
        ("The answer is A grey one", TWO, None),
        ("The answer is B because it is so", TWO, 1),
        ("The correct option is (A), since it is low", TWO, 0),
        ("high", TWO, 1),
        ("High.", TWO, 1),
        ("A bit of both", FOUR, 2),
        ("A blurry picture", FOUR, None),
        ("A", FOUR, 0),
        ("It has Blur and Noise", FOUR, None),
        ("A. Blur\nB. Noise", FOUR, None),
        ("The answer is A. No, the answer is B.", FOUR, None),
        ("C", TWO, None),
        ("E", FOUR, None),
        ("", TWO, None),
        ("I am not sure", TWO, None),
        ("The answer is a low one", TWO, None),
        ("Answer A's sharpness is high", TWO, None),
    ],
)
def test_letters_are_read_strictly(text, candidates, expected):
    """Neither the "A" of "A blurry picture" nor a listing of all choices may count as an answer."""
    assert read_letter(text, candidates) == expected


# Q-Bench-A1


@pytest.fixture
def qbench(tmp_path):
    rows = [
        {"img_path": "a.jpg", "question": "How sharp is it?", "candidates": ["Low", "High"],
         "correct_ans": "Low", "type": 2, "concern": 0},
        {"img_path": "b.jpg", "question": "Is it noisy?", "candidates": ["Yes", "No"],
         "correct_ans": "No", "type": 0, "concern": 2},
        {"id": "hub", "image": "b.jpg", "question": "What is worst?", "option0": "Blur", "option1": "Noise",
         "option2": "Haze", "option3": "N/A", "question_type": 1, "question_concern": 3, "correct_choice": "C"},
    ]  # fmt: skip
    (tmp_path / "llvisionqa_dev.json").write_text(json.dumps(rows))
    for name in ("a.jpg", "b.jpg"):
        _picture(tmp_path / "images" / name)
    return tmp_path


def test_qbench_reads_both_forms_and_counts_unparsed_as_wrong(qbench, tmp_path):
    items = load_benchmark("qbench-a1").read(qbench, "dev")
    assert [i.key for i in items] == ["A", "B", "C"]
    assert items[2].closed["letters"].options == ("A", "B", "C")
    assert items[2].slices == {"type": ("what",), "concern": ("in-context other",)}
    texts = {items[0].id: "A", items[1].id: "A noisy one?", items[2].id: "Haze"}
    found = _run("qbench-a1", qbench, tmp_path / "run", Scripted(lambda i: Reply(texts[i.id])))
    assert found["accuracy"].value == pytest.approx(2 / 3)
    assert found["accuracy-closed"].items == 0
    assert [i.unparsed is None for i in read_run(tmp_path / "run").items] == [True, False, True]


def test_qbench_takes_the_likeliest_letter(qbench, tmp_path):
    letters = {"A": -3.0, "B": -1.0}
    closed = Scripted(lambda i: Reply("?", closed={"letters": letters if "C" not in i.closed["letters"].options
                                                   else {**letters, "C": None}}))  # fmt: skip
    found = _run("qbench-a1", qbench, tmp_path / "run", closed)
    assert (found["accuracy-closed"].value, found["accuracy-closed"].items) == (0.5, 2)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"correct_ans": "Medium"}, "none of the candidates"),
        ({"candidates": ["Low"]}, "expected 2 to 4"),
        ({"type": 7}, "type is 7"),
        ({"img_path": "none.jpg"}, "missing"),
        ({"correct_ans": None}, "no right answer"),
    ],
)
def test_qbench_refuses_rows_out_of_form(qbench, change, words):
    path = qbench / "llvisionqa_dev.json"
    rows = json.loads(path.read_text())
    path.write_text(json.dumps([rows[0] | change]))
    with pytest.raises(DatasetError, match=words):
        load_benchmark("qbench-a1").read(qbench, "dev")


def test_an_endpoint_sits_qbench_with_letters_and_log_probabilities(qbench, tmp_path):
    """The whole way of someone else's model: picture and prompt out, letter and likelihoods in."""
    top = [
        {"token": t, "logprob": v, "bytes": None}
        for t, v in (("B", -0.1), (" A", -2.0), ("C", -5.0))
    ]

    def say(body, n):
        if body.get("logprobs"):
            return Said("B", logprobs=[{**top[0], "top_logprobs": top}])
        return Said("A")

    with EndpointServer(say) as server:
        items = load_benchmark("qbench-a1").read(qbench, "dev")
        options = ExamineeOptions(endpoint=server.url, closed=True, concurrency=2)
        found = _run(
            "qbench-a1", qbench, tmp_path / "run", make_examinee("openai:m", items, options)
        )
        content = server.requests[0]["messages"][0]["content"]
    assert found["accuracy"].value == found["accuracy-closed"].value == pytest.approx(1 / 3)
    assert content[0]["image_url"]["url"].startswith("data:image/png")
    assert "letter alone" in content[1]["text"]


def test_the_file_that_q_instruct_writes_for_this_benchmark_is_read(qbench, tmp_path):
    """Its rows are the benchmark's own, so that the question stands there without the choices."""
    rows = json.loads((qbench / "llvisionqa_dev.json").read_text())
    said = [{**row, "response": "A"} for row in rows]
    (tmp_path / "a.jsonl").write_text("".join(map(json.dumps, said)))
    items = load_benchmark("qbench-a1").read(qbench, "dev")
    examinee = make_examinee(f"answers:q-instruct:{tmp_path / 'a.jsonl'}", items)
    found = _run("qbench-a1", qbench, tmp_path / "run", examinee)
    right = np.mean([i.reference == "A" for i in items])
    assert (found["accuracy"].value, found["accuracy"].items) == (pytest.approx(right), len(items))


def test_a_server_that_fails_once_is_asked_again_on_resume(qbench, tmp_path):
    state = {"down": True}

    def say(body, n):
        return Said("no", status=400) if state["down"] and n == 1 else Said("A")

    with EndpointServer(say) as server:
        items = load_benchmark("qbench-a1").read(qbench, "dev")
        options = ExamineeOptions(endpoint=server.url, concurrency=1)
        first = execute(
            items, qbench, tmp_path / "r", make_examinee("openai:m", items, options), "qbench-a1"
        )
        state["down"] = False
        second = execute(
            items, qbench, tmp_path / "r", make_examinee("openai:m", items, options), "qbench-a1"
        )
        assert (first.failed, second.failed, second.cached, len(server.requests)) == (1, 0, 2, 4)


def test_pocket_gives_likelihoods_of_letters_and_levels(qbench, tmp_path):
    """Closed-set scoring must reach the embedded model, and be log-probabilities."""
    items = load_benchmark("qbench-a1").read(qbench, "dev")
    found = next(iter(make_examinee("pocket", items).answer(qbench, items[:1])))
    values = found.reply.closed["letters"]
    assert set(values) == {"A", "B"} and all(v < 0 for v in values.values())


# Q-Ground


def test_qground_asks_once_a_class_and_scores_both_ious(tmp_path):
    _picture(tmp_path / "images" / "spaq_koniq" / "1.jpg")
    left, top = np.zeros((64, 96), bool), np.zeros((64, 96), bool)
    left[:, :48], top[:32] = True, True
    notes = [
        {"label": "blur", "mask": encode_rle(left)},
        {"label": "noise", "mask": encode_rle(top)},
    ]
    rows = [{"id": "00001_ann", "image": "spaq_koniq/1.jpg", "ann_list": notes}]
    (tmp_path / "test.json").write_text(json.dumps(rows))
    answer = Scripted(lambda i: Reply("", mask=encode_rle(left)))
    found = _run("qground", tmp_path, tmp_path / "run", answer)
    assert found["iou"].value == pytest.approx((1 + 1 / 3) / 2)
    assert found["ciou"].value == pytest.approx((3072 + 1536) / (3072 + 4608))
    groups = [i.slices for i in read_run(tmp_path / "run").items]
    assert [g["position"] for g in groups] == [("bottom left",), ("top right",)]
    none = Scripted(lambda i: Reply("no idea"), "none")
    assert _run("qground", tmp_path, tmp_path / "none", none)["iou"].value == 0


# KADID-10K and KonIQ-10k


@pytest.fixture
def kadid(tmp_path):
    lines = ["dist_img,ref_img,dmos,var"]
    rng = np.random.default_rng(0)
    for reference in range(1, 6):
        _picture(tmp_path / "images" / f"I{reference:02d}.png")
        for level in range(1, 6):
            name = f"I{reference:02d}_10_{level:02d}.png"
            _picture(tmp_path / "images" / name, level)
            lines.append(
                f"{name},I{reference:02d}.png,{5.2 - 0.8 * level + rng.normal(0, 0.1):.2f},0.5"
            )
    (tmp_path / "dmos.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def _rates(item):
    """A model that knows the level, on a bent scale; its words are coarse."""
    level = int(item.id[-2:])
    five = {str(name): -abs(4 - level + 1 - i) * 1.5 for i, name in enumerate(LEVELS)}
    two = {"good": -0.1 * level**2, "poor": -1.0}
    return Reply("The overall quality is good." if level < 3 else "poor", score=100 / level,
                 closed={"five": five, "two": two})  # fmt: skip


def test_kadid_correlations_are_those_of_scipy(kadid, tmp_path):
    found = _run("kadid10k", kadid, tmp_path / "run", Scripted(_rates))
    items = load_benchmark("kadid10k").read(kadid, "all")
    truth = [i.truth["score"] for i in items]
    own = [_rates(i).score for i in items]
    assert found["own-srcc"].value == pytest.approx(spearmanr(own, truth).statistic, abs=1e-4)
    assert found["own-plcc"].value == pytest.approx(pearsonr(own, truth).statistic, abs=1e-4)
    assert found["own-plcc-4"].value > found["own-plcc"].value
    assert found["generated-srcc"].value == pytest.approx(
        spearmanr([level < 3 for level in (int(i.id[-2:]) for i in items)], truth).statistic,
        abs=1e-4,
    )
    assert found["five-srcc"].value > 0.9 and found["two-srcc"].value > 0.9
    assert {i.photo for i in items} == {f"I{n:02d}" for n in range(1, 6)}
    assert {i.slices["severity"] for i in items} == {(str(n),) for n in range(1, 6)}


def test_a_score_that_is_missing_is_left_out_with_its_reason(kadid, tmp_path):
    found = _run("kadid10k", kadid, tmp_path / "run", Scripted(lambda i: Reply("Nice.")))
    assert found["five-srcc"].items == found["generated-srcc"].items == found["own-srcc"].items == 0
    row = read_run(tmp_path / "run").items[0]
    assert (
        row.unscored["generated-srcc"] == "no score by this way: generated level" and row.unparsed
    )


def test_softmax_scores_by_hand():
    assert softmax_score({"poor": 0.0, "good": 0.0}, ("poor", "good")) == pytest.approx(0.5)
    levels = tuple(map(str, LEVELS))
    assert softmax_score(dict.fromkeys(levels, -2.0), levels) == pytest.approx(0.5)
    sure = {**dict.fromkeys(levels, -50.0), "good": 0.0}
    assert softmax_score(sure, levels) == pytest.approx(0.75)
    assert softmax_score({"poor": 0.0, "good": None}, ("poor", "good")) is None


def test_koniq_takes_the_test_split_and_the_mos(tmp_path):
    head = "image_name,c1,c2,c3,c4,c5,c_total,MOS,SD,MOS_zscore\n"
    table = "".join(f"{n}.jpg,0,0,{4 - n},{n},0,4,{3 + n / 4},0.5,{60 + n}\n" for n in range(5))
    (tmp_path / "koniq10k_scores_and_distributions.csv").write_text(head + table)
    for n in range(5):
        _picture(tmp_path / "1024x768" / f"{n}.jpg", n)
    with pytest.raises(DatasetError, match=r"koniq10k_distributions_sets\.csv"):
        load_benchmark("koniq10k").read(tmp_path, "test")
    sets = "image_name,set\n" + "".join(
        f"{n}.jpg,{'test' if n else 'training'}\n" for n in range(5)
    )
    (tmp_path / "koniq10k_distributions_sets.csv").write_text(sets)
    rising = Scripted(lambda i: Reply(score=float(i.id)))
    found = _run("koniq10k", tmp_path, tmp_path / "run", rising)
    assert (found["own-srcc"].items, found["own-srcc"].value) == (4, pytest.approx(1))
    assert len(load_benchmark("koniq10k").read(tmp_path, "all")) == 5


@pytest.mark.parametrize(
    ("name", "files", "words"),
    [
        ("kadid10k", {"dmos.csv": b""}, "holds no question of kadid10k"),
        ("kadid10k", {"dmos.csv": b"\xff\xfe"}, r"dmos\.csv: not a table in UTF-8"),
        ("qbench-a1", {"llvisionqa_dev.json": b"[]"}, "holds no question of qbench-a1"),
        ("qbench-a1", {"llvisionqa_dev.json": b"\xff"}, r"dev\.json: not JSON in UTF-8"),
        ("qground", {"format.yaml": b"classes: [a"}, r"format\.yaml: not YAML"),
        (
            "qground",
            {"format.yaml": b"classes: {blur: 3}"},
            r"format\.yaml: classes: expected names",
        ),
        ("koniq10k", {SCORES: b"\xff\xfe"}, r"distributions\.csv: not a table in UTF-8"),
    ],
)
def test_empty_or_broken_data_is_one_line_that_names_the_file(tmp_path, name, files, words):
    """A run of no items ended well, with a report of nothing; other encodings were a traceback."""
    for file, content in files.items():
        (tmp_path / file).write_bytes(content)
    with pytest.raises(SpiderError, match=words):
        wanted_items(load_benchmark(name), tmp_path, None, None)
