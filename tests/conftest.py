"""Fixtures: pictures made here, and the shipped model loaded once."""

from __future__ import annotations

import numpy as np
import pytest

from iqa_spider.core import Picture, generator

pytest_plugins = ["dataset_fixtures"]


def textured(height: int = 160, width: int = 224, seed: int = 0) -> Picture:
    """A colourful picture with edges, gradients and texture of several scales."""
    rng = generator("picture", seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    base = np.stack(
        [120 + 90 * np.sin(7 * x + 3 * y + k) * np.cos(5 * y - k) for k in (0, 1, 2)], -1
    )
    base += 25 * rng.standard_normal((height, 1, 3)).cumsum(0) / 6
    base[height // 3 : height // 2, width // 4 : width // 2] = (200, 60, 40)
    base[:, width // 2 :: 9] *= 0.6
    base += rng.normal(0, 6, base.shape)
    return np.clip(base, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def picture() -> Picture:
    return textured()


@pytest.fixture(scope="session")
def spider():
    """The model that ships with the package."""
    from iqa_spider.models import load_spider

    return load_spider("pocket", threads=2)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A small data set made by the real build; its eight photos are all of split test."""
    from bench_helpers import build_set

    return build_set(tmp_path_factory.mktemp("photos"), tmp_path_factory.mktemp("set"))


@pytest.fixture(scope="session")
def items(built):
    """The items of spider-bench on the small data set."""
    from iqa_spider.evaluation.bench.registry import load_benchmark

    return load_benchmark("spider-bench").read(built, "test")
