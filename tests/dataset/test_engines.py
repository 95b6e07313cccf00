"""Engines: the same bytes wherever a build runs. Ray is tried where it is installed."""

from __future__ import annotations

import pytest

from iqa_spider.core import ConfigError
from iqa_spider.dataset.build import BuildSettings, build_dataset
from iqa_spider.dataset.engines import LocalEngine, engine_named


def _files(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def test_names_of_engines_and_what_does_not_go_together():
    assert isinstance(engine_named("local", 2), LocalEngine)
    with pytest.raises(ConfigError, match="--engine is 'spark'"):
        engine_named("spark", 1)
    with pytest.raises(ConfigError, match="needs --engine ray"):
        engine_named("local", 1, "auto")


@pytest.mark.filterwarnings("ignore")
def test_ray_builds_the_same_bytes_and_goes_on_where_another_engine_stopped(
    small_photos, small_set, tmp_path
):
    """A build begun in-process and finished on Ray must not differ from one done in one go."""
    ray = pytest.importorskip("ray")
    settings = BuildSettings(seed=5, size=160)
    build_dataset(small_photos, tmp_path / "set", settings, limit=4)
    try:
        build_dataset(small_photos, tmp_path / "set", settings, engine=engine_named("ray", 2))
    finally:
        ray.shutdown()
    assert _files(tmp_path / "set") == _files(small_set)
