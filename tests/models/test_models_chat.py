"""The backbone `hf` on small random Qwen3-VL and Qwen2.5-VL checkpoints of the real classes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from conftest import textured
from safetensors.torch import load_file, save_file
from tiny_models import save_llava, save_qwen

from iqa_spider.core import (
    FORMS,
    LEVELS,
    TERMS,
    Backbone,
    Box,
    CheckpointError,
    ConfigError,
    Conversation,
    DownloadError,
    Rater,
)
from iqa_spider.models import load_spider
from iqa_spider.models.chat import load_chat
from iqa_spider.models.checkpoints import LoadOptions, locate
from iqa_spider.models.grounding import PROBE

QUESTIONS = (
    "Where is it worst?",
    "Describe the quality of this picture in as much detail as you can, please.",
    "Is it noisy?",
)


@pytest.fixture(scope="module", params=["qwen3_vl", "qwen2_5_vl"])
def folder(request, tmp_path_factory):
    return save_qwen(tmp_path_factory.mktemp(request.param), request.param, seed=3)


@pytest.fixture(scope="module")
def backbone(folder):
    return load_chat(str(folder), LoadOptions())


@pytest.fixture(scope="module")
def talk(backbone, picture):
    return backbone.open(picture)


def _whole(backbone, picture, question):
    """Everything a plain call of the transformers model takes: no cache, no padding of ours."""
    opened = backbone.prompt.open(picture)
    ids = torch.tensor([[*opened.ids, *backbone.prompt.ask(question)]])
    types = torch.nn.functional.pad(
        opened.tensors["mm_token_type_ids"], (0, ids.shape[1] - len(opened.ids))
    )
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        **opened.tensors,
        "mm_token_type_ids": types,
    }


def test_it_is_a_backbone_that_rates(backbone, talk):
    assert isinstance(backbone, Backbone)
    assert isinstance(talk, Conversation)
    assert isinstance(talk, Rater)


@pytest.mark.parametrize("question", QUESTIONS)
def test_prefix_reuse_equals_encoding_anew(backbone, talk, picture, question):
    """Reference: transformers' own `generate` on the whole prompt. Wrong positions after the picture
    would still give fluent text, only of another picture."""
    inputs = _whole(backbone, picture, question)
    with torch.inference_mode():
        ids = backbone.reader.model.generate(**inputs, do_sample=False, max_new_tokens=24)
    expected = ids[0, inputs["input_ids"].shape[1] :].tolist()
    found = list(talk.ask(question, max_tokens=24).tokens)
    assert len(found) > 5
    assert found == [i for i in expected if i not in backbone.reader.stops]


def test_another_family_takes_one_row(tmp_path, picture):
    """LLaVA: its own processor, plain positions, no token types; against transformers' `generate`."""
    backbone = load_chat(str(save_llava(tmp_path / "llava")), LoadOptions())
    talk, other = backbone.open(picture), backbone.open(textured(96, 64, seed=5))
    ids = torch.tensor([[*talk.opened.ids, *backbone.prompt.ask(QUESTIONS[0])]])
    with torch.inference_mode():
        whole = backbone.reader.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            **talk.opened.tensors,
            do_sample=False,
            max_new_tokens=12,
        )
    found = talk.ask(QUESTIONS[0], max_tokens=12).tokens
    expected = whole[0, ids.shape[1] :].tolist()
    assert list(found) == [i for i in expected if i not in backbone.reader.stops]
    both = [(other, QUESTIONS[1], None), (talk, QUESTIONS[0], None)]
    assert backbone.ask_many(both, max_tokens=12)[1].tokens == found


def test_a_second_question_is_not_changed_by_the_first(talk):
    """The cache must come out of a question as it went in."""
    first = talk.ask(QUESTIONS[0], max_tokens=16)
    talk.ask(QUESTIONS[1], max_tokens=16)
    again = talk.ask(QUESTIONS[0], max_tokens=16)
    assert again.tokens == first.tokens
    assert (again.logits == first.logits).all()


def test_the_picture_is_read_once(backbone, picture, monkeypatch):
    calls = []
    visual = backbone.reader.model.model.visual
    forward = visual.forward
    monkeypatch.setattr(visual, "forward", lambda *a, **k: calls.append(1) or forward(*a, **k))
    talk = backbone.open(picture)
    for question in QUESTIONS:
        talk.ask(question, max_tokens=2)
    assert len(calls) == 1


