"""What goes wrong in a long build, done to a real process: kills, a full disk, a folder that vanishes."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import cv2
import pytest
from dataset_fixtures import scenery

from iqa_spider.core import DatasetError, generator
from iqa_spider.dataset.build import BuildSettings, build_dataset
from iqa_spider.dataset.check import check_dataset

SETTINGS = BuildSettings(seed=2, size=256)
BUILD = """
import sys
from pathlib import Path
from iqa_spider.dataset.build import BuildSettings, build_dataset
print("go", flush=True)
build_dataset(Path(sys.argv[1]), Path(sys.argv[2]), BuildSettings(seed=2, size=256))
print("done", flush=True)
"""
COMMAND = "import sys; from iqa_spider.serving.cli import main; main()"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    for i in range(40):
        cv2.imwrite(str(folder / f"p{i:02d}.png"), scenery(i, 192, 256))
    return folder


def _files(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def _start(photos, out):
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD, str(photos), str(out)],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "go\n"
    return process


def test_twenty_kills_at_random_moments_lose_and_double_nothing(photos, tmp_path):
    """SIGKILL, so that no handler can tidy up: what is on disk is all that the next run has."""
    build_dataset(photos, tmp_path / "whole", SETTINGS)
    rng, killed = generator("kills"), 0
    for _ in range(20):
        process = _start(photos, tmp_path / "torn")
        time.sleep(float(rng.uniform(0.0, 0.25)))
        alive = process.poll() is None
        if alive:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        killed += alive
        if not alive:  # a fast machine was done: begin anew, or there is nothing left to kill
            assert _files(tmp_path / "torn") == _files(tmp_path / "whole")
            shutil.rmtree(tmp_path / "torn")
    process = _start(photos, tmp_path / "torn")
    assert process.communicate()[0] == "done\n" and killed >= 10
    assert _files(tmp_path / "torn") == _files(tmp_path / "whole")
    assert check_dataset(tmp_path / "torn", photos).problems == ()


def test_a_disk_that_refuses_is_one_line_and_the_finished_work_stays(photos, tmp_path):
    """A limit on the size of files stands in for a full disk: the write fails half way."""
    few = tmp_path / "photos"
    few.mkdir()
    cv2.imwrite(str(few / "a.png"), scenery(1, 60, 80))
    shutil.copy(photos / "p01.png", few / "b.png")
    command = [sys.executable, "-c", COMMAND, "dataset", "build", str(few), "--out",
               str(tmp_path / "set"), "--workers", "1", "--size", "640"]  # fmt: skip
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))  # noqa: E731
    failed = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit)
    assert failed.returncode == 2, failed.stderr
    assert "error:" in failed.stderr and "Traceback" not in failed.stderr
    assert "images/" in failed.stderr.replace(os.sep, "/")  # the file that could not be written
    assert not list((tmp_path / "set" / "images").glob(".*"))  # nor does a part of it fill the disk
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert not list((tmp_path / "set" / "images").glob(".*"))


def test_a_folder_that_vanishes_stops_the_build_and_it_goes_on_later(photos, tmp_path):
    """Skipping every photo of an unmounted disk would end in a small set that looks finished."""
    folder, away = tmp_path / "photos", tmp_path / "away"
    shutil.copytree(photos, folder)

    def vanish(done, total):
        if done == 5:
            folder.rename(away)

    with pytest.raises(DatasetError, match=r"vanished during the build.* 5 photos are done"):
        build_dataset(folder, tmp_path / "set", SETTINGS, on_photo=vanish)
    assert len(list((tmp_path / "set" / "shards").iterdir())) == 5
    away.rename(folder)
    assert build_dataset(folder, tmp_path / "set", SETTINGS).photos == 40


def test_a_folder_below_the_table_of_photos_may_vanish_too(photos, tmp_path):
    """The table is still there: without a look at the photo's own folder, all would count as broken."""
    folder = tmp_path / "pack"
    shutil.copytree(photos, folder / "photos")
    for path in (folder / "photos").iterdir():
        path.rename(
            path.with_suffix(".jpg")
        )  # what the table's photos are called; the bytes decide
    ids = sorted(path.stem for path in (folder / "photos").iterdir())[:6]
    rows = [f"{id},train,0\n" for id in ids]
    (folder / "photos.csv").write_text("id,split,has_regions\n" + "".join(rows))

    def vanish(done, total):
        if done == 2:
            (folder / "photos").rename(tmp_path / "away")

    with pytest.raises(
        DatasetError, match=r"photos: vanished during the build.* 2 photos are done"
    ):
        build_dataset(folder, tmp_path / "set", SETTINGS, on_photo=vanish)
    (tmp_path / "away").rename(folder / "photos")
    assert build_dataset(folder, tmp_path / "set", SETTINGS).photos == 6
