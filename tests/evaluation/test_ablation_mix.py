"""The ablation of the training data, trained and measured for real on a small random Qwen3-VL."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from tiny_models import save_qwen
from typer.testing import CliRunner

from iqa_spider.core import ConfigError
from iqa_spider.evaluation.ablation.mixes import train_mix
from iqa_spider.evaluation.ablation.recipe import load_recipe
from iqa_spider.serving.cli import app

MIXES = {"ours": (0,), "two": (0, 1), "three": (0, 2), "all": (0, 1, 2)}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return save_qwen(tmp_path_factory.mktemp("base"), seed=1)


@pytest.fixture
def recipe(built, tmp_path) -> Path:
    """Four training recipes on three sources, and the recipe that names them."""
    pictures = sorted((built / "images").glob("*.png"))
    for source in range(3):
        rows = [
            {"id": f"s{source}-{i}", "image": picture.name, "conversations": [
                {"from": "human", "value": "<image>\nWhat is wrong here?"},
                {"from": "gpt", "value": ("Blur.", "Noise.", "Compression.")[source]}]}
            for i, picture in enumerate(pictures[:4])
        ]  # fmt: skip
        (tmp_path / f"{source}.json").write_text(json.dumps(rows))
    for name, sources in MIXES.items():
        data = [
            {"file": str(tmp_path / f"{s}.json"), "images": str(built / "images")} for s in sources
        ]
        settings = {"stage": "lmm", "base": "replaced/by-the-model", "out": "unused", "steps": 2, "batch": 2,
                    "accumulate": 1, "rank": 2, "alpha": 4, "data": data,
                    "rates": {"language": 0.005, "vision": 0.001, "projector": 0.001}}  # fmt: skip
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(settings))
    path = tmp_path / "mixes.yaml"
    path.write_text(
        yaml.safe_dump(
            {"title": "Mixes", "mixes": {name: f"{name}.yaml" for name in MIXES}}, sort_keys=False
        )
    )
    return path


def test_four_mixes_are_trained_measured_and_put_into_one_table(recipe, base, built, tmp_path):
    out = tmp_path / "runs"
    args = ["bench", "ablate", str(recipe), "--model", f"hf:{base}", "--data", str(built), "--out", str(out),
            "--limit", "2", "--baselines", "majority"]  # fmt: skip
    first = CliRunner().invoke(app, args)
    assert first.exit_code == 0, first.output + repr(first.exception)
    adapters = {(out / n / "training" / "adapter" / "full.safetensors").read_bytes() for n in MIXES}
    assert len(adapters) == len(MIXES)  # each mix has left its own trace in the weights
    settings = [json.loads((out / n / "settings.json").read_text())["settings"] for n in MIXES]
    assert len({s["model"]["adapter"] for s in settings}) == len(MIXES)
    assert len({s["items_digest"] for s in settings}) == 1
    text = (out / "report.md").read_text()
    for row in (
        "**ours**",
        "**two**",
        "**three**",
        "**all**",
        "majority (baseline)",
        "IV, all (paper)",
    ):
        assert f"| {row} |" in text, row
    assert "mixes.yaml --data DATA --out RUNS --limit 2 --model hf:PATH" in text
    assert "## Minus all" in text and str(tmp_path) not in text
    trained = {n: (out / n / "training" / "log.jsonl").stat().st_mtime_ns for n in MIXES}
    assert CliRunner().invoke(app, args).exit_code == 0
    assert trained == {n: (out / n / "training" / "log.jsonl").stat().st_mtime_ns for n in MIXES}
    assert (out / "report.md").read_text() == text


def test_a_training_begun_with_another_recipe_is_refused(recipe, base, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "recipe.json").write_text("{}")
    with pytest.raises(ConfigError, match="another recipe"):
        train_mix(tmp_path / "ours.yaml", tmp_path / "out", str(base))


def test_mistakes_in_a_recipe_of_mixes_name_file_and_field(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text("title: x\nmixes: {only: a.yaml}")
    with pytest.raises(ConfigError, match=r"m\.yaml: mixes"):
        load_recipe(path)
    other = Path(__file__).parents[2] / "recipes" / "pocket-reader.yaml"
    with pytest.raises(ConfigError, match="stage lmm"):
        train_mix(other, tmp_path / "out")