def test_a_batch_equals_one_by_one(backbone, talk):
    """Three questions of different length about pictures of different size, padded on the left."""
    other = backbone.open(textured(96, 64, seed=5))
    region = np.zeros(talk.size[::-1], bool)
    region[20:90, 30:100] = True
    requests = [
        (talk, QUESTIONS[0], None),
        (other, QUESTIONS[1], None),
        (talk, QUESTIONS[2], region),
        (other, QUESTIONS[0], None),
    ]
    together = backbone.ask_many(requests, max_tokens=20)
    for (conversation, question, mask), answer in zip(requests, together, strict=True):
        alone = conversation.ask(question, region=mask, max_tokens=20)
        assert answer.tokens == alone.tokens
        assert answer.text == alone.text
        assert np.allclose(answer.logits, alone.logits, atol=1e-3)


def test_step_logits_are_those_of_the_whole_vocabulary(backbone, talk, picture):
    """A full pass with all logits is the reference; ours keeps 16 numbers a step."""
    answer = talk.ask(QUESTIONS[0], max_tokens=8)
    inputs = _whole(backbone, picture, QUESTIONS[0])
    length = inputs["input_ids"].shape[1]
    with torch.inference_mode():
        steps = backbone.reader.model.generate(
            **inputs,
            do_sample=False,
            max_new_tokens=8,
            output_logits=True,
            return_dict_in_generate=True,
        ).logits
    assert answer.logits.shape == (len(answer.tokens), len(TERMS), len(FORMS))
    assert length > 20
    for ours, whole in zip(answer.logits, steps, strict=False):
        assert np.allclose(ours, whole[0].numpy()[backbone.terms], atol=1e-3)


def test_pieces_make_up_the_text(talk):
    answer = talk.ask(QUESTIONS[1], max_tokens=20)
    assert "".join(answer.pieces).strip() == answer.text
    assert len(answer.pieces) == len(answer.tokens)


@pytest.mark.parametrize("beginning", ["", "The overall quality is"])
def test_likelihoods_are_those_of_the_whole_sentence(backbone, talk, picture, beginning):
    """Scoring by closed sets (letters, levels) must count every token of an option, as a plain call does."""
    options = ("A", "good", "excellent and without visible distortions")
    for option, found in zip(
        options, talk.likelihoods(QUESTIONS[0], beginning, options), strict=True
    ):
        inputs = _whole(backbone, picture, QUESTIONS[0])
        start = backbone.prompt.encode(beginning)
        said = backbone.prompt.encode(f"{beginning} {option}" if beginning else option)
        assert said[: len(start)] == start
        ids = torch.cat([inputs["input_ids"], torch.tensor([said])], 1)
        types = torch.nn.functional.pad(inputs["mm_token_type_ids"], (0, len(said)))
        whole = {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "mm_token_type_ids": types,
        }
        with torch.inference_mode():
            logits = backbone.reader.model(**{**inputs, **whole}).logits[0]
        steps = logits[-len(said) - 1 : -1].log_softmax(-1)[len(start) :]
        rest = said[len(start) :]
        assert found == pytest.approx(float(steps[range(len(rest)), rest].sum()), abs=1e-3)


def test_probe_continues_a_fixed_beginning(backbone, talk, picture):
    inputs = _whole(backbone, picture, QUESTIONS[0])
    beginning = torch.tensor([backbone.prompt.encode(PROBE)])
    for key, more in (
        ("input_ids", beginning),
        ("attention_mask", torch.ones_like(beginning)),
        ("mm_token_type_ids", torch.zeros_like(beginning)),
    ):
        inputs[key] = torch.cat([inputs[key], more], 1)
    with torch.inference_mode():
        whole = backbone.reader.model(**inputs).logits[0, -1].numpy()
    assert np.allclose(talk.probe(QUESTIONS[0], PROBE), whole[backbone.terms], atol=1e-3)


def test_a_region_changes_the_question_and_not_the_picture(backbone, talk):
    """Qwen3-VL counts in thousandths, Qwen2.5-VL in pixels of what it sees."""
    region = Box(56, 40, 168, 120).mask(*talk.size)
    told = talk.told("What is wrong here?", region)
    if backbone.prompt.family.box == "thousandths":
        assert "[250, 250, 750, 750]" in told
    else:
        width, height = talk.opened.size
        assert f"[{width // 4}, {height // 4}, {width * 3 // 4}, {height * 3 // 4}]" in told
    assert talk.told("What?", None) == "What?"
    a, b = (talk.probe("What?", PROBE, region=r) for r in (None, region))
    assert not np.allclose(a, b)


