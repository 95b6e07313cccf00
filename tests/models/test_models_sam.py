"""SAM and SAM 2 of small random size, loaded from folders as the real ones are."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import save_clipseg, save_qwen, save_sam, save_sam2

from iqa_spider.core import (
    CheckpointError,
    ConfigError,
    Point,
    Proposes,
    RegionError,
    Segmenter,
    TextPrompted,
)
from iqa_spider.models import load_spider
from iqa_spider.models.assessment import REFER
from iqa_spider.models.checkpoints import LoadOptions
from iqa_spider.models.clipseg import SIDE, answer_part, load_clipseg
from iqa_spider.models.sam import load_sam, prepare

SAVERS = {"sam": save_sam, "sam2": save_sam2}


@pytest.fixture(scope="module", params=["sam", "sam2"])
def segmenter(request, tmp_path_factory):
    folder = SAVERS[request.param](tmp_path_factory.mktemp("checkpoint"))
    return load_sam(request.param, str(folder), LoadOptions())


def test_candidates_are_masks_of_the_picture_best_first(segmenter, picture):
    assert isinstance(segmenter, Segmenter)
    found = segmenter.open(picture).segment([Point(30, 40)])
    assert len(found) == 3
    assert all(c.mask.shape == picture.shape[:2] and c.mask.dtype == bool for c in found)
    assert [c.score for c in found] == sorted((c.score for c in found), reverse=True)


def test_the_picture_is_embedded_once(segmenter, picture, monkeypatch):
    """Embedding is where the time goes: a click must never repeat it."""
    calls = []
    embed = segmenter.model.get_image_embeddings
    monkeypatch.setattr(
        segmenter.model, "get_image_embeddings", lambda x: calls.append(1) or embed(x)
    )
    session = segmenter.open(picture.copy())
    for x in (10, 100, 200):
        session.segment([Point(x, 50)])
    assert segmenter.open(session.segmenter._last[0]) is session
    assert len(calls) == 1


def test_cached_embedding_gives_what_the_whole_model_gives(segmenter, picture):
    """Reference: one pass of the transformers model from pixels to masks."""
    session = segmenter.open(picture)
    points = [Point(60, 30), Point(120, 90)]
    pixels, inner = prepare(picture, segmenter.side, segmenter.fit)
    height, width = picture.shape[:2]
    places = [[p.x * inner[1] / width, p.y * inner[0] / height] for p in points]
    with torch.inference_mode():
        whole = segmenter.model(
            pixel_values=pixels,
            input_points=torch.tensor([[places]]),
            input_labels=torch.ones(1, 1, 2, dtype=torch.int),
        )
    expected = np.sort(whole.iou_scores[0, 0].numpy())[::-1]
    found = [candidate.score for candidate in session.segment(points)]
    assert found == pytest.approx(expected.tolist(), abs=1e-5)


def test_points_matter_and_must_lie_inside(segmenter, picture):
    session = segmenter.open(picture)
    one, two = (session.segment([Point(x, y)])[0].score for x, y in ((5, 5), (200, 150)))
    assert one != two
    with pytest.raises(RegionError, match="at least one"):
        session.segment([])
    with pytest.raises(RegionError, match="outside"):
        session.segment([Point(9999, 1)])


def test_preparation_equals_that_of_transformers(picture):
    """SAM's own processor is the reference where it can be imported."""
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    processor = SamImageProcessorPil(
        size={"longest_edge": 64}, pad_size={"height": 64, "width": 64}
    )
    expected = processor(picture, return_tensors="pt")["pixel_values"]
    assert torch.allclose(prepare(picture, 64, "pad")[0], expected, atol=1e-5)


def test_a_picture_is_stretched_for_sam_2_and_padded_for_sam(picture):
    assert prepare(picture, 64, "stretch")[1] == (64, 64)
    tensor, inner = prepare(picture, 64, "pad")
    assert inner == (46, 64)
    assert (tensor[:, :, 46:] == 0).all()


@pytest.mark.parametrize("change", ["missing", "unknown", "shape"])
def test_a_checkpoint_with_other_keys_is_refused(tmp_path, change):
    """transformers would fill a missing layer with noise and go on."""
    folder = save_sam(tmp_path / "sam")
    file = folder / "model.safetensors"
    state = load_file(file)
    key = "vision_encoder.neck.conv1.weight"
    if change == "missing":
        del state[key]
    elif change == "unknown":
        state["stray.weight"], key = torch.zeros(2), "stray.weight"
    else:
        state[key] = torch.zeros(3, 3)
    save_file(state, file, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=key.replace(".", r"\.")):
        load_sam("sam", str(folder), LoadOptions())


def test_what_is_no_checkpoint_says_so(tmp_path):
    with pytest.raises(CheckpointError, match="no such folder"):
        load_sam("sam", str(tmp_path / "nothing"), LoadOptions())
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        load_sam("sam2", str(tmp_path), LoadOptions())
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "sam"}))
    with pytest.raises(CheckpointError, match="--segmenter sam"):
        load_sam("sam", str(tmp_path), LoadOptions())


