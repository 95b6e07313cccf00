"""What can stand behind `--model` and `--segmenter`: a typed table of kinds, and the one loader.

A name is ``NAME`` or ``KIND:TARGET``: `pocket`, `hf:Qwen/Qwen3-VL-8B-Instruct`, `sam:/data/sam-vit-huge`. A new
kind is one more row of a table here and touches nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Generic, Self, TypeVar

import torch

from iqa_spider.core import Backbone, ConfigError, Segmenter
from iqa_spider.models.build import FILES, load_weights, weights_folder
from iqa_spider.models.checkpoints import LoadOptions
from iqa_spider.models.segmenter import ClickNet, PocketSegmenter
from iqa_spider.models.spider import Spider

__all__ = ["BACKBONES", "SEGMENTERS", "Kind", "Spec", "Workshop", "load_segmenter", "load_spider"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spec:
    """A parsed ``NAME`` or ``KIND:TARGET``."""

    kind: str
    target: str

    @classmethod
    def parse(cls, text: str) -> Self:
        kind, _, target = text.partition(":")
        return cls(kind, target)


@dataclass(frozen=True, slots=True)
class Workshop:
    """What the loaders of one `Spider` share: flags, and parts that two of them need."""

    folder: Path
    """Folder of the embedded model's files."""
    options: LoadOptions
    parts: dict[str, Any]

    def pocket_segmenter(self) -> PocketSegmenter:
        """The embedded segmenter, once: `pocket` looks for regions with it and grounds with it."""
        if "segmenter" not in self.parts:
            net = ClickNet()
            load_weights(net, self.folder / FILES[1])
            self.parts["segmenter"] = PocketSegmenter(net)
        found: PocketSegmenter = self.parts["segmenter"]
        return found


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """One row: how it is written, what it is, and how it is loaded from its target."""

    usage: str
    summary: str
    load: Callable[[str, Workshop], T]
    extra: str | None = None
    """The optional extra it needs."""
    clicks: bool = True
    """Of a segmenter: whether it takes points, with which it can also look for regions."""


def _pocket(target: str, shop: Workshop) -> Backbone:
    from iqa_spider.models.encoder import QualityEncoder
    from iqa_spider.models.language import load_language
    from iqa_spider.models.pocket import PocketBackbone
    from iqa_spider.models.vision import PocketVision

    encoder = QualityEncoder()
    load_weights(encoder, shop.folder / FILES[0])
    segmenter = shop.pocket_segmenter()
    return PocketBackbone(PocketVision(encoder, segmenter), load_language(shop.folder, FILES[2]))


def _hf(target: str, shop: Workshop) -> Backbone:
    from iqa_spider.models.chat import load_chat

    return load_chat(target, shop.options)


def _openai(target: str, shop: Workshop) -> Backbone:
    from iqa_spider.models.remote import load_remote

    return load_remote(target, shop.options)


def _sam(target: str, shop: Workshop) -> Segmenter:
    from iqa_spider.models.sam import load_sam

    return load_sam("sam", target, shop.options)


def _sam2(target: str, shop: Workshop) -> Segmenter:
    from iqa_spider.models.sam import load_sam

    return load_sam("sam2", target, shop.options)


def _clipseg(target: str, shop: Workshop) -> Segmenter:
    from iqa_spider.models.clipseg import load_clipseg

    return load_clipseg(target, shop.options)


BACKBONES: Final[Mapping[str, Kind[Backbone]]] = {
    "pocket": Kind("pocket", "embedded: runs on a CPU and needs no network", _pocket),
    "hf": Kind("hf:PATH_OR_ID", "a chat model of transformers: Qwen3-VL, Qwen2.5-VL ...", _hf),
    "openai": Kind("openai:NAME", "a model behind --endpoint, such as vLLM", _openai, "openai"),
}

