"""Shapes of the paper's bases, so that they can be planned for without their checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch

from iqa_spider.core import ConfigError
from iqa_spider.models.chat_prompt import FAMILIES

__all__ = ["KNOWN", "skeleton"]

KNOWN: Final[Mapping[str, dict[str, Any]]] = {
    "Qwen/Qwen3-VL-8B-Instruct": {
        "model_type": "qwen3_vl",
        "text_config": {
            "model_type": "qwen3_vl_text",
            "hidden_size": 4096,
            "intermediate_size": 12288,
            "num_hidden_layers": 36,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "vocab_size": 151936,
        },
        "vision_config": {
            "model_type": "qwen3_vl_vision",
            "depth": 27,
            "hidden_size": 1152,
            "intermediate_size": 4304,
            "num_heads": 16,
            "out_hidden_size": 4096,
            "deepstack_visual_indexes": [8, 16, 24],
        },
    },
    "Qwen/Qwen2.5-VL-7B-Instruct": {
        "model_type": "qwen2_5_vl",
        "text_config": {
            "model_type": "qwen2_5_vl_text",
            "hidden_size": 3584,
            "intermediate_size": 18944,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "vocab_size": 152064,
        },
        "vision_config": {
            "model_type": "qwen2_5_vl_vision",
            "depth": 32,
            "hidden_size": 1280,
            "intermediate_size": 3420,
            "num_heads": 16,
            "out_hidden_size": 3584,
            "fullatt_block_indexes": [7, 15, 23, 31],
        },
    },
}
"""Settings of transformers' configuration by hub id."""


def skeleton(base: str) -> tuple[Any, Any]:
    """Configuration and model of a base without weights (on torch's meta device)."""
    from transformers import AutoConfig, AutoModelForImageTextToText

    if Path(base).is_dir() or base not in KNOWN:
        from iqa_spider.models.checkpoints import explain_loading, locate

        where = locate(base, "base:")
        with explain_loading(base, "base:"):
            config = AutoConfig.from_pretrained(where)
    else:
        known = dict(KNOWN[base])
        config = AutoConfig.for_model(known.pop("model_type"), **known)
    if config.model_type not in FAMILIES:
        raise ConfigError(f"base: {base} is of type {config.model_type}, not {', '.join(FAMILIES)}")
    build: Any = AutoModelForImageTextToText.from_config
    with torch.device("meta"):
        model = build(config)
    return config, model
