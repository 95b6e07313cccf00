"""Examinees by name: ``KIND`` or ``KIND:TARGET``. One more kind is one more row.

``openai:NAME`` asks a server in words, many items at once; ``spider:NAME`` takes any model that `load_spider`
knows, with text-to-point from its logits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iqa_spider.core import ConfigError
from iqa_spider.evaluation.bench.items import Item
from iqa_spider.evaluation.examinees.base import Examinee
from iqa_spider.evaluation.examinees.trivial import CentrePoint, FullMask, Majority, Random

if TYPE_CHECKING:
    from iqa_spider.core import Segmenter

__all__ = ["BASELINES", "EXAMINEES", "ExamineeOptions", "make_examinee", "weights_digest"]

BASELINES: Final = ("majority", "centre-point", "full-mask", "random", "untrained")
"""The trivial baselines that stand beside every run."""


@dataclass(frozen=True, slots=True)
class ExamineeOptions:
    """Options of examinees; each kind uses those that concern it.

    ``segmenter`` cuts out masks by the point, of models here, of words given elsewhere and of the baseline
    that clicks the centre. ``loading`` holds further options of `load_spider`, such as dtype and adapter.
    """

    checkpoint: Path | None = None
    temperature: float | None = None
    threads: int | None = None
    endpoint: str | None = None
    api_key: str | None = None
    concurrency: int = 8
    batch: int = 8
    closed: bool = False
    click: bool = True
    seed: int = 0
    segmenter: str = "pocket"
    loading: Mapping[str, Any] = field(default_factory=dict)


_IDLE: Final = frozenset(("device", "timeout", "retries", "concurrency", "endpoint", "api_key"))
"""Options of loading that decide how an answer is come by, not which."""

Maker = Callable[[str, Sequence[Item], ExamineeOptions], Examinee]


def _segmenter(options: ExamineeOptions) -> Segmenter:
    from iqa_spider.models.registry import load_segmenter

    # An adapter is the backbone's; the rest says how any checkpoint is put into memory.
    loading = {name: value for name, value in options.loading.items() if name != "adapter"}
    return load_segmenter(options.segmenter, checkpoint=options.checkpoint, **loading)


def _clicked(options: ExamineeOptions) -> Segmenter:
    """The segmenter, or the embedded one beside a segmenter that takes words alone."""
    worded = options.segmenter.startswith("clipseg:")
    return _segmenter(replace(options, segmenter="pocket") if worded else options)


def _decisive(options: ExamineeOptions) -> dict[str, Any]:
    """What of the options decides answers, where it is not what goes without saying."""
    from iqa_spider.models.checkpoints import LoadOptions

    usual = LoadOptions()
    found = {
        name: value
        for name, value in options.loading.items()
        if name not in _IDLE and value != getattr(usual, name)
    }
    if "adapter" in found:
        found["adapter"] = weights_digest(Path(found["adapter"]))
    if options.segmenter != "pocket":
        found["segmenter"] = options.segmenter
    return found


def weights_digest(folder: Path) -> str:
    """A digest of all weights: a run is of these and no others."""
    found = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()[:16]


def _spider(target: str, items: Sequence[Item], options: ExamineeOptions) -> Examinee:
    """Any model that `load_spider` knows, in this process."""
    from iqa_spider.evaluation.examinees.local import SpiderExaminee
    from iqa_spider.models import load_spider
    from iqa_spider.models.build import weights_folder

    reach = {"endpoint": options.endpoint, "api_key": options.api_key} if options.endpoint else {}
    loading: dict[str, Any] = {
        "checkpoint": options.checkpoint,
        "temperature": options.temperature,
        "threads": options.threads,
        "segmenter": options.segmenter,
        **options.loading,
        **reach,
    }
    spider = load_spider(target, **loading)
    # The embedded files segment for every backbone, so that they decide its answers too.
    weights = weights_digest(options.checkpoint or weights_folder("pocket"))
    return SpiderExaminee(spider, target, {"weights": weights, **_decisive(options)}, options.batch)


def _untrained(target: str, items: Sequence[Item], options: ExamineeOptions) -> Examinee:
    from iqa_spider.evaluation.examinees.local import SpiderExaminee
    from iqa_spider.evaluation.examinees.untrained import TOKENS, untrained_spider

    settings = {"seed": options.seed, "max_tokens": TOKENS}
    return SpiderExaminee(untrained_spider(options.seed), "untrained", settings)


def _openai(target: str, items: Sequence[Item], options: ExamineeOptions) -> Examinee:
    from iqa_spider.evaluation.examinees.remote import RemoteExaminee
    from iqa_spider.evaluation.examinees.texts import TextClicker
    from iqa_spider.models.endpoint import Endpoint

    if not target or options.endpoint is None:
        raise ConfigError("a model behind an endpoint needs --model openai:NAME and --endpoint URL")
    _refuse(options, ("adapter", "max_side", "boxes"), f"use spider:openai:{target} for it")
    patience = {k: v for k, v in options.loading.items() if k in ("timeout", "retries")}
    endpoint = Endpoint(
        options.endpoint,
        target,
        api_key=options.api_key,
        concurrency=options.concurrency,
        **patience,
    )
    grounds = options.click and any(item.wants_mask for item in items)
    clicker = TextClicker(_segmenter(options)) if grounds else None
    return RemoteExaminee(endpoint, clicker, closed=options.closed)


def _refuse(options: ExamineeOptions, names: Sequence[str], mend: str) -> None:
    """A flag that would silently do nothing is a mistake of the caller."""
    for name in names:
        if options.loading.get(name) is not None:
            flag = name.replace("_", "-")
            raise ConfigError(f"--{flag} does nothing to this kind of model; {mend}")


def _answers(target: str, items: Sequence[Item], options: ExamineeOptions) -> Examinee:
    from iqa_spider.evaluation.examinees.files import FileExaminee
    from iqa_spider.evaluation.examinees.formats import FORMATS
    from iqa_spider.evaluation.examinees.texts import TextClicker

    form, _, path = target.partition(":")
    if form not in FORMATS or not path:
        known = ", ".join(FORMATS)
        raise ConfigError(f"answers of others: --model answers:FORMAT:PATH, FORMAT one of {known}")
    _refuse(options, ("adapter", "max_side", "boxes"), "the answers have been given already")
    words = "mask" not in FORMATS[form].abilities and any(item.wants_mask for item in items)
    clicker = TextClicker(_segmenter(options)) if words and options.click else None
    return FileExaminee(form, Path(path), items, clicker)


EXAMINEES: Final[Mapping[str, Maker]] = {
    "pocket": lambda target, items, options: _spider("pocket", items, options),
    "hf": lambda target, items, options: _spider(f"hf:{target}", items, options),
    "spider": _spider,
    "untrained": _untrained,
    "openai": _openai,
    "answers": _answers,
    "majority": lambda target, items, options: Majority(items),
    "random": lambda target, items, options: Random(items, options.seed),
    "full-mask": lambda target, items, options: FullMask(),
    "centre-point": lambda target, items, options: CentrePoint(_clicked(options)),
}


def make_examinee(
    spec: str, items: Sequence[Item], options: ExamineeOptions | None = None
) -> Examinee:
    """The examinee of this name; baselines look at the items they will be asked."""
    kind, _, target = spec.partition(":")
    if kind not in EXAMINEES:
        raise ConfigError(f"unknown model {spec!r}; known: {', '.join(EXAMINEES)}")
    if target and kind in ("pocket", *BASELINES):
        raise ConfigError(f"--model {spec}: {kind} takes nothing after a colon; name {kind} alone")
    return EXAMINEES[kind](target, items, options or ExamineeOptions())
