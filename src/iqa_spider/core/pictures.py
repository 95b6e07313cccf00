"""The one door through which pictures come in.

Whatever a camera, a web page or a scanner wrote becomes ``uint8 [H, W, 3]`` RGB in the orientation
a viewer shows. Transparent pixels are laid over white; an animation gives its first frame.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from iqa_spider.core.errors import PictureError
from iqa_spider.core.geometry import Picture, check_picture

__all__ = ["MAX_MEGAPIXELS", "PictureLike", "open_picture"]

MAX_MEGAPIXELS: Final = 100.0
"""Larger pictures are refused unless the caller raises the limit (a bomb is a few kilobytes)."""

PictureLike = str | Path | Image.Image | Picture


def open_picture(source: PictureLike, *, max_megapixels: float = MAX_MEGAPIXELS) -> Picture:
    """Read a path, PIL image or array as ``uint8 [H, W, 3]`` RGB in display orientation.

    Raises:
        PictureError: missing, unreadable, truncated, too large or not an image; names the file.
    """
    if isinstance(source, np.ndarray):
        return check_picture(source)
    if isinstance(source, Image.Image):
        return _decode(source, "the picture", max_megapixels)
    path = Path(source)
    if not path.exists():
        raise PictureError(f"{path}: no such file")
    if path.is_dir():
        raise PictureError(f"{path}: is a folder; name a picture file")
    try:
        with warnings.catch_warnings():
            # Our own limit speaks in megapixels and names the flag; Pillow's warning does neither.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return _decode(image, str(path), max_megapixels)
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(
            f"{path}: not an image, or of a format that Pillow cannot read"
        ) from error
    except Image.DecompressionBombError as error:
        raise PictureError(
            f"{path}: has more than {max_megapixels:g} megapixels; raise --max-megapixels to allow it"
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise PictureError(f"{path}: truncated or damaged ({error}); save it again") from error


def _decode(image: Image.Image, name: str, max_megapixels: float) -> Picture:
    width, height = image.size
    if width * height > max_megapixels * 1e6:
        raise PictureError(
            f"{name}: {width} x {height} is {width * height / 1e6:.0f} megapixels, more than the limit "
            f"of {max_megapixels:g}; raise --max-megapixels to allow it"
        )
    if getattr(image, "n_frames", 1) > 1:
        image.seek(0)
    upright = ImageOps.exif_transpose(image)
    return np.asarray(_to_rgb(upright))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        paper = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(paper, rgba).convert("RGB")
    return image.convert("RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    """16-bit and float greyscale: Pillow's own conversion clips at 255 instead of scaling."""
    values = np.asarray(image).astype(np.float64)
    top = 65535.0 if image.mode.startswith("I") else max(1.0, float(np.nanmax(values)))
    if image.mode == "I" and values.max() <= 255:
        top = 255.0
    scaled = np.clip(np.nan_to_num(values) / top * 255.0, 0, 255).round().astype(np.uint8)
    return Image.fromarray(scaled).convert("RGB")
