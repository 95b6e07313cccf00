"""Names of the categories: the one we write, the many we understand, and what each does to a picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from iqa_spider.core import Category

__all__ = ["ALIASES", "EFFECTS", "PHRASE", "find_categories", "mentions"]

_C = Category

PHRASE: Final[dict[Category, str]] = {
    _C.BLUR: "blur",
    _C.NOISE: "noise",
    _C.COMPRESSION: "compression",
    _C.BRIGHTEN: "brightening",
    _C.DARKEN: "darkening",
    _C.CONTRAST_STRENGTHEN: "contrast strengthening",
    _C.CONTRAST_WEAKEN: "contrast weakening",
    _C.SATURATE_STRENGTHEN: "saturation strengthening",
    _C.SATURATE_WEAKEN: "saturation weakening",
    _C.OVERSHARPEN: "oversharpening",
    _C.PIXELATE: "pixelation",
    _C.QUANTIZATION: "quantization",
}

_NAMES: Final[dict[Category, str]] = {
    _C.BLUR: (
        "blur blurs blurred blurry blurring blurriness blurriest blurrier defocus defocused unsharp "
        "softness out-of-focus out of focus|motion blur|lens blur|not sharp|lack of sharpness"
    ),
    _C.NOISE: (
        "noise noises noisy noisiest noisier grain grainy graininess grainiest speckle speckled "
        "speckles|salt and pepper|salt-and-pepper|film grain|static"
    ),
    _C.COMPRESSION: (
        "compression compressed compress compressing jpeg jpeg'd jpeged jpg jp2 blocking blockiness "
        "blocky|compression artifacts|compression artefacts|jpeg artifacts|jpeg artefacts|jpeg 2000|"
        "jpeg compression|block artifacts|codec artifacts"
    ),
    _C.BRIGHTEN: (
        "brighten brightened brightening overexposed overexposure over-exposed over-exposure "
        "overbright|too bright|over exposed|excessive brightness|over-brightening|washed in light|"
        "blown out|brightness increase|over-bright"
    ),
    _C.DARKEN: (
        "darken darkened darkening underexposed underexposure under-exposed under-exposure|too dark|"
        "under exposed|over-darkening|low light|brightness decrease|insufficient brightness"
    ),
    _C.CONTRAST_STRENGTHEN: (
        "contrast strengthening|contrast strengthen|contrast strengthened|strengthened contrast|"
        "too much contrast|excess contrast|excessive contrast|harsh contrast|over-contrast|"
        "high contrast|increased contrast|contrast boost|contrasty|contrast increase"
    ),
    _C.CONTRAST_WEAKEN: (
        "contrast weakening|contrast weaken|contrast weakened|weakened contrast|low contrast|"
        "lack of contrast|reduced contrast|washed out|washed-out|faded|contrast loss|"
        "loss of contrast|poor contrast|contrast reduction|flat contrast|hazy"
    ),
    _C.SATURATE_STRENGTHEN: (
        "saturation strengthening|saturate strengthen|saturation strengthen|strengthened saturation|"
        "oversaturated|over-saturated|oversaturation|over-saturation|garish|too vivid|"
        "excess saturation|excessive saturation|too saturated|high saturation|over saturated|"
        "saturation boost|colour boost|color boost|too colourful|too colorful"
    ),
    _C.SATURATE_WEAKEN: (
        "saturation weakening|saturate weaken|saturation weaken|weakened saturation|desaturated|"
        "desaturation|undersaturated|under-saturated|undersaturation|low saturation|dull colours|"
        "dull colors|pale colours|pale colors|colour loss|color loss|loss of colour|loss of color|"
        "lack of saturation|colourless|colorless|reduced saturation|faded colours|faded colors"
    ),
    _C.OVERSHARPEN: (
        "oversharpening oversharpen oversharpened over-sharpening over-sharpened over-sharpen halos "
        "haloes sharpening|over sharpened|too sharp|over sharpening|excessive sharpening|"
        "sharpening halos|oversharp"
    ),
    _C.PIXELATE: (
        "pixelation pixelate pixelated pixelating pixellated pixelization mosaic|mosaic effect|"
        "blocky pixels|low resolution|visible pixels|chunky pixels|pixelization"
    ),
    _C.QUANTIZATION: (
        "quantization quantisation quantized quantised quantize posterization posterisation "
        "posterized posterised banding|colour banding|color banding|too few colours|too few colors|"
        "tone steps|color quantization|colour quantization"
    ),
}


def _split(text: str) -> tuple[str, ...]:
    """Words of the first part stand alone; parts behind a bar are phrases."""
    first, *rest = text.split("|")
    spaced = {"out of focus", "contrast strengthening", "contrast weakening"}
    names = list(rest)
    if first in spaced or first.startswith(("saturation ", "contrast ")):
        names.append(first)
    else:
        if "out of focus" in first:
            first = first.replace("out of focus", "")
            names.append("out of focus")
        names += first.split()
    return tuple(sorted(set(names), key=lambda n: (-len(n), n)))


ALIASES: Final[dict[Category, tuple[str, ...]]] = {
    category: tuple(
        dict.fromkeys((*_split(text), category.value, category.value.replace(" ", "_")))
    )
    for category, text in _NAMES.items()
}

_OWNER: Final = {name: category for category, names in ALIASES.items() for name in names}
_ANY: Final = re.compile(
    r"(?<![\w-])(" + "|".join(map(re.escape, sorted(_OWNER, key=len, reverse=True))) + r")(?![\w])",
    re.IGNORECASE,
)
_NEGATION: Final = re.compile(
    r"\b(no|not|without|free of|neither|nor|isn't|lacks)(\s+(visible|any|much|clear|obvious|a))*\s*$"
)


def mentions(text: str) -> Iterator[tuple[Category, int, int]]:
    """Every affirmed mention of a category: (category, start, end) in the text."""
    lowered = text.lower()
    for match in _ANY.finditer(lowered):
        if not _NEGATION.search(lowered[max(0, match.start() - 30) : match.start()]):
            yield _OWNER[match.group(1)], match.start(), match.end()


def find_categories(text: str) -> tuple[Category, ...]:
    """Categories that the text affirms, in order of first mention."""
    return tuple(dict.fromkeys(category for category, _, _ in mentions(text)))


EFFECTS: Final[dict[Category, tuple[str, ...]]] = {
    _C.BLUR: (
        "edges and fine texture are smeared",
        "outlines melt into each other",
        "small detail is lost",
    ),
    _C.NOISE: (
        "random dots cover smooth surfaces",
        "a restless pattern hides fine texture",
        "even areas look dirty",
    ),
    _C.COMPRESSION: (
        "texture breaks up and edges are ringed by ripples",
        "detail is replaced by patches and ripples",
        "fine texture is flattened into patches",
    ),
    _C.BRIGHTEN: (
        "highlights lose their detail",
        "light tones run into white",
        "it looks glaring",
    ),
    _C.DARKEN: (
        "shadows swallow detail",
        "dark tones run into black",
        "it looks gloomy",
    ),
    _C.CONTRAST_STRENGTHEN: (
        "tones jump between light and dark",
        "middle tones vanish",
        "light and dark are driven apart",
    ),
    _C.CONTRAST_WEAKEN: (
        "light and dark move together",
        "depth is lost behind a veil",
        "tones look flat",
    ),
    _C.SATURATE_STRENGTHEN: (
        "colours look gaudy",
        "colours glow unnaturally",
        "hues drown fine shading",
    ),
    _C.SATURATE_WEAKEN: (
        "colours turn towards grey",
        "hues look lifeless",
        "colours are pale",
    ),
    _C.OVERSHARPEN: (
        "edges carry bright and dark rims",
        "outlines look etched",
        "texture looks harsh and brittle",
    ),
    _C.PIXELATE: (
        "shapes dissolve into squares",
        "curves turn into stairs",
        "square cells hide all detail",
    ),
    _C.QUANTIZATION: (
        "smooth shading falls into steps",
        "gradients turn into flat bands of tone",
        "only a few tones are left",
    ),
}
"""What a viewer sees; the clauses name no category."""