def test_rating_gives_levels(talk):
    score, levels = talk.rate()
    assert 0 <= score <= 100
    assert set(levels) == {str(level) for level in LEVELS}
    assert sum(levels.values()) == pytest.approx(1)


def test_grounding_does_not_change_the_text(folder, picture):
    """Text-to-point reads probabilities and generates nothing anew."""
    session = load_spider(f"hf:{folder}").open(picture)
    grounded = session.ask("Which region is the most degraded?", ground=True)
    plain = session.ask("Which region is the most degraded?", ground=False)
    assert grounded.text == plain.text
    assert grounded.mask is not None and plain.mask is None
    assert grounded.score is not None
    assert session.assess().level


def _broken(folder, tmp_path, change):
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    state = load_file(copy / "model.safetensors")
    change(state)
    save_file(state, copy / "model.safetensors", metadata={"format": "pt"})
    return copy


def test_an_incomplete_checkpoint_lists_its_keys(folder, tmp_path):
    """A layer of noise answers fluently: it must not load."""

    def lose(state):
        # Checkpoints of Qwen2.5-VL name the language model's layers otherwise than its class does.
        for key in [k for k in state if "visual" not in k and "layers.1.mlp.up_proj" in k]:
            del state[key]

    copy = _broken(folder, tmp_path, lose)
    with pytest.raises(CheckpointError, match=r"1 missing: .*layers\.1\.mlp\.up_proj\.weight"):
        load_chat(str(copy), LoadOptions())


def test_a_torn_file_is_a_checkpoint_error(folder, tmp_path):
    copy = _broken(folder, tmp_path, lambda state: None)
    data = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match="damaged"):
        load_chat(str(copy), LoadOptions())


def test_a_tokenizer_that_cannot_ground_is_refused(folder, tmp_path):
    """If "left" and "right" begin with the same piece, a softmax over them says nothing."""
    copy = _broken(folder, tmp_path, lambda state: None)
    data = json.loads((copy / "tokenizer.json").read_text())
    data["model"]["merges"] = []
    (copy / "tokenizer.json").write_text(json.dumps(data))
    with pytest.raises(CheckpointError, match="text-to-point cannot"):
        load_chat(str(copy), LoadOptions())


def test_other_model_types_are_named(folder, tmp_path):
    copy = _broken(folder, tmp_path, lambda state: None)
    settings = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(settings | {"model_type": "llama"}))
    with pytest.raises(CheckpointError, match="qwen3_vl, qwen2_5_vl"):
        load_chat(str(copy), LoadOptions())


def test_hub_ids_that_cannot_be_fetched_say_what_to_do(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DownloadError, match=r"name its path"):
        load_chat("nobody/nothing-at-all", LoadOptions())
    with pytest.raises(CheckpointError, match="no such folder"):
        locate("some/deep/path", "--model hf:")


@pytest.mark.parametrize(
    ("attention", "message"),
    [("flash_attention_9", "sdpa and eager"), ("eager", None), ("sdpa", None)],
)
def test_attention_is_chosen_by_name(folder, attention, message):
    """One that is not there is no fault of the checkpoint, and must not be told as one."""
    if message is None:
        model = load_chat(str(folder), LoadOptions(attention=attention)).reader.model
        assert model.config.get_text_config()._attn_implementation == attention
        return
    with pytest.raises(ConfigError, match=message):
        load_chat(str(folder), LoadOptions(attention=attention))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_told_before_anything_loads():
    with pytest.raises(ConfigError, match="--device cpu"):
        LoadOptions(device="cuda:1")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("hf:", {}, "written hf:PATH_OR_ID"),
        ("pocket:x", {}, "written pocket"),
        ("pocket", {"adapter": "x"}, "--adapter is for"),
        ("pocket", {"endpoint": "x"}, "--endpoint is for"),
        ("pocket", {"dtype": "int3"}, "float32, float16"),
        ("pocket", {"quantize": "1bit"}, "4bit"),
        ("pocket", {"boxes": "inches"}, "thousandths"),
        ("openai:x", {}, "needs --endpoint"),
        ("pocket", {"colour": 1}, "colour"),
        ("pocket", {"device": "abacus"}, "known: cpu, cuda"),
        ("pocket", {"segmenter": "sam3:x"}, "known: pocket, sam:"),
    ],
)
def test_wrong_names_and_flags_are_told_apart(name, options, message):
    with pytest.raises(ConfigError, match=message):
        load_spider(name, **options)
