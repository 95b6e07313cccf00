"""Small random models of the real classes, saved as the checkpoints their makers publish.

``python tests/tiny_models.py KIND FOLDER`` writes a somewhat wider one, to measure costs with.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from iqa_spider.models.build import weights_folder

PATCHES = {"qwen3_vl": 16, "qwen2_5_vl": 14}

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""A chat template of the same shape as Qwen's."""


def save_sam(folder: Path, seed: int = 0) -> Path:
    """SAM with two layers on 64 x 64 pixels."""
    from transformers import SamConfig, SamModel

    torch.manual_seed(seed)
    vision = {
        "hidden_size": 32,
        "output_channels": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 64,
        "patch_size": 8,
        "window_size": 4,
        "global_attn_indexes": [1],
        "num_pos_feats": 8,
        "mlp_dim": 64,
        "initializer_range": 0.2,
    }
    prompt = {"hidden_size": 16, "image_size": 64, "patch_size": 8, "mask_input_channels": 4}
    decoder = {
        "hidden_size": 16,
        "mlp_dim": 32,
        "num_attention_heads": 2,
        "iou_head_hidden_dim": 16,
    }
    config = SamConfig(
        vision_config=vision,
        prompt_encoder_config=prompt,
        mask_decoder_config=decoder,
        initializer_range=0.3,
    )
    SamModel(config).save_pretrained(folder)
    return folder


def save_sam2(folder: Path, seed: int = 0) -> Path:
    """SAM 2 with four small stages on 64 x 64 pixels."""
    from transformers import Sam2Config, Sam2Model

    torch.manual_seed(seed)
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 8,
        "image_size": [64, 64],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 2, 2],
        "window_size_per_stage": [8, 4, 4, 4],
        "global_attention_blocks": [3],
        "initializer_range": 0.3,
    }
    vision = {
        "model_type": "sam2_vision_model",
        "backbone_config": backbone,
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        "fpn_hidden_size": 16,
        "initializer_range": 0.3,
    }
    prompt = {"hidden_size": 16, "image_size": 64, "patch_size": 16, "mask_input_channels": 4}
    decoder = {
        "hidden_size": 16,
        "mlp_dim": 32,
        "num_attention_heads": 2,
        "iou_head_hidden_dim": 16,
    }
    config = Sam2Config(
        vision_config=vision,
        prompt_encoder_config=prompt,
        mask_decoder_config=decoder,
        initializer_range=0.3,
    )
    Sam2Model(config).save_pretrained(folder)
    return folder


def save_clipseg(folder: Path, seed: int = 0) -> Path:
    """CLIPSeg with two layers each for words and pictures."""
    from transformers import CLIPSegConfig, CLIPSegForImageSegmentation

    torch.manual_seed(seed)
    tokens = tokenizer()
    layers = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    config = CLIPSegConfig(
        text_config=layers
        | {
            "vocab_size": len(tokens),
            "eos_token_id": tokens.eos_token_id,
            "pad_token_id": tokens.pad_token_id,
            "bos_token_id": 1,
            "initializer_factor": 20.0,
        },
        vision_config=layers | {"patch_size": 32, "image_size": 64, "initializer_factor": 20.0},
        projection_dim=16,
        extract_layers=[0, 1],
        reduce_dim=16,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=32,
        initializer_factor=20.0,
    )
    CLIPSegForImageSegmentation(config).save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder


def tokenizer() -> Any:
    """The embedded model's vocabulary with Qwen's special tokens."""
    from transformers import PreTrainedTokenizerFast

    tokens = PreTrainedTokenizerFast(
        tokenizer_file=str(weights_folder() / "tokenizer.json"),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=[
            "<|vision_start|>",
            "<|vision_end|>",
            "<|image_pad|>",
            "<|video_pad|>",
        ],
    )
    tokens.chat_template = TEMPLATE
    return tokens


