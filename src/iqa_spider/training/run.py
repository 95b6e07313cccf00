"""Recipes: one YAML a stage, checked before anything heavy starts."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from iqa_spider.core import ConfigError
from iqa_spider.training.lmm_recipe import DataStage, LmmStage

__all__ = [
    "EncoderStage",
    "FactsStage",
    "PictureStage",
    "ReaderStage",
    "SegmenterStage",
    "check_gate",
    "load_recipe",
    "run_recipe",
]


class _Stage(BaseModel):
    """What every stage has.

    ``gates`` are the least figures that earlier stages must have ended with, by their folder:
    ``{runs/encoder: {exact: 0.5}}``. A stage on top of one that has not learned wastes its time.
    """

    model_config = ConfigDict(extra="forbid")
    out: Path
    minutes: float = Field(gt=0)
    seed: int = 0
    threads: int = Field(1, ge=1)
    gates: dict[Path, dict[str, float]] = {}


class EncoderStage(_Stage):
    """Stage 0: quality encoder.

    ``start`` is an encoder to go on from (safetensors), else ``imagenet`` the Lite0 file, else noise.
    ``variety`` is the share of distortions done by other means than the 35 functions, ``singles`` the share of
    distorted regions with one distortion (`EncoderRecipe` says why it is not the data set's).
    """

    stage: Literal["encoder"]
    photos: Path
    imagenet: Path | None = None
    start: Path | None = None
    variety: float = Field(0.4, ge=0, le=1)
    singles: float = Field(0.6, ge=0, le=1)
    batch: int = 12
    crop: int = 224


class SegmenterStage(_Stage):
    """Click-to-mask network; ``start`` and ``imagenet`` as of the encoder, rest as `SegmenterRecipe`."""

    stage: Literal["segmenter"]
    photos: Path
    imagenet: Path | None = None
    start: Path | None = None
    batch: int = 4
    clicks: int = 8
    crop: int = 256
    segmented: float = Field(0.75, ge=0, le=1)
    clean: float = Field(0.4, ge=0, le=1)
    backbone_rate: float = 2e-4
    head_rate: float = 1e-3


class FactsStage(_Stage):
    """Stage 1: language model on facts alone.

    ``base`` holds base.safetensors (see `convert_base`), ``start`` weights to go on from (safetensors).
    """

    stage: Literal["language-facts"]
    base: Path
    start: Path | None = None
    batch: int = 24
    rate: float = 4e-4


class PictureStage(_Stage):
    """Stage 2: language model on what encoder and segmenter see, mixed with facts alone."""

    stage: Literal["language-pictures"]
    photos: Path
    base: Path
    start: Path
    encoder: Path
    segmenter: Path
    scenes: Path
    batch: int = 24
    rate: float = 2e-4
    share: float = Field(0.7, ge=0, le=1)
    passes: int = Field(1, ge=1)
    limit: int | None = None


class ReaderStage(BaseModel):
    """Reader of questions. ``held_out`` is the share of the wordings kept for the figures."""

    model_config = ConfigDict(extra="forbid")
    stage: Literal["reader"]
    out: Path
    rounds: int = Field(60, ge=1)
    pools: int = Field(1500, ge=0)
    held_out: float = Field(0.15, ge=0, lt=1)
    seed: int = 0


Recipe = Annotated[
    EncoderStage | SegmenterStage | FactsStage | PictureStage | ReaderStage | LmmStage | DataStage,
    Field(discriminator="stage"),
]


def load_recipe(path: Path, changes: dict[str, Any] | None = None) -> Recipe:
    """Read and check a recipe; errors name the file and the field."""
    if not path.exists():
        raise ConfigError(f"{path}: no such recipe")
    try:
        data = yaml.safe_load(path.read_text()) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML ({error})") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: a recipe is a mapping of settings")
    try:
        recipe: Recipe = TypeAdapter(Recipe).validate_python({**data, **(changes or {})})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"]) or "stage"
        raise ConfigError(f"{path}: {place}: {first['msg']}") from error
    return recipe


def check_gate(recipe: Path, folder: Path, least: dict[str, float]) -> None:
    """Refuse to go on from a stage in ``folder`` that did not finish or stayed below ``least``.

    Raises:
        ConfigError: names the figure, its value and what was wanted.
    """
    log = folder / "log.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    ended = next((row for row in reversed(rows) if row.get("final")), None)
    if ended is None:
        raise ConfigError(f"{recipe}: gates: {folder} has not finished; train that stage first")
    for figure, wanted in least.items():
        value = ended.get(figure)
        if value is None or not value >= wanted:
            raise ConfigError(
                f"{recipe}: gates: {folder} ended with {figure} {value}, wanted {wanted}; train that "
                "stage longer, or lower the gate knowing what that costs"
            )


def run_recipe(path: Path, changes: dict[str, Any] | None = None) -> dict[str, float]:
    """Run one stage; the resolved settings are saved beside its weights."""
    recipe = load_recipe(path, changes)
    if isinstance(recipe, _Stage):
        for folder, least in recipe.gates.items():
            check_gate(path, folder, least)
    recipe.out.mkdir(parents=True, exist_ok=True)
    (recipe.out / "recipe.json").write_text(recipe.model_dump_json(indent=1))
    if isinstance(recipe, EncoderStage):
        from iqa_spider.training.encoder import EncoderRecipe, train_encoder

        return train_encoder(EncoderRecipe(**recipe.model_dump(exclude={"stage", "gates"})))
    if isinstance(recipe, SegmenterStage):
        from iqa_spider.training.segmenter import SegmenterRecipe, train_segmenter

        return train_segmenter(SegmenterRecipe(**recipe.model_dump(exclude={"stage", "gates"})))
    if isinstance(recipe, FactsStage):
        return _facts(recipe)
    if isinstance(recipe, ReaderStage):
        return _reader(recipe)
    if isinstance(recipe, LmmStage):
        from iqa_spider.training.lmm import train_lmm

        return train_lmm(recipe)
    if isinstance(recipe, DataStage):
        from iqa_spider.training.lmm_data import export_mix

        return export_mix(recipe)
    return _pictures(recipe)


def _reader(recipe: ReaderStage) -> dict[str, float]:
    from iqa_spider.training.reader import fit_reader

    return fit_reader(
        recipe.out,
        rounds=recipe.rounds,
        pools=recipe.pools,
        held_out=recipe.held_out,
        seed=recipe.seed,
    )


def _language(base: Path) -> Any:
    """A language model that starts from the base's layers, projector fresh."""
    import torch
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    from iqa_spider.core import CheckpointError
    from iqa_spider.models.language import PocketLanguage

    torch.manual_seed(0)
    config = json.loads((base / "config.json").read_text())
    model = PocketLanguage(config, Tokenizer.from_file(str(base / "tokenizer.json")))
    result = model.load_state_dict(load_file(str(base / "base.safetensors")), strict=False)
    lost = [key for key in result.missing_keys if key.startswith("model.")]
    if lost or result.unexpected_keys:
        raise CheckpointError(f"{base}: missing {lost[:5]}, unknown {result.unexpected_keys[:5]}")
    model.start_mix()
    return model


def _facts(recipe: FactsStage) -> dict[str, float]:
    from iqa_spider.training.language import LanguageRecipe, symbolic_exercises, train_language

    settings = LanguageRecipe(
        recipe.out,
        recipe.minutes,
        recipe.batch,
        recipe.rate,
        seed=recipe.seed,
        threads=recipe.threads,
    )
    dev = list(itertools.islice(symbolic_exercises("dev"), 160))
    model = _language(recipe.base)
    if recipe.start is not None:
        from iqa_spider.models.build import load_weights

        load_weights(model, recipe.start)
    return train_language(model, settings, symbolic_exercises("train"), dev)


def _pictures(recipe: PictureStage) -> dict[str, float]:
    import torch

    from iqa_spider.dataset.scenes import load_photos
    from iqa_spider.training.language import (
        LanguageRecipe,
        mixed,
        symbolic_exercises,
        train_language,
    )
    from iqa_spider.training.observed import cached_scenes, observed_exercises, trained_vision

    torch.set_num_threads(recipe.threads)
    vision = trained_vision(recipe.encoder, recipe.segmenter)
    photos = load_photos(recipe.photos, "fit", limit=recipe.limit)
    seen = [
        scene
        for number in range(recipe.passes)
        for scene in cached_scenes(vision, photos, recipe.scenes, f"fit{number}")
    ]
    held_out = cached_scenes(vision, load_photos(recipe.photos, "dev"), recipe.scenes, "dev")
    dev = list(itertools.islice(observed_exercises(held_out, "dev"), 240))
    model = _language(recipe.base)
    state = torch.load(recipe.start, map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    settings = LanguageRecipe(
        recipe.out, recipe.minutes, recipe.batch, recipe.rate, recipe.rate * 2,
        seed=recipe.seed, threads=recipe.threads,
    )  # fmt: skip
    stream = mixed(
        observed_exercises(seen, "fit", recipe.seed),
        symbolic_exercises("mix"),
        recipe.share,
        recipe.seed,
    )
    return train_language(model, settings, stream, dev)
