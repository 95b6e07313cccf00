"""Hybrid mixes: settings take their parts, weights and caps hold, draws do not depend on other parts."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from typer.testing import CliRunner

from iqa_spider.core import ConfigError, DatasetError
from iqa_spider.dataset.load import read_samples
from iqa_spider.dataset.mix import SETTINGS, load_mix, mix_rows
from iqa_spider.serving.cli import app


@pytest.fixture
def mix_file(small_set, tmp_path):
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "a.jpg").write_bytes(b"x")
    talk = [{"from": "human", "value": "<image>\nSharp?"}, {"from": "gpt", "value": "No."}]
    rows = [
        {"id": str(i), "image": "a.jpg", "conversations": talk * (1 + i % 2)} for i in range(40)
    ]
    for row in rows[1::2]:  # a second turn without the mark
        row["conversations"] = [*talk, {"from": "human", "value": "Why?"}, talk[1]]
    (tmp_path / "q.json").write_text(json.dumps(rows))
    depict = [
        {"id": str(i), "image_ref": None, "image_A": "a.jpg", "image_B": "a.jpg" if i % 5 == 0 else None,
         "task_type": "t", "distortion_classes": None, "distortion_names": None, "severities": 0,
         "query": "What?", "answer": "None"} for i in range(30)
    ]  # fmt: skip
    (tmp_path / "d.json").write_text(json.dumps(depict))
    path = tmp_path / "mix.yaml"
    path.write_text(
        f"ours: {{folder: {small_set}}}\n"
        "q-instruct: {annotations: q.json, images: q, weight: 0.5}\n"
        "dq-495k: {annotations: d.json, images: q, weight: 2.0, cap: 31}\n"
    )
    return path


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_four_settings_take_their_parts(mix_file, small_set, setting):
    rows, summary = mix_rows(load_mix(mix_file), setting)
    ours = len(list(read_samples(small_set)))
    expected = {"ours": ours, "q-instruct": 20, "dq-495k": 31}
    assert summary.taken == {name: expected[name] for name in SETTINGS[setting]}
    assert Counter(r.source for r in rows) == summary.taken


def test_weights_above_one_repeat_evenly_and_pairs_are_left_out(mix_file):
    rows, summary = mix_rows(load_mix(mix_file), "all")
    counts = Counter(r.id for r in rows if r.source == "dq-495k")
    assert set(counts.values()) == {1, 2} and len(counts) == 24
    assert summary.left_out["dq-495k"] == 6
    assert not any(int(id) % 5 == 0 for id in counts)


def test_a_draw_depends_on_its_seed_and_part_alone(mix_file):
    """Otherwise adding a data set to an ablation would change the others as well."""
    parts = load_mix(mix_file)

    def drawn(setting, seed=0):
        return sorted(
            r.id for r in mix_rows(parts, setting, seed=seed)[0] if r.source == "q-instruct"
        )

    assert drawn("ours+q-instruct") == drawn("all") != drawn("all", seed=1)
    assert [r.id for r in mix_rows(parts, "all")[0]] == [r.id for r in mix_rows(parts, "all")[0]]


def test_only_train_samples_of_ours_are_taken(mix_file, small_set):
    test = {s.id for s in read_samples(small_set, "test")}
    rows, _ = mix_rows(load_mix(mix_file), "ours")
    assert test and not test & {r.id for r in rows}


@pytest.mark.parametrize(
    "text, words",
    [
        ("kadid: {}", "unknown part 'kadid'"),
        ("q-instruct: {annotations: q.json}", "missing field images"),
        ("ours: {folder: x, wieght: 2}", "unknown field wieght"),
        ("ours: {folder: x, weight: 0}", "ours.weight"),
        ("ours: {folder: x, cap: 0}", "ours.cap"),
        ("[]", "expected parts"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path, text, words):
    (tmp_path / "mix.yaml").write_text(text)
    with pytest.raises(ConfigError, match=words):
        load_mix(tmp_path / "mix.yaml")


def test_missing_pictures_and_parts_are_errors(mix_file, tmp_path):
    parts = load_mix(mix_file)
    with pytest.raises(ConfigError, match="needs the part"):
        mix_rows({"ours": parts["ours"]}, "all")
    (tmp_path / "q" / "a.jpg").unlink()
    with pytest.raises(DatasetError, match=r"q\.json: row 1 \(0\).*missing"):
        mix_rows(parts, "all")


def test_the_command_writes_conversations(mix_file, tmp_path):
    out = tmp_path / "hybrid.json"
    result = CliRunner().invoke(app, ["dataset", "mix", str(mix_file), "--out", str(out)])
    assert result.exit_code == 0 and "q-instruct: 20 of 40" in result.stdout
    for row in json.loads(out.read_text()):
        speakers = [turn["from"] for turn in row["conversations"]]
        assert speakers == ["human", "gpt"] * (len(speakers) // 2)
        assert sum(turn["value"].count("<image>") for turn in row["conversations"]) == 1
