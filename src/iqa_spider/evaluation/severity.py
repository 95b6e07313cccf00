"""Do severities grow, and what do the functions cost? Measured beside other libraries in the same run.

The change is 1 - SSIM against the pristine picture (Wang et al. 2004), mean over pictures; throughput is in
megapixels a second on one thread, median over pictures at severity 3.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from skimage.metrics import structural_similarity

from iqa_spider.core import FUNCTIONS, MAX_SEVERITY, Distortion, Picture, generator
from iqa_spider.distortions import distort

__all__ = ["FunctionRow", "measure_functions", "severity_markdown"]

Operation = Callable[[Picture], Any]


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """One function: mean change at severities 1-5, megapixels a second, and the same of others."""

    name: str
    change: tuple[float, ...]
    speed: float
    others: dict[str, float]

    @property
    def monotone(self) -> bool:
        return all(b > a for a, b in pairwise(self.change))


_CORRUPTIONS = {
    "blur_gaussian": "gaussian_blur",
    "blur_motion": "motion_blur",
    "blur_glass": "glass_blur",
    "blur_lens": "defocus_blur",
    "blur_zoom": "zoom_blur",
    "noise_gaussian_rgb": "gaussian_noise",
    "noise_speckle": "speckle_noise",
    "noise_poisson": "shot_noise",
    "noise_impulse": "impulse_noise",
    "compression_jpeg": "jpeg_compression",
    "brighten_shift_hsv": "brightness",
    "contrast_weaken_scale": "contrast",
    "saturate_strengthen_hsv": "saturate",
    "pixelate": "pixelate",
}
"""Our function -> the operation of `imagecorruptions` that means the same."""


def _imagecorruptions() -> dict[str, Operation]:
    try:
        from imagecorruptions import corrupt
    except ImportError:
        return {}
    return {
        ours: lambda picture, name=theirs: corrupt(picture, corruption_name=name, severity=3)  # type: ignore[misc]
        for ours, theirs in _CORRUPTIONS.items()
    }


def _albumentations() -> dict[str, Operation]:
    try:
        import albumentations as a
    except ImportError:
        return {}
    transforms = {
        "blur_gaussian": a.GaussianBlur(blur_limit=0, sigma_limit=(2, 2), p=1),
        "blur_motion": a.MotionBlur(blur_limit=(13, 13), p=1),
        "blur_glass": a.GlassBlur(sigma=0.9, max_delta=2, iterations=1, p=1),
        "blur_lens": a.Defocus(radius=(3, 3), alias_blur=(0.1, 0.1), p=1),
        "blur_zoom": a.ZoomBlur(max_factor=(1.06, 1.06), step_factor=(0.01, 0.01), p=1),
        "noise_gaussian_rgb": a.GaussNoise(std_range=(0.08, 0.08), p=1),
        "noise_speckle": a.MultiplicativeNoise(
            (0.78, 1.22), elementwise=True, per_channel=True, p=1
        ),
        "noise_poisson": a.ShotNoise(scale_range=(0.1, 0.1), p=1),
        "noise_impulse": a.SaltAndPepper(amount=(0.045, 0.045), p=1),
        "compression_jpeg": a.ImageCompression(quality_range=(13, 13), p=1),
        "brighten_shift_rgb": a.RandomBrightnessContrast((0.2, 0.2), (0, 0), p=1),
        "darken_gamma_rgb": a.RandomGamma((200, 200), p=1),
        "contrast_weaken_scale": a.RandomBrightnessContrast((0, 0), (-0.5, -0.5), p=1),
        "saturate_strengthen_hsv": a.HueSaturationValue(0, (60, 60), 0, p=1),
        "oversharpen": a.UnsharpMask(p=1),
        "pixelate": a.Downscale(scale_range=(0.2, 0.2), p=1),
    }
    return {
        name: lambda picture, t=transform: t(image=picture)["image"]  # type: ignore[misc]
        for name, transform in transforms.items()
    }


def _speed(operation: Operation, pictures: Sequence[Picture]) -> float:
    """Megapixels a second, or NaN where a library's own operation fails on today's dependencies."""
    rates = []
    try:
        operation(pictures[0])  # tables, kernels and compilers warm up
        for picture in pictures:
            start = time.perf_counter()
            operation(picture)
            rates.append(picture.shape[0] * picture.shape[1] / 1e6 / (time.perf_counter() - start))
    except Exception:
        return float("nan")
    return float(np.median(rates))


def _change(name: str, severity: int, pictures: Sequence[Picture]) -> float:
    values = []
    for index, picture in enumerate(pictures):
        found = distort(picture, Distortion(name, severity), generator("severity", name, index))
        similarity: float = structural_similarity(picture, found, channel_axis=2)  # type: ignore[no-untyped-call]
        values.append(1 - similarity)
    return float(np.mean(values))


def measure_functions(
    pictures: Sequence[Picture], on_function: Callable[[int, int], None] = lambda done, total: None
) -> list[FunctionRow]:
    """A row for each of the 35 functions, on pictures ``uint8 [H, W, 3]`` of at least 7 pixels a side."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    libraries = {"imagecorruptions": _imagecorruptions(), "albumentations": _albumentations()}
    rows = []
    for done, name in enumerate(FUNCTIONS):
        ours = lambda picture, name=name: distort(  # noqa: E731
            picture, Distortion(name, 3), generator("speed", name)
        )
        others = {
            library: _speed(table[name], pictures)
            for library, table in libraries.items()
            if name in table
        }
        change = tuple(_change(name, s + 1, pictures) for s in range(MAX_SEVERITY))
        rows.append(FunctionRow(name, change, _speed(ours, pictures), others))
        on_function(done + 1, len(FUNCTIONS))
    cv2.setNumThreads(before)
    return rows


def severity_markdown(rows: Sequence[FunctionRow], pictures: int, command: str) -> str:
    """The table; a library that was not installed, lacks the operation or fails has a dash."""
    libraries = ("imagecorruptions", "albumentations")

    def cell(value: float | None) -> str:
        return "-" if value is None or np.isnan(value) else f"{value:.1f}"

    grows = sum(row.monotone for row in rows)
    lines = [
        "# Distortions: severity and cost",
        "",
        f"Mean change (1 - SSIM) on {pictures} pictures at severities 1 to 5, and megapixels a second of one",
        "thread at severity 3, beside other libraries' operations of the same meaning in the same run.",
        f"{grows} of {len(rows)} functions grow at every step. Made by:",
        "",
        f"    {command}",
        "",
        f"| function | 1 | 2 | 3 | 4 | 5 | grows | MP/s | {' | '.join(libraries)} |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        changes = " | ".join(f"{value:.3f}" for value in row.change)
        theirs = " | ".join(cell(row.others.get(library)) for library in libraries)
        grown = "yes" if row.monotone else "no"
        lines.append(f"| {row.name} | {changes} | {grown} | {row.speed:.1f} | {theirs} |")
    return "\n".join(lines) + "\n"
