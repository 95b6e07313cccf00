"""Every kind of checkpoint that the proposer takes: real classes, small random weights, local folders."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from conftest import textured
from tiny_models import save_sam2

from iqa_spider.core import CheckpointError
from iqa_spider.models.proposers import MaskGenerator, Namer, ProposerSettings, SemanticProposer

LOOSE = ProposerSettings(points=4, iou=-9.0, stability=0.0, area=60, overlap=0.95, batch=5)
LABELS = {0: "sky", 1: "grass, lawn", 2: "wall", 3: "water"}
NAMES = {"id2label": LABELS, "label2id": {name: number for number, name in LABELS.items()}}
SIDE = {"height": 64, "width": 64}
SMALL = {
    "hidden_dim": 32, "encoder_feedforward_dim": 16, "dim_feedforward": 16, "encoder_layers": 1,
    "num_attention_heads": 2, "num_queries": 6,
}  # fmt: skip


def _swin():
    from transformers import SwinConfig

    return SwinConfig(
        image_size=32, patch_size=4, embed_dim=8, depths=[1] * 4, num_heads=[1, 1, 2, 2], window_size=2,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )  # fmt: skip


def _save_mask2former(folder):
    from transformers import (
        Mask2FormerConfig,
        Mask2FormerForUniversalSegmentation,
        Mask2FormerImageProcessor,
    )

    config = Mask2FormerConfig(
        backbone_config=_swin(), feature_size=32, mask_feature_size=32, decoder_layers=2, **SMALL, **NAMES
    )  # fmt: skip
    Mask2FormerForUniversalSegmentation(config).save_pretrained(folder)
    Mask2FormerImageProcessor(size=SIDE).save_pretrained(folder)


def _save_oneformer(folder):
    from transformers import (
        CLIPTokenizer,
        OneFormerConfig,
        OneFormerForUniversalSegmentation,
        OneFormerImageProcessor,
        OneFormerProcessor,
    )

    letters = [*map(chr, range(97, 123)), ",", " "]
    pieces = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]  # fmt: skip
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    config = OneFormerConfig(
        backbone_config=_swin(), conv_dim=32, mask_dim=32, decoder_layers=3, query_dec_layers=1,
        text_encoder_width=32, text_encoder_num_layers=1, text_encoder_vocab_size=len(vocabulary),
        text_encoder_n_ctx=2, **SMALL, **NAMES,
    )  # fmt: skip
    OneFormerForUniversalSegmentation(config).save_pretrained(folder)
    known = {str(number): {"isthing": 0, "name": name} for number, name in LABELS.items()}
    (folder / "classes.json").write_text(json.dumps(known))
    pictures = OneFormerImageProcessor(
        size=SIDE, repo_path=str(folder), class_info_file="classes.json", num_text=4
    )
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[])
    OneFormerProcessor(pictures, tokenizer).save_pretrained(folder)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("save", [_save_mask2former, _save_oneformer])
def test_a_universal_segmenter_names_every_pixel(save, tmp_path):
    torch.manual_seed(0)
    save(tmp_path)
    namer = Namer(str(tmp_path))
    classes = namer.classes(textured(96, 128, 3))
    assert classes.shape == (96, 128) and classes.dtype == np.int64
    assert {namer.name(int(number)) for number in np.unique(classes)} <= {
        "sky", "grass", "wall", "water"
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore")
def test_sam_2_generates_masks_and_the_proposer_names_them(tmp_path):
    """SAM 2 embeds at three strides and stretches the picture: both differ from SAM. Its folder needs no processor."""
    torch.manual_seed(0)
    for name, save in (("sam2", save_sam2), ("mask2former", _save_mask2former)):
        (tmp_path / name).mkdir()
        save(tmp_path / name)
    picture = textured(96, 128, 3)
    masks = MaskGenerator(str(tmp_path / "sam2"), LOOSE)
    found = masks.masks(picture)
    assert found and all(m.shape == (96, 128) and m.dtype == bool for m in found)
    regions = SemanticProposer(masks, Namer(str(tmp_path / "mask2former"))).propose(picture)
    assert regions and sum(r.mask.astype(int) for r in regions).max() == 1
    assert {r.name for r in regions} <= {"sky", "grass", "wall", "water"}
    with pytest.raises(CheckpointError, match="holds a mask2former, expected a SAM"):
        MaskGenerator(str(tmp_path / "mask2former"))
