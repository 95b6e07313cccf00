"""A recipe of an ablation: one YAML file, one table."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from iqa_spider.core import ConfigError

__all__ = ["AblationRecipe", "MixRecipe", "Variant", "load_recipe"]


class Variant(BaseModel):
    """One way from an answer to a mask; see `heads` for what each does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    head: Literal[
        "text", "snapped", "probed-2", "probed-3", "quarter", "named-whole", "named-spatial",
        "named-semantic", "prompted-whole", "prompted-spatial", "prompted-semantic", "centre",
        "oracle-point", "oracle-quarter",
    ]  # fmt: skip
    temperature: float | None = Field(default=None, gt=0)
    """Of the closed softmax; None takes the model's own. Heads without one ignore it."""


class AblationRecipe(BaseModel):
    """The first variant is the one that the others are compared with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    kinds: tuple[str, ...] = ("dao-g", "hyd-g", "sid-g")
    variants: dict[str, Variant] = Field(min_length=1)


class MixRecipe(BaseModel):
    """Mixes of training data (Table 4): the name of each and its training recipe, relative to this file.

    The last mix is the one that the others are compared with.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    mixes: dict[str, Path] = Field(min_length=2)


def load_recipe(path: Path) -> AblationRecipe | MixRecipe:
    """Read and check a recipe; one with ``mixes`` trains, one with ``variants`` does not.

    Raises:
        ConfigError: missing, not YAML, or a field is wrong; names file and field.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as a recipe ({error})") from error
    kind = MixRecipe if isinstance(data, dict) and "mixes" in data else AblationRecipe
    try:
        found: AblationRecipe | MixRecipe = kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "recipe"
        raise ConfigError(f"{path}: {place}: {first['msg']}") from error
    if isinstance(found, MixRecipe):
        return found.model_copy(
            update={"mixes": {name: path.parent / file for name, file in found.mixes.items()}}
        )
    return found
