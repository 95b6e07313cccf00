"""`ask` through each backbone and each segmenter, by the same command line."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from endpoint_server import EndpointServer, Engine
from PIL import Image
from tiny_models import save_clipseg, save_llava, save_qwen, save_sam, save_sam2

from iqa_spider.core import LEVELS
from iqa_spider.models.chat import load_chat
from iqa_spider.models.checkpoints import LoadOptions
from iqa_spider.regions import decode_rle
from iqa_spider.serving.cli import main

BACKBONES = ("qwen3_vl", "qwen2_5_vl", "llava", "openai")
SEGMENTERS = ("pocket", "sam", "sam2", "clipseg")


def _brief(folder):
    """A random model never ends by itself: many tokens end its answers, as a checkpoint may say."""
    path = folder / "generation_config.json"
    settings = json.loads(path.read_text()) if path.exists() else {}
    stops = [settings.get("eos_token_id", 1), *range(5, 16000, 12)]
    path.write_text(json.dumps(settings | {"eos_token_id": stops}))
    return folder


@pytest.fixture(scope="module")
def flags(tmp_path_factory):
    """Flags of each backbone and segmenter; the endpoint is a server with a real small model behind it."""
    root = tmp_path_factory.mktemp("checkpoints")
    found = {
        "qwen3_vl": ["--model", f"hf:{_brief(save_qwen(root / 'q3', seed=3))}"],
        "qwen2_5_vl": ["--model", f"hf:{_brief(save_qwen(root / 'q2', 'qwen2_5_vl', seed=3))}"],
        "llava": ["--model", f"hf:{_brief(save_llava(root / 'llava'))}"],
        "pocket": ["--segmenter", "pocket"],
        "sam": ["--segmenter", f"sam:{save_sam(root / 'sam')}"],
        "sam2": ["--segmenter", f"sam2:{save_sam2(root / 'sam2')}"],
        "clipseg": ["--segmenter", f"clipseg:{save_clipseg(root / 'clipseg')}"],
    }
    engine = Engine(load_chat(str(root / "q3"), LoadOptions()), closed=True)
    with EndpointServer(engine, engine.vocabulary) as server:
        yield {**found, "openai": ["--model", "openai:q3", "--endpoint", server.url]}


@pytest.mark.parametrize("segmenter", SEGMENTERS)
@pytest.mark.parametrize("backbone", BACKBONES)
def test_any_backbone_asks_with_any_segmenter(
    flags, backbone, segmenter, tmp_path, picture, monkeypatch, capsys
):
    Image.fromarray(picture).save(tmp_path / "a.png")
    words = ["ask", tmp_path / "a.png", "Which region is worst?", "--json"]
    words += ["--save-mask", tmp_path / "mask.png", *flags[backbone], *flags[segmenter]]
    monkeypatch.setattr(sys, "argv", ["iqa-spider", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    record = json.loads(capsys.readouterr().out)
    assert record["task"] == "grounding" and record["error"] is None
    x, y = record["point"]
    assert 0 <= x <= 224 and 0 <= y <= 160
    for axis in record["terms"].values():
        assert sum(axis.values()) == pytest.approx(1)
    assert record["level"] in [str(level) for level in LEVELS]
    mask = decode_rle(record["mask"])
    assert mask.shape == (160, 224)
    saved = np.asarray(Image.open(tmp_path / "mask.png").convert("L")) > 0
    assert (saved == mask).all()
