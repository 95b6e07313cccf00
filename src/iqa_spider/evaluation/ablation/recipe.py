"""A recipe of an ablation: one YAML file, one table."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from iqa_spider.core import ConfigError

__all__ = ["AblationRecipe", "Variant", "load_recipe"]


class Variant(BaseModel):
    """One way from an answer to a mask; see `heads` for what each does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    head: Literal[
        "text", "snapped", "probed-2", "probed-3", "quarter", "named-whole", "named-spatial",
        "named-semantic", "centre", "oracle-point", "oracle-quarter",
    ]  # fmt: skip
    temperature: float | None = Field(default=None, gt=0)
    """Of the closed softmax; None takes the model's own. Heads without one ignore it."""


class AblationRecipe(BaseModel):
    """The first variant is the one that the others are compared with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    kinds: tuple[str, ...] = ("dao-g", "hyd-g", "sid-g")
    variants: dict[str, Variant] = Field(min_length=1)


def load_recipe(path: Path) -> AblationRecipe:
    """Read and check a recipe.

    Raises:
        ConfigError: missing, not YAML, or a field is wrong; names file and field.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as a recipe ({error})") from error
    try:
        return AblationRecipe.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "recipe"
        raise ConfigError(f"{path}: {place}: {first['msg']}") from error
