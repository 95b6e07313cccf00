"""Named regions from SAM, a semantic segmenter and CLIPSeg: real classes, small random weights, local checkpoints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import textured
from typer.testing import CliRunner

from iqa_spider.core import CheckpointError
from iqa_spider.dataset.check import check_dataset
from iqa_spider.models.proposers import (
    MaskGenerator,
    NamedRegion,
    Namer,
    ProposerSettings,
    SemanticProposer,
    Voter,
    _disjoint,
)
from iqa_spider.serving.cli import app

LOOSE = ProposerSettings(points=4, iou=-9.0, stability=0.0, area=60, overlap=0.95, batch=5)
LABELS = {0: "sky", 1: "grass, lawn", 2: "wall", 3: "water"}


def _save_sam(folder):
    from transformers import (
        SamConfig,
        SamImageProcessor,
        SamMaskDecoderConfig,
        SamModel,
        SamProcessor,
        SamPromptEncoderConfig,
        SamVisionConfig,
    )

    vision = SamVisionConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=64, patch_size=8,
        output_channels=16, mlp_dim=16, window_size=2, global_attn_indexes=[0], num_pos_feats=8,
    )  # fmt: skip
    prompt = SamPromptEncoderConfig(
        hidden_size=16, image_size=64, patch_size=8, mask_input_channels=4
    )
    decoder = SamMaskDecoderConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, mlp_dim=16,
        iou_head_hidden_dim=16, iou_head_depth=2,
    )  # fmt: skip
    config = SamConfig(
        vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder
    )
    SamModel(config).save_pretrained(folder)
    SamProcessor(
        SamImageProcessor(
            size={"longest_edge": 64}, pad_size={"height": 64, "width": 64},
            mask_size={"longest_edge": 16}, mask_pad_size={"height": 16, "width": 16},
        )
    ).save_pretrained(folder)  # fmt: skip


def _save_segformer(folder):
    from transformers import (
        SegformerConfig,
        SegformerForSemanticSegmentation,
        SegformerImageProcessor,
    )

    config = SegformerConfig(
        depths=[1] * 4, hidden_sizes=[8] * 4, num_attention_heads=[1] * 4, decoder_hidden_size=8,
        id2label=LABELS, label2id={name: number for number, name in LABELS.items()},
    )  # fmt: skip
    SegformerForSemanticSegmentation(config).save_pretrained(folder)
    SegformerImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)


def _save_clipseg(folder):
    from transformers import (
        CLIPSegConfig,
        CLIPSegForImageSegmentation,
        CLIPSegProcessor,
        CLIPTokenizer,
        ViTImageProcessor,
    )

    letters = [*map(chr, range(97, 123)), ",", " "]
    pieces = [
        *letters,
        *(letter + "</w>" for letter in letters),
        "<|startoftext|>",
        "<|endoftext|>",
    ]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    end = vocabulary["<|endoftext|>"]
    text = {
        "vocab_size": len(vocabulary), "hidden_size": 16, "intermediate_size": 16, "pad_token_id": end,
        "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 32,
        "bos_token_id": end - 1, "eos_token_id": end,
    }  # fmt: skip
    vision = {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "image_size": 32, "patch_size": 8,
    }  # fmt: skip
    config = CLIPSegConfig(
        text_config=text, vision_config=vision, projection_dim=16, extract_layers=[0, 1],
        reduce_dim=16, decoder_num_attention_heads=2, decoder_intermediate_size=16,
    )  # fmt: skip
    CLIPSegForImageSegmentation(config).save_pretrained(folder)
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[])
    images = ViTImageProcessor(size={"height": 32, "width": 32})
    CLIPSegProcessor(images, tokenizer).save_pretrained(folder)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ssa")
    torch.manual_seed(0)
    for name, save in (
        ("sam", _save_sam),
        ("segformer", _save_segformer),
        ("clipseg", _save_clipseg),
    ):
        save(folder / name)
    return {name: str(folder / name) for name in ("sam", "segformer", "clipseg")}


@pytest.fixture(scope="module")
def parts(checkpoints):
    return (
        MaskGenerator(checkpoints["sam"], LOOSE),
        Namer(checkpoints["segformer"]),
        Voter(checkpoints["clipseg"]),
    )


@pytest.mark.filterwarnings("ignore")
def test_regions_are_disjoint_named_and_few(parts):
    """Overlapping regions would be distorted twice; a name outside the segmenter's would be made up."""
    picture = textured(96, 128, 3)
    regions = SemanticProposer(*parts, replace(LOOSE, regions=3)).propose(picture)
    assert 1 <= len(regions) <= 3 and all(isinstance(r, NamedRegion) for r in regions)
    assert sum(r.mask.astype(int) for r in regions).max() == 1
    areas = [int(r.mask.sum()) for r in regions]
    assert areas == sorted(areas, reverse=True) and min(areas) >= LOOSE.area
    assert {r.name for r in regions} <= {"sky", "grass", "wall", "water"}