def test_the_spider_grounds_with_it(tmp_path, picture):
    """`--model pocket --segmenter sam2:FOLDER`, as the command line asks for it."""
    folder = save_sam2(tmp_path / "sam2")
    session = load_spider("pocket", segmenter=f"sam2:{folder}").open(picture)
    answer = session.ask("Which region is the most degraded?", ground=True)
    if not answer.whole_image:
        expected = session.segmenter.segment([answer.point])[0].mask
        assert (answer.mask == expected).all()
    assert session.segmenter.segmenter.name.startswith("sam2:")


def test_words_prompt_clipseg_and_the_picture_is_seen_once(tmp_path, picture):
    """Reference: one pass of the transformers model from pixels and words to logits."""
    segmenter = load_clipseg(str(save_clipseg(tmp_path / "c")), LoadOptions(prompt_part="whole"))
    session = segmenter.open(picture)
    assert isinstance(session, TextPrompted)
    text = "noise in the sky"
    found = session.segment_text(text)[0]
    assert found.mask.shape == picture.shape[:2]
    with torch.inference_mode():
        whole = segmenter.model(
            **segmenter.tokenizer(text, return_tensors="pt"),
            pixel_values=prepare(picture, SIDE, "stretch")[0],
            interpolate_pos_encoding=True,
        ).logits
    large = torch.nn.functional.interpolate(
        whole.reshape(1, 1, *whole.shape[-2:]), picture.shape[:2], mode="bilinear"
    )
    shares = large[0, 0].sigmoid().numpy()
    expected = shares > min(0.5, shares.max() / 2)
    assert (found.mask == expected).mean() > 0.999
    with pytest.raises(RegionError, match="takes no points"):
        session.segment([Point(1, 1)])


def test_the_spider_prompts_it_with_the_chosen_part(tmp_path, picture):
    folder = save_clipseg(tmp_path / "c")
    spider = load_spider("pocket", segmenter=f"clipseg:{folder}", prompt_part="spatial")
    session = spider.open(picture)
    answer = session.ask("Which region is the most degraded?", ground=True)
    if not answer.whole_image:
        assert answer.point is not None
        assert (answer.mask == session.segmenter.segment_text(answer.text)[0].mask).all()


@pytest.mark.parametrize(
    ("text", "spatial", "semantic"),
    [
        (
            "The region at the top left: the dark area, with strong blur.",
            "The region at the top left",
            "the dark area, with strong blur",
        ),
        ("It is noise.", "It is noise.", "It is noise."),
        ("At the bottom right", "At the bottom right", "At the bottom right"),
    ],
)
def test_parts_of_an_answer(text, spatial, semantic):
    assert answer_part(text, "spatial") == spatial
    assert answer_part(text, "semantic") == semantic
    assert answer_part(text, "whole") == text
    with pytest.raises(ConfigError, match="semantic"):
        answer_part(text, "third")


def test_clicks_all_over_are_the_same_as_one_by_one(segmenter, picture):
    """Regions are proposed from these: a click must not hear of the others in its batch."""
    session = segmenter.open(picture)
    assert isinstance(session, Proposes)
    height, width = picture.shape[:2]
    unit = np.random.default_rng(0).random((20, 2))
    masks, scores = session.click_grid(unit)
    assert masks.shape[:2] == scores.shape == (20, 3)
    for i in (0, 17):
        alone = session.segment([Point(unit[i, 0] * width, unit[i, 1] * height)])
        assert np.sort(scores[i])[::-1] == pytest.approx([c.score for c in alone], abs=1e-4)
        large = session.enlarge(masks[i, scores[i].argmax()])
        assert large.shape == (height, width)
        # The grid is of probabilities, the mask of logits: they differ along the rims, of which noise has many.
        assert (large == alone[0].mask).mean() > 0.9


@pytest.mark.parametrize("kind", ["pocket", "sam", "sam2", "clipseg"])
def test_a_backbone_that_divides_no_picture_reports_the_segmenters_regions(tmp_path, picture, kind):
    savers = {**SAVERS, "clipseg": save_clipseg}
    chosen = kind if kind == "pocket" else f"{kind}:{savers[kind](tmp_path / kind)}"
    spider = load_spider(f"hf:{save_qwen(tmp_path / 'q', seed=3)}", segmenter=chosen)
    session = spider.open(picture)
    report = session.assess()
    assert report.regions
    total = sum(region.mask.astype(int) for region in report.regions)
    assert total.max() <= 2 and all(region.area > 0 and region.name for region in report.regions)
    assert all(r.mask is s.mask for r, s in zip(report.regions, session.regions(), strict=True))
    alone = session.conversation.ask(REFER, region=report.regions[-1].mask)
    assert report.regions[-1].text == alone.text
    name = f"{report.regions[0].name} at the {' '.join(report.regions[0].terms)}"
    assert session.find_region(name) is not None
    # A question in words stays as it is: no region that the model did not propose is put into it.
    assert session.prepare(f"What is wrong with the {name}?").region is None