def save_qwen(
    folder: Path, kind: str = "qwen3_vl", seed: int = 0, *, patches: int = 100, **changes: Any
) -> Path:
    """Qwen3-VL or Qwen2.5-VL with three layers; vision and language as the real ones, only narrow."""
    import transformers as t

    torch.manual_seed(seed)
    tokens = tokenizer()
    ids = tokens.convert_tokens_to_ids
    width = changes.get("hidden_size", 64)
    text = {
        "vocab_size": len(tokens),
        "hidden_size": width,
        "intermediate_size": width * 3 // 2,
        "num_hidden_layers": 3,
        "num_attention_heads": width // 16,
        "num_key_value_heads": width // 32,
        "max_position_embeddings": 4096,
        "initializer_range": 0.15,
        "eos_token_id": ids("<|im_end|>"),
        "pad_token_id": ids("<|endoftext|>"),
        "bos_token_id": None,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [4, 2, 2],
        },
    }
    vision: dict[str, Any] = {
        "depth": 2,
        "hidden_size": width // 2,
        "num_heads": width // 32,
        "intermediate_size": width,
        "out_hidden_size": width,
        "patch_size": PATCHES[kind],
        "initializer_range": 0.15,
    }
    if kind == "qwen3_vl":
        text["head_dim"] = 16
        text["rope_parameters"]["mrope_interleaved"] = True
        vision |= {"num_position_embeddings": 64, "deepstack_visual_indexes": [0, 1]}
        classes = (t.Qwen3VLConfig, t.Qwen3VLForConditionalGeneration)
    else:
        vision |= {"window_size": 56, "fullatt_block_indexes": [1]}
        classes = (t.Qwen2_5_VLConfig, t.Qwen2_5_VLForConditionalGeneration)
    config = classes[0](
        text_config=text | changes,
        vision_config=vision,
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
    )
    model = classes[1](config)
    model.generation_config.eos_token_id = ids("<|im_end|>")
    model.generation_config.pad_token_id = ids("<|endoftext|>")
    model.save_pretrained(folder)
    tokens.save_pretrained(folder)
    _picture_settings(folder, PATCHES[kind], patches)
    return folder


def save_llava(folder: Path, seed: int = 0) -> Path:
    """LLaVA: a family whose pictures transformers' own processor lays out."""
    import transformers as t
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    torch.manual_seed(seed)
    tokens = tokenizer()
    tokens.add_special_tokens({"additional_special_tokens": ["<image>"]})
    tokens.chat_template = TEMPLATE.replace(
        "<|vision_start|><|image_pad|><|vision_end|>", "<image>"
    )
    ids = tokens.convert_tokens_to_ids
    text = {
        "model_type": "llama",
        "vocab_size": len(tokens),
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "initializer_range": 0.15,
        "eos_token_id": ids("<|im_end|>"),
        "pad_token_id": ids("<|endoftext|>"),
        "bos_token_id": None,
    }
    vision = {
        "model_type": "clip_vision_model",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "image_size": 64,
        "patch_size": 16,
    }
    config = t.LlavaConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=ids("<image>"),
        image_seq_length=16,
    )
    t.LlavaForConditionalGeneration(config).save_pretrained(folder)
    size = {"height": 64, "width": 64}
    t.LlavaProcessor(
        CLIPImageProcessorPil(size={"shortest_edge": 64}, crop_size=size),
        tokens,
        patch_size=16,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token="<image>",
        chat_template=tokens.chat_template,
    ).save_pretrained(folder)
    return folder


def _picture_settings(folder: Path, patch: int, patches: int) -> None:
    """The file that tells how pictures are cut, as the checkpoints on the hub have it."""
    settings = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "patch_size": patch,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "size": {"shortest_edge": 4 * patch * patch, "longest_edge": patches * patch * patch},
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))


if __name__ == "__main__":
    saver = {"sam": save_sam, "sam2": save_sam2}.get(sys.argv[1])
    if saver is not None:
        saver(Path(sys.argv[2]))
    else:
        wide = {"hidden_size": 128, "num_hidden_layers": 4, "patches": 4096}
        save_qwen(Path(sys.argv[2]), sys.argv[1], **wide)
