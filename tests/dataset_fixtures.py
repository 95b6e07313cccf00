"""A small set built once for the tests of what is done with sets."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest

from iqa_spider.core import Picture, generator
from iqa_spider.dataset.build import BuildSettings, build_dataset


def scenery(seed: int, height: int = 120, width: int = 160) -> Picture:
    """A picture unlike those of other seeds at any scale: blobs of colour with texture on them."""
    rng = generator("scenery", seed)
    blobs = rng.uniform(20, 235, (5, 6, 3)).astype(np.float32)
    base = cv2.resize(blobs, (width, height), interpolation=cv2.INTER_CUBIC)
    base += rng.normal(0, 14, base.shape)
    return np.clip(base, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def small_photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for i in range(12):
        cv2.imwrite(str(folder / f"p{i:02d}.png"), scenery(i)[..., ::-1])
    return folder


@pytest.fixture(scope="session")
def small_set(small_photos, tmp_path_factory):
    """Shared: tests that change it work on a `copied_set`."""
    out = tmp_path_factory.mktemp("small") / "set"
    build_dataset(small_photos, out, BuildSettings(seed=5, size=160))
    return out


@pytest.fixture
def copied_set(small_set, tmp_path):
    return shutil.copytree(small_set, tmp_path / "set")
