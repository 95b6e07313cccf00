"""Each category by other means than its 35 functions, at a strength between the severities.

A network that has seen one blur kernel and one JPEG encoder learns those, not blur and compression. These
are drawn in training alone: data sets and benchmarks keep to the functions of the taxonomy.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from iqa_spider.core import Category, Distortion, Picture

__all__ = ["VARIANTS", "vary"]

Vary = Callable[[Picture, float, np.random.Generator], Picture]


def _at(strength: float, *values: float) -> float:
    """The value of a strength 1-5 between five values."""
    return float(np.interp(strength, (1, 2, 3, 4, 5), values))


def _uint8(values: NDArray[np.floating]) -> Picture:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def _blend(picture: Picture, other: NDArray[np.floating] | float, factor: float) -> Picture:
    """``other`` at factor 0, the picture at 1, beyond it above 1 (as Pillow's ImageEnhance)."""
    return _uint8(other + (picture.astype(np.float32) - other) * factor)


def _luma(picture: Picture) -> NDArray[np.float32]:
    return np.asarray(picture @ np.array([0.299, 0.587, 0.114], np.float32))


def _box(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
    size = round(_at(s, 3, 4, 6, 9, 14))
    return np.asarray(cv2.blur(picture, (size, size)), np.uint8)


def _median(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
    return np.asarray(cv2.medianBlur(picture, round(_at(s, 1, 1.6, 3, 4.5, 7)) * 2 + 1), np.uint8)


def _resample(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
    """Down and up again with a smooth kernel: what a cheap zoom does."""
    height, width = picture.shape[:2]
    factor = _at(s, 1.7, 2.4, 3.6, 5.5, 8)
    small = (max(2, round(width / factor)), max(2, round(height / factor)))
    method = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    low = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(low, (width, height), interpolation=method), np.uint8)


def _oblong(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
    """A Gaussian that is wider one way than the other, as of astigmatism or a short shake."""
    sigma = _at(s, 0.8, 1.3, 2.0, 3.0, 4.5)
    ratio = float(rng.uniform(0.6, 1.6))
    kernel = (0, 0)
    return np.asarray(
        cv2.GaussianBlur(picture, kernel, sigma * ratio, sigmaY=sigma / ratio), np.uint8
    )


def _disc(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
    radius = _at(s, 1.4, 2.2, 3.3, 5.0, 7.5) * float(rng.uniform(0.85, 1.15))
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    kernel = cv2.GaussianBlur(kernel, (0, 0), 0.5)
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.uint8)


def _grey_noise(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
    """The same deviation in all channels: luminance noise."""
    sigma = _at(s, 8, 14, 22, 34, 52)
    return _uint8(picture + sigma * rng.standard_normal((*picture.shape[:2], 1), np.float32))


def _flat_noise(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
    reach = _at(s, 12, 22, 36, 56, 88)
    return _uint8(picture + rng.uniform(-reach, reach, picture.shape))


def _heavy_noise(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
    return _uint8(picture + rng.laplace(0, _at(s, 5, 9, 15, 23, 36), picture.shape))


def _sensor_noise(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
    """Shot and read noise in linear light, then the curve: dark parts suffer most."""
    linear = (picture.astype(np.float32) / 255) ** 2.2
    sigma = np.sqrt(
        linear * _at(s, 3e-3, 8e-3, 2e-2, 5e-2, 0.12) * 0.9 + _at(s, 8, 20, 50, 120, 260) * 1e-6
    )
    noisy = np.clip(linear + sigma * rng.standard_normal(picture.shape, np.float32), 0, 1)
    return _uint8(255 * noisy ** (1 / 2.2))


def _channel_impulse(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
    """Salt and pepper in each channel on its own, as scikit-image adds it."""
    share = _at(s, 0.006, 0.015, 0.035, 0.07, 0.14)
    draw = rng.random(picture.shape, np.float32)
    return np.asarray(
        np.where(draw < share / 2, 0, np.where(draw > 1 - share / 2, 255, picture)), np.uint8
    )


def _recode(picture: Picture, kind: str, **options: int | bool) -> Picture:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **options)
    return np.asarray(Image.open(buffer).convert("RGB"))


def _jpeg(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
    quality = max(2, round(_at(s, 38, 22, 13, 8, 4) * rng.uniform(0.85, 1.15)))
    return _recode(
        picture,
        "JPEG",
        quality=quality,
        subsampling=int(rng.integers(3)),
        progressive=bool(rng.integers(2)),
    )


def _webp(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
    return _recode(picture, "WEBP", quality=round(_at(s, 28, 15, 8, 4, 0)), method=2)


def _twice(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
    """Two generations of JPEG on grids that do not meet."""
    shifted = np.roll(picture, (4, 3), (0, 1))
    once = _recode(shifted, "JPEG", quality=round(_at(s, 45, 30, 18, 11, 6)))
    return _recode(np.roll(once, (-4, -3), (0, 1)), "JPEG", quality=round(_at(s, 42, 26, 15, 9, 5)))


def _gain(*factors: float) -> Vary:
    """Multiply, as Pillow's and torchvision's brightness do."""
    return lambda picture, s, rng: _uint8(picture * np.float32(_at(s, *factors)))


def _exposure(sign: int) -> Vary:
    """Stops in linear light."""

    def apply(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
        stops = sign * _at(s, 0.6, 1.0, 1.5, 2.1, 2.9)
        return _uint8(255 * np.clip((picture / 255.0) ** 2.2 * 2**stops, 0, 1) ** (1 / 2.2))

    return apply


def _lightness(sign: int) -> Vary:
    def apply(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
        lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
        shift = sign * _at(s, 20, 34, 50, 70, 95)
        lab[..., 0] = _uint8(lab[..., 0].astype(np.float32) + shift)
        return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)

    return apply


def _towards(goal: str, *factors: float) -> Vary:
    """Contrast about the middle of the scale or about the mean luma."""

    def apply(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
        middle = 128.0 if goal == "middle" else float(_luma(picture).mean())
        return _blend(picture, middle, _at(s, *factors))

    return apply


def _autocontrast(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
    cut = _at(s, 1.5, 3.5, 7, 13, 21)
    low, high = np.percentile(picture, (cut, 100 - cut))
    return _uint8((picture.astype(np.float32) - low) * (255 / max(high - low, 16)))


def _haze(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
    """Lifted blacks, lowered whites."""
    keep = _at(s, 0.75, 0.6, 0.45, 0.32, 0.2)
    return _blend(picture, float(rng.uniform(100, 170)), keep)


def _colour(*factors: float) -> Vary:
    """Blend with the grey picture, as Pillow's and torchvision's saturation do."""
    return lambda picture, s, rng: _blend(picture, _luma(picture)[..., None], _at(s, *factors))


def _chroma(*factors: float) -> Vary:
    """Scale a and b of CIELAB."""

    def apply(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
        lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(np.float32)
        lab[..., 1:] = 128 + (lab[..., 1:] - 128) * _at(s, *factors)
        return np.asarray(cv2.cvtColor(_uint8(lab), cv2.COLOR_LAB2RGB), np.uint8)

    return apply


def _unsharp(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
    percent = round(_at(s, 110, 200, 330, 500, 800))
    tool = ImageFilter.UnsharpMask(float(rng.uniform(0.8, 3.5)), percent, int(rng.integers(0, 3)))
    return np.asarray(Image.fromarray(picture).filter(tool))


def _kernel_sharpen(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
    a = _at(s, 0.4, 0.8, 1.3, 2.0, 3.2)
    kernel = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]], np.float32) * a
    if rng.random() < 0.5:
        kernel = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], np.float32) * a / 2
    kernel[1, 1] += 1
    return np.asarray(cv2.filter2D(picture, -1, kernel), np.uint8)


def _mosaic(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
    """Blocks by nearest or mean, of a size that need not be whole."""
    height, width = picture.shape[:2]
    block = _at(s, 2, 3, 5, 8, 13)
    method = int(rng.choice([cv2.INTER_NEAREST, cv2.INTER_AREA, cv2.INTER_LINEAR]))
    small = (max(2, round(width / block)), max(2, round(height / block)))
    low = cv2.resize(picture, small, interpolation=method)
    return np.asarray(cv2.resize(low, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def _palette(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
    colours = round(_at(s, 64, 32, 16, 9, 6))
    method = (Image.Quantize.MEDIANCUT, Image.Quantize.FASTOCTREE)[int(rng.integers(2))]
    found = Image.fromarray(picture).quantize(colours, method, dither=Image.Dither.NONE)
    return np.asarray(found.convert("RGB"))


def _posterize(picture: Picture, s: float, rng: np.random.Generator) -> Picture:
    step = 255 / (_at(s, 16, 11, 7.5, 5.3, 4) - 1)
    if rng.random() < 0.5:
        return _uint8(np.floor(picture / step) * step)
    return _uint8(np.rint(picture / step) * step)


_C = Category
VARIANTS: Final[dict[Category, tuple[Vary, ...]]] = {
    _C.BLUR: (_box, _median, _resample, _oblong, _disc),
    _C.NOISE: (_grey_noise, _flat_noise, _heavy_noise, _sensor_noise, _channel_impulse),
    _C.COMPRESSION: (_jpeg, _jpeg, _webp, _twice),
    _C.BRIGHTEN: (_gain(1.17, 1.3, 1.48, 1.75, 2.2), _exposure(1), _lightness(1)),
    _C.DARKEN: (_gain(0.75, 0.6, 0.45, 0.33, 0.2), _exposure(-1), _lightness(-1)),
    _C.CONTRAST_STRENGTHEN: (
        _towards("middle", 1.16, 1.34, 1.6, 2.0, 2.7),
        _towards("mean", 1.18, 1.4, 1.7, 2.2, 2.9),
        _autocontrast,
    ),
    _C.CONTRAST_WEAKEN: (
        _towards("middle", 0.75, 0.6, 0.45, 0.32, 0.2),
        _towards("mean", 0.75, 0.6, 0.45, 0.32, 0.2),
        _haze,
    ),
    _C.SATURATE_STRENGTHEN: (_colour(1.4, 1.8, 2.3, 3.0, 4.2), _chroma(1.35, 1.7, 2.1, 2.7, 3.5)),
    _C.SATURATE_WEAKEN: (_colour(0.65, 0.48, 0.32, 0.17, 0.0), _chroma(0.65, 0.48, 0.32, 0.17, 0.0)),
    _C.OVERSHARPEN: (_unsharp, _unsharp, _kernel_sharpen),
    _C.PIXELATE: (_mosaic,),
    _C.QUANTIZATION: (_palette, _posterize),
}  # fmt: skip


def vary(picture: Picture, distortion: Distortion, rng: np.random.Generator) -> Picture:
    """Another operation of the same category at about the same severity (within a third of a step)."""
    options = VARIANTS[distortion.category]
    strength = float(np.clip(distortion.severity + rng.uniform(-0.35, 0.35), 0.8, 5))
    return options[int(rng.integers(len(options)))](picture, strength, rng)
