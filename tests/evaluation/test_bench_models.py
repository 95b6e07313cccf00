"""Any backbone and segmenter through `bench`, loaded by the flags that `ask` has."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tiny_models import save_clipseg, save_qwen, save_sam
from typer.testing import CliRunner

from iqa_spider.core import ConfigError, MemoryLimitError, open_picture
from iqa_spider.evaluation.bench import session
from iqa_spider.evaluation.bench.items import Closed, Item, Reply
from iqa_spider.evaluation.bench.registry import load_benchmark
from iqa_spider.evaluation.bench.session import BenchOptions
from iqa_spider.evaluation.examinees import ExamineeOptions, make_examinee
from iqa_spider.evaluation.examinees.texts import TextClicker
from iqa_spider.evaluation.judges import JudgeOptions
from iqa_spider.models.registry import load_segmenter
from iqa_spider.regions import decode_rle
from iqa_spider.serving.cli import app


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkpoints")
    return {
        "hf": save_qwen(root / "qwen"),
        "sam": save_sam(root / "sam"),
        "clipseg": save_clipseg(root / "clipseg"),
    }


def _bench(built, out, *words):
    args = ["bench", "spider-bench", "--data", str(built), "--out", str(out), "--limit", "5"]
    return CliRunner().invoke(app, [*args, "--baselines", "centre-point", *map(str, words)])


def test_a_large_backbone_and_sam_by_the_flags_of_ask(checkpoints, built, tmp_path):
    hf, sam = f"hf:{checkpoints['hf']}", f"sam:{checkpoints['sam']}"
    words = ["--model", hf, "--segmenter", sam, "--dtype", "float32", "--max-side", "128"]
    found = _bench(built, tmp_path / "run", *words, "--label", "Tiny")
    assert found.exit_code == 0, found.output + repr(found.exception)
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())["settings"]
    assert (
        settings["model"] | {"segmenter": sam, "dtype": "float32", "max_side": 128}
        == settings["model"]
    )
    centre = tmp_path / "run" / "baselines" / "centre-point" / "settings.json"
    assert json.loads(centre.read_text())["settings"]["model"]["segmenter"] == sam
    text = (tmp_path / "run" / "report.md").read_text()
    assert (
        "--model hf:PATH" in text and "--segmenter sam:PATH --dtype float32 --max-side 128" in text
    )
    assert str(tmp_path) not in text and str(checkpoints["hf"]) not in text
    found = _bench(built, tmp_path / "unnamed", *words)
    assert found.exit_code == 0, found.output + repr(found.exception)
    text = (tmp_path / "unnamed" / "report.md").read_text()
    assert "**hf:qwen**" in text and str(checkpoints["hf"]) not in text
    other = _bench(built, tmp_path / "run", "--model", hf, "--label", "Tiny")
    assert isinstance(other.exception, ConfigError) and "segmenter" in str(other.exception)


@pytest.mark.parametrize("words", [["--adapter", "x"], ["--max-side", "64"], ["--boxes", "pixels"]])
def test_flags_that_would_do_nothing_are_refused(built, tmp_path, words):
    call = ["--model", "openai:m", "--endpoint", "http://127.0.0.1:9/v1", *words]
    found = _bench(built, tmp_path, *call)
    assert words[0] in str(found.exception) and "spider:openai:m" in str(found.exception)


def test_a_missing_segmenter_names_its_flag(built, tmp_path):
    found = _bench(built, tmp_path, "--model", "pocket", "--segmenter", "sam:/nowhere")
    assert "--segmenter" in str(found.exception)


def test_words_given_elsewhere_prompt_a_segmenter_that_takes_words(checkpoints, built, items):
    """The click is left out: such a segmenter has no use for one, so there is no point to be scored."""
    item = next(i for i in items if i.kind == "hyd-g" and i.truth["mask"])
    picture = open_picture(built / item.image)
    clicker = TextClicker(load_segmenter(f"clipseg:{checkpoints['clipseg']}"))
    one, two = (
        clicker.ground(Reply(text=text), picture)
        for text in ("At the top left: the dark wall.", "At the top left: green leaves everywhere.")
    )
    assert one.point is None and decode_rle(one.mask).shape == picture.shape[:2]
    assert one.mask != two.mask


def test_the_centre_is_clicked_by_the_embedded_segmenter_beside_one_of_words(checkpoints, items):
    options = ExamineeOptions(segmenter=f"clipseg:{checkpoints['clipseg']}")
    assert make_examinee("centre-point", items, options).describe()["segmenter"] == "pocket"


def test_an_adapter_is_known_by_its_weights(checkpoints, tmp_path):
    """Two trainings under one folder name must not share a run."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForImageTextToText

    from iqa_spider.models.adapters import quiet_peft

    seen = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        base = AutoModelForImageTextToText.from_pretrained(checkpoints["hf"])
        with quiet_peft():
            config = LoraConfig(r=2, target_modules=r".*language_model.*q_proj")
            get_peft_model(base, config).save_pretrained(tmp_path / "a")
        options = ExamineeOptions(loading={"adapter": str(tmp_path / "a")})
        seen.append(make_examinee(f"hf:{checkpoints['hf']}", [], options).describe())
    assert seen[0]["adapter"] != seen[1]["adapter"]
    assert str(tmp_path) not in json.dumps(seen[0]["adapter"])


