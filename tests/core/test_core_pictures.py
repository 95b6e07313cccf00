"""The door for pictures: whatever comes in leaves as upright RGB, or as an error that names the file."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from iqa_spider.core import PictureError, open_picture


def _save(tmp_path, name, image, **options):
    path = tmp_path / name
    image.save(path, **options)
    return path


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGB", "1"])
def test_modes_become_rgb(tmp_path, mode):
    """A camera or scanner mode that is not RGB would crash the encoder."""
    suffix = "jpg" if mode == "CMYK" else "png"
    path = _save(tmp_path, f"a.{suffix}", Image.new("RGB", (8, 6), (200, 100, 50)).convert(mode))
    found = open_picture(path)
    assert found.shape == (6, 8, 3)
    assert found.dtype == np.uint8


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path):
    """Pillow's own conversion turns every 16-bit value above 255 white."""
    values = np.full((4, 4), 32768, np.uint16)
    path = _save(tmp_path, "deep.png", Image.fromarray(values))
    assert abs(int(open_picture(path)[0, 0, 0]) - 128) <= 1


def test_transparency_is_laid_over_white(tmp_path):
    """Transparent pixels carry arbitrary colours that no viewer shows."""
    path = _save(tmp_path, "a.png", Image.new("RGBA", (4, 4), (0, 0, 0, 0)))
    assert (open_picture(path) == 255).all()


def test_exif_orientation_is_applied(tmp_path):
    """Boxes are given in the orientation a viewer shows."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path = _save(tmp_path, "a.jpg", Image.new("RGB", (30, 10)), exif=exif)
    assert open_picture(path).shape == (30, 10, 3)


def test_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (5, 5), c) for c in ("red", "blue")]
    path = _save(tmp_path, "a.gif", frames[0], save_all=True, append_images=frames[1:])
    assert open_picture(path)[0, 0, 0] > 200


def test_huge_picture_is_refused_with_the_flag_that_allows_it(tmp_path):
    path = _save(tmp_path, "big.png", Image.new("1", (3000, 2000)))
    with pytest.raises(PictureError, match=r"big\.png.*--max-megapixels"):
        open_picture(path, max_megapixels=5)
    assert open_picture(path, max_megapixels=7).shape == (2000, 3000, 3)


def test_bad_files_are_named(tmp_path):
    """An error that does not name the file is useless among a thousand."""
    whole = _save(tmp_path, "cut.jpg", Image.effect_noise((64, 64), 50))
    whole.write_bytes(whole.read_bytes()[:700])
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.png").write_text("hello")
    for name in ("cut.jpg", "empty.jpg", "text.png", "missing.jpg"):
        with pytest.raises(PictureError, match=name.replace(".", r"\.")):
            open_picture(tmp_path / name)
    with pytest.raises(PictureError, match="folder"):
        open_picture(tmp_path)
