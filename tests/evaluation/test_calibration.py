"""Figures and the choice of temperature, on a few made-up photos with regions."""

from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest
from conftest import textured
from typer.testing import CliRunner

from iqa_spider.core import Answer, Category, ConfigError, Finding, Point, Task
from iqa_spider.evaluation.calibration import TEMPERATURES, calibrate, point_inside
from iqa_spider.evaluation.figures import Figures, add_stated, measure
from iqa_spider.evaluation.figures_table import markdown
from iqa_spider.serving.cli import app


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three photos of each split, each in four regions."""
    root = tmp_path_factory.mktemp("segmented")
    (root / "photos").mkdir()
    (root / "regions").mkdir()
    labels = np.repeat(np.repeat(np.array([[1, 2], [3, 4]], np.uint8), 96, 0), 128, 1)
    with (root / "photos.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, ["id", "split", "has_regions"])
        table.writeheader()
        for i in range(6):
            split = "test" if i % 2 else "train"
            table.writerow({"id": f"p{i}", "split": split, "has_regions": 1})
            cv2.imwrite(str(root / "photos" / f"p{i}.jpg"), textured(192, 256, i))
            cv2.imwrite(str(root / "regions" / f"p{i}.png"), labels)
    return root


def test_temperatures_are_tried_on_the_same_questions(spider, photos):
    """The best setting comes first; a setting must not change what was asked."""
    trials = calibrate(spider, photos, split="train", limit=1, rounds=1)
    assert {t.temperature for t in trials} == set(TEMPERATURES)
    assert len({t.questions for t in trials}) == 1
    values = [t.distance - t.inside for t in trials]
    assert values == sorted(values)
    assert all(0 <= t.inside <= 1 for t in trials)


def test_test_photos_may_not_choose(photos):
    """A temperature chosen on test photos would make the final figure a lie."""
    result = CliRunner().invoke(app, ["calibrate", str(photos), "--split", "test"])
    assert isinstance(result.exception, ConfigError)


def test_points_inside():
    mask = np.zeros((4, 6), bool)
    mask[1, 5] = True
    assert point_inside(Point(5.9, 1.2), mask)
    assert not point_inside(Point(0, 0), mask)
    assert not point_inside(None, mask)
    assert point_inside(Point(6.0, 1.0), mask)  # the picture's rim belongs to its last pixel


def test_figures_have_baselines_beside_them(spider, photos):
    """A table without its trivial baselines lets a useless model look good."""
    found = measure(spider, photos, "test", limit=1, size=256)
    text = markdown(found, "command", "test")
    assert "always" in text
    assert "(centre point)" in text
    assert "disc" in text
    assert found.estimate("click").items == 4
    assert 0 <= found.estimate("undistorted picture said to be so").value <= 1


def test_severities_and_order_stand_beside_moderate_and_chance():
    """A model that states what is true beats "moderate" wherever the truth is not moderate."""
    blur, noise = Category.BLUR, Category.NOISE
    findings = (Finding(blur, 5), Finding(noise, 3))
    figures = Figures()

    def say(text, severities, names=(blur, noise)):
        answer = Answer(text, Task.REFERRING, distortions=names, severities=severities)
        add_stated(answer, findings, "p", figures)

    say("First severe blur, then moderate noise.", {blur: 5, noise: 3})
    assert figures.estimate("severity error").value == 0
    assert figures.estimate("severity error, moderate").value == 1
    assert figures.estimate("severity near, moderate").value == 0.5
    assert figures.estimate("order").value == 1
    say("First noise, then mild blur.", {blur: 2}, (noise, blur))
    assert figures.estimate("severity error").value == 1  # (0 + 0 + 3) / 3
    assert figures.estimate("severity stated").value == 0.75
    assert figures.estimate("order").value == 0.5
    say("Blur.", {}, (blur,))
    assert figures.estimate("order").items == 2
    assert figures.estimate("order told").value == pytest.approx(2 / 3)
    text = markdown(figures, "command", "test")
    assert "always “moderate”" in text and "0.5 (chance)" in text