def _replies(examinee, built, items):
    return [(a.item.id, a.reply) for a in examinee.answer(built, items)]


def test_questions_answered_together_are_those_answered_one_by_one(checkpoints, built, items):
    """A batch of a large model must change the time alone, over the borders of pictures and of batches."""
    name, some = f"hf:{checkpoints['hf']}", items[5:24]
    broken = replace(some[7], id="broken", image="images/none.png")
    some = [*some[:7], broken, *some[7:]]
    options = ExamineeOptions(loading={"dtype": "float32", "max_side": 64})
    alone = make_examinee(name, some, replace(options, batch=1))
    many = make_examinee(name, some, replace(options, batch=8))
    sizes, ask_many = [], many.spider.backbone.ask_many
    many.spider.backbone.ask_many = lambda rows, **more: (
        sizes.append(len(rows)) or ask_many(rows, **more)
    )
    one, together = _replies(alone, built, some), _replies(many, built, some)
    assert one == together and sizes == [7, 8, 4]
    assert [id for id, reply in one if reply.error] == ["broken"]


def test_a_batch_that_does_not_fit_into_memory_is_halved(checkpoints, built, items):
    """The run must go on with fewer at once, and only a question that is alone too large may fail."""
    some = items[:6]
    many = make_examinee(f"hf:{checkpoints['hf']}", some, ExamineeOptions(batch=6))
    ask_many = many.spider.backbone.ask_many

    def small(rows, **more):
        if len(rows) > 2 or any(row[1] == some[5].question for row in rows):
            raise MemoryLimitError("no memory left")
        return ask_many(rows, **more)

    many.spider.backbone.ask_many = small
    found = dict(_replies(many, built, some))
    assert list(found) == [item.id for item in some]
    assert [id for id, reply in found.items() if reply.error] == [
        item.id for item in some if item.question == some[5].question
    ]


def test_a_large_backbone_scores_by_closed_sets(checkpoints, built):
    """Table 6 is of large models by the softmax over levels: without likelihoods it would be empty for them."""
    closed = {
        "five": Closed("The overall quality is", ("bad", "poor", "fair", "good", "excellent")),
        "letters": Closed("", ("A", "B")),
    }
    item = Item("i", "images/p0.png", "p0", "rating", "Rate the quality.", closed=closed)
    examinee = make_examinee(f"hf:{checkpoints['hf']}", [item])
    ((_, reply),) = _replies(examinee, built, [item])
    assert {name: tuple(found) for name, found in reply.closed.items()} == {
        name: way.options for name, way in closed.items()
    }
    assert all(value < 0 for found in reply.closed.values() for value in found.values())


def test_the_command_of_a_report_tells_how_an_lmm_judged():
    """Marks of one round and of five are not the same marks."""
    options = BenchOptions(
        judge="openai:j", judge_options=JudgeOptions("http://h/v1", rounds=3, look=True)
    )
    told = session._command(load_benchmark("spider-bench"), "pocket", options)
    assert "--judge openai:j --judge-endpoint URL --judge-rounds 3 --judge-temperature 0" in told
    assert "--judge-looks" in told and "http" not in told
