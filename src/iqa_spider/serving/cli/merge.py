"""``iqa-spider merge``: an adapter folded into its base model."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["merge"]

_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".index.json")


def merge(
    adapter: Annotated[Path, typer.Argument(help="Folder of the adapter, as `train` writes it.")],
    out: Annotated[Path, typer.Option(help="Folder for the whole model; must be new or empty.")],
    base: Annotated[
        str | None, typer.Option(help="Base model; default: the one the adapter names.")
    ] = None,
    dtype: Annotated[str, typer.Option(help="auto, float32, float16 or bfloat16.")] = "auto",
) -> None:
    """Write base and adapter as one checkpoint, for vLLM (no LoRA for vision encoders there) or the hub.

    Example:

        iqa-spider merge runs/qwen3-vl-8b/adapter --out qwen3-vl-8b-iqa --dtype bfloat16
    """
    from transformers import AutoModelForImageTextToText

    from iqa_spider.core import CheckpointError, ConfigError
    from iqa_spider.models.adapters import base_of, merge_adapter
    from iqa_spider.models.checkpoints import LoadOptions, load_checkpoint

    if out.exists() and any(out.iterdir()):
        raise ConfigError(f"--out {out}: is not empty; name a new folder")
    name = base or base_of(adapter)
    if name is None:
        raise CheckpointError(f"{adapter}: names no base model; name it by --base")
    load: Any = AutoModelForImageTextToText.from_pretrained
    model = load_checkpoint(load, name, "--base", LoadOptions(dtype=dtype, device="cpu"))
    merged = merge_adapter(model, adapter)
    merged.save_pretrained(str(out))
    _copy_rest(name, out)
    print(f"merged: {out}")


def _copy_rest(base: str, out: Path) -> None:
    """Tokenizer, chat template and picture settings, byte for byte."""
    folder = Path(base)
    if not folder.is_dir():
        from huggingface_hub import snapshot_download

        folder = Path(snapshot_download(base, ignore_patterns=["*.safetensors", "*.bin"]))
    for file in folder.iterdir():
        if file.is_file() and not file.name.endswith(_WEIGHTS) and not (out / file.name).exists():
            shutil.copyfile(file, out / file.name)
