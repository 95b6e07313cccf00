"""The 35 functions by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from iqa_spider.core import Distortion, Picture, check_picture
from iqa_spider.distortions import blur, colour, compression, detail, noise, tone

__all__ = ["FUNCTION_TABLE", "distort"]

STRONGER: Final = (1.25, 1.5, 1.85, 2.4, 3.2)
WEAKER: Final = (0.75, 0.6, 0.45, 0.32, 0.2)
VIVID: Final = (1.4, 1.8, 2.3, 3.0, 4.2)
DULL: Final = (0.65, 0.48, 0.32, 0.17, 0.0)

FUNCTION_TABLE: Final[dict[str, Callable[[Picture, int, np.random.Generator], Picture]]] = {
    "blur_gaussian": blur.gaussian,
    "blur_motion": blur.motion,
    "blur_glass": blur.glass,
    "blur_lens": blur.lens,
    "blur_zoom": blur.zoom,
    "blur_jitter": blur.jitter,
    "noise_gaussian_rgb": noise.gaussian_rgb,
    "noise_gaussian_ycrcb": noise.gaussian_ycrcb,
    "noise_speckle": noise.speckle,
    "noise_spatially_correlated": noise.spatially_correlated,
    "noise_poisson": noise.poisson,
    "noise_impulse": noise.impulse,
    "compression_jpeg": compression.jpeg,
    "compression_jpeg_2000": compression.jpeg_2000,
    "brighten_shift_hsv": tone.shift_hsv(1),
    "brighten_shift_rgb": tone.shift_rgb(1),
    "brighten_gamma_hsv": tone.gamma_hsv(1),
    "brighten_gamma_rgb": tone.gamma_rgb(1),
    "darken_shift_hsv": tone.shift_hsv(-1),
    "darken_shift_rgb": tone.shift_rgb(-1),
    "darken_gamma_hsv": tone.gamma_hsv(-1),
    "darken_gamma_rgb": tone.gamma_rgb(-1),
    "contrast_strengthen_scale": tone.contrast_scale(STRONGER),
    "contrast_strengthen_stretch": tone.contrast_stretch(STRONGER),
    "contrast_weaken_scale": tone.contrast_scale(WEAKER),
    "contrast_weaken_stretch": tone.contrast_stretch(WEAKER),
    "saturate_strengthen_hsv": colour.saturate_hsv(VIVID),
    "saturate_strengthen_ycrcb": colour.saturate_ycrcb(VIVID),
    "saturate_weaken_hsv": colour.saturate_hsv(DULL),
    "saturate_weaken_ycrcb": colour.saturate_ycrcb(DULL),
    "oversharpen": detail.oversharpen,
    "pixelate": detail.pixelate,
    "quantization_otsu": detail.quantize_otsu,
    "quantization_median": detail.quantize_median,
    "quantization_histogram": detail.quantize_histogram,
}


def distort(picture: Picture, distortion: Distortion, rng: np.random.Generator) -> Picture:
    """Apply one function: ``uint8 [H, W, 3]`` in and out; the input is left as it was."""
    function = FUNCTION_TABLE[distortion.function]
    return function(check_picture(picture), distortion.severity, rng)