@pytest.mark.filterwarnings("ignore")
def test_batches_of_points_change_nothing(checkpoints):
    picture = textured(96, 128, 4)
    few = MaskGenerator(checkpoints["sam"], LOOSE).masks(picture)
    many = MaskGenerator(checkpoints["sam"], replace(LOOSE, batch=16)).masks(picture)
    assert len(few) == len(many) > 0
    assert np.mean([(a == b).mean() for a, b in zip(few, many, strict=True)]) > 0.99


@pytest.mark.filterwarnings("ignore")
def test_unsure_and_unstable_masks_are_dropped(checkpoints):
    picture = textured(96, 128, 3)
    for strict in (
        replace(LOOSE, iou=9.0),
        replace(LOOSE, stability=1.1),
        replace(LOOSE, area=10**6),
    ):
        assert MaskGenerator(checkpoints["sam"], strict).masks(picture) == []


@pytest.mark.filterwarnings("ignore")
def test_clipseg_votes_between_the_segmenters_names(parts):
    """Where the segmenter is undecided the vote decides; it cannot bring in a name of its own."""

    class Grass:
        def vote(self, picture, names):
            maps = np.zeros((len(names), *picture.shape[:2]), np.float32)
            maps[names.index("grass")] = 1.0
            return maps

    class Halves:
        def classes(self, picture):
            classes = np.zeros(picture.shape[:2], np.int64)
            classes[:, : int(0.4 * picture.shape[1])] = 1
            return classes

        def name(self, number):
            return LABELS[number].split(",")[0]

    class Whole:
        settings = LOOSE

        def masks(self, picture):
            return [np.ones(picture.shape[:2], bool)]

    picture = textured(40, 50, 1)
    assert SemanticProposer(Whole(), Halves()).propose(picture)[0].name == "sky"
    assert SemanticProposer(Whole(), Halves(), Grass()).propose(picture)[0].name == "grass"
    votes = parts[2].vote(picture, ["sky", "grass"])
    assert votes.shape == (2, 40, 50) and 0 <= votes.min() <= votes.max() <= 1


def test_small_masks_lie_over_large_ones():
    large = np.ones((60, 60), bool)
    small = np.zeros((60, 60), bool)
    small[10:30, 10:30] = True
    first, second = _disjoint([small, large], LOOSE)
    assert (second == small).all() and (first == ~small).all()


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="nowhere"):
        Namer(str(tmp_path / "nowhere"))


@pytest.mark.filterwarnings("ignore")
def test_the_command_writes_regions_once_and_build_takes_them(checkpoints, small_photos, tmp_path):
    """Each photo is proposed for once: the second run finds the cache."""
    arguments = ["dataset", "regions", str(small_photos), "--out", str(tmp_path / "r"), "--limit", "3",
                 "--sam", checkpoints["sam"], "--semantic", checkpoints["segformer"],
                 "--clipseg", checkpoints["clipseg"], "--points", "3", "--iou", "-9",
                 "--stability", "0", "--area", "600"]  # fmt: skip
    first, second = (CliRunner().invoke(app, arguments) for _ in range(2))
    assert first.exit_code == 0, first.output or first.exception
    assert "of 3 photos" in first.stdout and "0 regions of 0 photos" in second.stdout
    build = ["dataset", "build", str(small_photos), "--out", str(tmp_path / "set"), "--limit", "3",
             "--workers", "1", "--size", "160", "--regions", str(tmp_path / "r")]  # fmt: skip
    result = CliRunner().invoke(app, build)
    assert result.exit_code == 0, result.output or result.exception
    assert check_dataset(tmp_path / "set", small_photos).problems == ()
