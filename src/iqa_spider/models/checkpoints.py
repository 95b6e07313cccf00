"""Checkpoints of transformers, loaded strictly: what is missing is an error that lists the keys.

transformers fills missing weights with noise and says so in a log line. A model that answers with some of
its layers at random looks alive, so here the same finding stops the load.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from iqa_spider.core import (
    CheckpointError,
    ConfigError,
    DownloadError,
    MemoryLimitError,
    MissingExtraError,
    SpiderError,
)
from iqa_spider.models.boxes import BOX_STYLES

__all__ = [
    "DTYPES",
    "PROMPT_PARTS",
    "LoadOptions",
    "explain_loading",
    "load_checkpoint",
    "locate",
    "memory_guard",
    "refuse_keys",
]

PROMPT_PARTS: Final = ("whole", "spatial", "semantic")
DTYPES: Final = ("auto", "float32", "float16", "bfloat16")

_MEMORY_ADVICE: Final = (
    "make it smaller by --quantize 4bit, --dtype float16 or --max-side, spread it over several devices by "
    "--device auto, or run it behind a server with --model openai:NAME --endpoint URL"
)


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a large model is put into memory; each field is the flag of the same name."""

    dtype: str = "auto"
    """One of `DTYPES`; auto is the checkpoint's own on an accelerator and float32 on a CPU."""
    device: str | None = None
    """cpu, cuda, cuda:1 ..., or auto to spread over all devices; None takes cuda where there is one."""
    attention: str | None = None
    """sdpa, eager, flash_attention_2 ...; None leaves the choice to transformers."""
    quantize: str | None = None
    """4bit, or None."""
    adapter: str | None = None
    """Folder of a PEFT adapter for a large backbone."""
    max_side: int | None = None
    """Pictures with a longer side are shrunk to it before a large backbone or an endpoint sees them."""
    boxes: str | None = None
    """How regions are told to a chat model, a key of `BOX_STYLES`; None is its family's own way."""
    prompt_part: str = "semantic"
    """What of an answer prompts a segmenter that takes words, one of `PROMPT_PARTS`."""
    endpoint: str | None = None
    """Base URL of an OpenAI-compatible server."""
    api_key: str | None = None
    timeout: float = 120.0
    retries: int = 4
    concurrency: int = 8

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ConfigError(f"--dtype {self.dtype!r}: known: {', '.join(DTYPES)}")
        if self.quantize not in (None, "4bit"):
            raise ConfigError(f"--quantize {self.quantize!r}: known: 4bit")
        if self.prompt_part not in PROMPT_PARTS:
            known = ", ".join(PROMPT_PARTS)
            raise ConfigError(f"--prompt-part {self.prompt_part!r}: known: {known}")
        if self.boxes not in (None, *BOX_STYLES):
            raise ConfigError(f"--boxes {self.boxes!r}: known: {', '.join(BOX_STYLES)}")
        _check_device(self.device)
        if self.max_side is not None and self.max_side < 32:
            raise ConfigError(f"--max-side {self.max_side}: must be at least 32 pixels")

    @property
    def place(self) -> str:
        """The device, with None resolved."""
        return self.device or ("cuda" if torch.cuda.is_available() else "cpu")

    def torch_dtype(self) -> torch.dtype | str:
        """bfloat16 checkpoints run hundreds of times slower on CPUs without the instruction."""
        if self.dtype != "auto":
            return getattr(torch, self.dtype)  # type: ignore[no-any-return]
        return torch.float32 if self.place == "cpu" else "auto"

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of ``from_pretrained``."""
        wanted: dict[str, Any] = {"dtype": self.torch_dtype()}
        if self.attention:
            wanted["attn_implementation"] = self.attention
        if self.place == "auto" or self.quantize:
            _need("accelerate", "--device auto and --quantize", "hf")
            wanted["device_map"] = self.place
        if self.quantize:
            _need("bitsandbytes", "--quantize 4bit", "4bit")
            from transformers import BitsAndBytesConfig

            compute = torch.float32 if self.place == "cpu" else torch.bfloat16
            build: Callable[..., Any] = BitsAndBytesConfig
            wanted["quantization_config"] = build(
                load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=compute
            )
        return wanted


def _check_device(device: str | None) -> None:
    """transformers would load for minutes before torch says that there is no such device."""
    if device in (None, "auto"):
        return
    try:
        kind = torch.device(str(device)).type
    except RuntimeError as error:
        raise ConfigError(f"--device {device!r}: known: cpu, cuda, cuda:1 ..., auto") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"--device {device}: torch finds no CUDA device here; use --device cpu, or install torch for CUDA"
        )


@contextmanager
def _explain_attention(attention: str | None) -> Iterator[None]:
    """A kind of attention that is unknown or not installed is no fault of the checkpoint."""
    try:
        yield
    except (ValueError, ImportError) as error:
        text = " ".join(str(error).split())
        if attention is None or not re.search("attn_implementation|FlashAttention", text):
            raise
        raise ConfigError(
            f"--attention {attention}: cannot be used here; sdpa and eager always can ({text[:200]})"
        ) from error


def _need(module: str, feature: str, extra: str) -> None:
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise MissingExtraError(feature, extra)


def locate(name: str, flag: str) -> str:
    """A folder or a hub id, as transformers takes it; raise `CheckpointError` for neither.

    ``flag`` is what the user typed, for the message.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "config.json").exists():
            raise CheckpointError(f"{flag} {path}: the folder has no config.json, so no checkpoint")
        return str(path)
    parts = name.split("/")
    if path.is_absolute() or name.startswith((".", "~")) or len(parts) != 2 or not all(parts):
        raise CheckpointError(
            f"{flag} {name}: no such folder, and not an OWNER/NAME of the Hugging Face hub either"
        )
    return name