SEGMENTERS: Final[Mapping[str, Kind[Segmenter]]] = {
    "pocket": Kind("pocket", "embedded click-to-mask network", lambda _, s: s.pocket_segmenter()),
    "sam": Kind("sam:PATH_OR_ID", "SAM, such as facebook/sam-vit-huge", _sam),
    "sam2": Kind("sam2:PATH_OR_ID", "SAM 2, such as facebook/sam2.1-hiera-large", _sam2),
    "clipseg": Kind(
        "clipseg:PATH_OR_ID", "prompted by words, for comparison (Fig. 5)", _clipseg, clicks=False
    ),
}


def _find(table: Mapping[str, Kind[T]], text: str, what: str) -> tuple[Kind[T], str]:
    spec = Spec.parse(text)
    known = ", ".join(kind.usage for kind in table.values())
    if spec.kind not in table:
        raise ConfigError(f"unknown {what} {text!r}; known: {known}")
    kind = table[spec.kind]
    if (":" in kind.usage) != bool(spec.target):
        raise ConfigError(f"{what} {text!r} is written {kind.usage}")
    return kind, spec.target


def load_spider(
    name: str = "pocket",
    *,
    segmenter: str = "pocket",
    checkpoint: Path | None = None,
    temperature: float | None = None,
    threads: int | None = None,
    **options: Any,
) -> Spider:
    """Load a model once; it then answers about any number of pictures.

    Args:
        name: a row of `BACKBONES`, such as ``pocket`` or ``hf:FOLDER``.
        segmenter: a row of `SEGMENTERS`, such as ``pocket`` or ``sam2:FOLDER``.
        checkpoint: another folder with the embedded model's files.
        temperature: of text-to-point; None takes the value chosen on the training photos.
        threads: CPU threads for torch; None leaves torch's choice.
        options: fields of `LoadOptions`, for everything but the embedded parts.

    Raises:
        ConfigError: an unknown name or option.
        CheckpointError: files missing, damaged or of another model.
    """
    brain, target = _find(BACKBONES, name, "model")
    cutter, cut = _find(SEGMENTERS, segmenter, "segmenter")
    settings = _options(options)
    _refuse_idle(brain, name, settings)
    if threads:
        torch.set_num_threads(threads)
    folder = checkpoint or weights_folder()
    shop = Workshop(folder, settings, {})
    backbone = brain.load(target, shop)
    chosen = _chosen(folder) if name == "pocket" else {}
    return Spider(
        backbone,
        cutter.load(cut, shop),
        proposer=None if cutter.clicks else shop.pocket_segmenter(),
        temperature=temperature or chosen.get("temperature", 1.0),
        reach=chosen.get("reach", 0.0),
    )


def load_segmenter(
    name: str = "pocket", *, checkpoint: Path | None = None, **options: Any
) -> Segmenter:
    """A segmenter by itself, for words that were given elsewhere; arguments and errors as `load_spider`."""
    cutter, cut = _find(SEGMENTERS, name, "segmenter")
    return cutter.load(cut, Workshop(checkpoint or weights_folder(), _options(options), {}))


def _options(given: Mapping[str, Any]) -> LoadOptions:
    unknown = set(given) - {field.name for field in fields(LoadOptions)}
    if unknown:
        raise ConfigError(f"unknown option(s) {', '.join(sorted(unknown))} of load_spider")
    return LoadOptions(**given)


def _refuse_idle(kind: Kind[Backbone], name: str, options: LoadOptions) -> None:
    """A flag that would silently do nothing is a mistake of the caller."""
    if options.adapter and not kind.usage.startswith("hf:"):
        raise ConfigError(f"--adapter is for --model hf:PATH_OR_ID; {name} takes none")
    if options.endpoint and not kind.usage.startswith("openai:"):
        raise ConfigError(f"--endpoint is for --model openai:NAME; {name} runs here")


def _chosen(folder: Path) -> dict[str, float]:
    """What `calibrate` chose for these weights, as their card tells: temperature and reach."""
    card = folder / "card.json"
    details = json.loads(card.read_text()) if card.exists() else {}
    return {name: float(details[name]) for name in ("temperature", "reach") if name in details}
