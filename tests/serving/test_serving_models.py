"""Every backbone and segmenter through the same command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from endpoint_server import EndpointServer, Reply
from PIL import Image
from tiny_models import save_qwen, save_sam, save_sam2

from iqa_spider.evaluation.costs import QUESTIONS, measure_costs
from iqa_spider.models import load_spider


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkpoints")
    return {
        "hf": save_qwen(root / "qwen"),
        "sam": save_sam(root / "sam"),
        "sam2": save_sam2(root / "sam2"),
    }


@pytest.fixture
def photo(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def _command(*words, ok: bool = True):
    result = subprocess.run(
        [sys.executable, "-m", "iqa_spider", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "COLUMNS": "200", "HF_HUB_OFFLINE": "1"},
    )
    assert (result.returncode == 0) == ok, result.stderr
    return result


def test_ask_through_a_large_backbone_and_sam(checkpoints, photo, tmp_path):
    mask = tmp_path / "mask.png"
    words = ["--model", f"hf:{checkpoints['hf']}", "--segmenter", f"sam2:{checkpoints['sam2']}"]
    result = _command("ask", photo, "Which region is worst?", *words, "--json", "--save-mask", mask)
    record = json.loads(result.stdout)
    assert record["task"] == "grounding"
    assert 0 <= record["score"] <= 100
    assert np.asarray(Image.open(mask)).shape[:2] == (160, 224)


def test_batch_through_an_endpoint_and_sam(checkpoints, photo, tmp_path):
    requests = tmp_path / "requests.jsonl"
    requests.write_text(json.dumps({"id": 1, "image": "a.png", "question": "Describe it."}) + "\n")

    def script(body, number):
        tops = [
            {"token": f" {w}", "logprob": -3.0 * i - 1.0, "bytes": None}
            for i, w in enumerate(LEVELS)
        ]
        steps = [{"token": "Fine.", "logprob": -0.5, "bytes": None, "top_logprobs": tops}]
        return Reply("Fine.", logprobs=steps)

    with EndpointServer(script) as server:
        words = ["--model", "openai:served", "--endpoint", server.url]
        words += ["--segmenter", f"sam:{checkpoints['sam']}", "--out", tmp_path / "out.jsonl"]
        _command("batch", requests, "--images", tmp_path, *words)
    row = json.loads((tmp_path / "out.jsonl").read_text())
    assert row["text"] == "Fine."
    assert row["level"] == "bad"


LEVELS = ("bad", "poor", "fair", "good", "excellent")


def test_models_checks_a_checkpoint(checkpoints, tmp_path):
    words = ["--model", f"hf:{checkpoints['hf']}", "--segmenter", f"sam:{checkpoints['sam']}"]
    assert "complete" in _command("models", "--check", *words).stderr
    result = _command("models", "--check", "--model", f"hf:{tmp_path}", ok=False)
    assert result.returncode == 2
    assert "no config.json" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_the_flag_of_another_model_is_refused(photo):
    result = _command("ask", photo, "What?", "--endpoint", "http://x/v1", ok=False)
    assert "--endpoint is for" in result.stderr


def test_costs_are_measured_in_every_way(checkpoints, picture):
    spider = load_spider(f"hf:{checkpoints['hf']}", segmenter=f"sam2:{checkpoints['sam2']}")
    found = {
        cost.what: cost.seconds for cost in measure_costs(spider, picture, max_tokens=4, repeats=1)
    }
    assert len(found) == 7
    assert all(seconds > 0 for seconds in found.values())
    assert f"{len(QUESTIONS)} in one batch, picture reused" in found