@contextmanager
def explain_loading(name: str, flag: str) -> Iterator[None]:
    """Errors of a load, in one line that names the flag and the mend."""
    try:
        with memory_guard(f"{flag} {name}"):
            yield
    except SpiderError:
        raise
    except Exception as error:  # transformers, safetensors and the hub client each raise their own
        text = " ".join(str(error).split())
        if not Path(name).expanduser().is_dir():
            raise DownloadError(
                f"{flag} {name}: not in the cache, and the Hugging Face hub cannot be reached or does not "
                f"have it; fetch the folder where there is a network and name its path ({text[:200]})"
            ) from error
        raise CheckpointError(
            f"{flag} {name}: damaged or of another kind ({text[:300]})"
        ) from error


@contextmanager
def memory_guard(what: str) -> Iterator[None]:
    """Turn running out of memory, on any device, into an error that names the flags that help."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise MemoryLimitError(f"{what}: out of memory; {_MEMORY_ADVICE}") from error
    except MemoryError as error:
        raise MemoryLimitError(f"{what}: out of memory; {_MEMORY_ADVICE}") from error
    except RuntimeError as error:  # the CPU allocator has no type of its own
        if "can't allocate memory" not in str(error) and "not enough memory" not in str(error):
            raise
        raise MemoryLimitError(f"{what}: out of memory; {_MEMORY_ADVICE}") from error


def refuse_keys(
    where: str, missing: Sequence[str], unknown: Sequence[str], misfit: Sequence[str] = ()
) -> None:
    """Raise `CheckpointError` with the keys unless all three lists are empty."""
    groups = (("missing", missing), ("unknown", unknown), ("of another shape", misfit))
    told = [
        f"{len(keys)} {what}: {', '.join(sorted(keys)[:5])}{' ...' if len(keys) > 5 else ''}"
        for what, keys in groups
        if keys
    ]
    if told:
        raise CheckpointError(f"{where}: the weights do not fit the model; {'; '.join(told)}")


def load_checkpoint(
    load: Callable[..., Any], name: str, flag: str, options: LoadOptions
) -> torch.nn.Module:
    """Run a class's ``from_pretrained`` and insist on every key.

    Raises:
        CheckpointError: no checkpoint there, damaged, or keys are missing, unknown or of another shape.
        DownloadError: the hub cannot be reached.
        MemoryLimitError: it does not fit.
    """
    where = locate(name, flag)
    with explain_loading(name, flag):
        with _explain_attention(options.attention):
            model, info = load(
                where, output_loading_info=True, ignore_mismatched_sizes=True, **options.arguments()
            )
        misfit = [
            str(entry[0] if isinstance(entry, tuple) else entry)
            for entry in info["mismatched_keys"]
        ]
        refuse_keys(
            f"{flag} {name}", list(info["missing_keys"]), list(info["unexpected_keys"]), misfit
        )
        if options.place != "auto" and not options.quantize:
            model.to(options.place)
    module: torch.nn.Module = model.eval()
    return module
