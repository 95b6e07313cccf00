"""Label Studio's brush masks: a bit stream of its own, not COCO's RLE.

Layout: 32 bits length of the data, 5 bits word size less one, four times 4 bits size of a run length less
one; then records: 1 bit "run or literal", 2 bits which of the four sizes, the length less one in so many bits,
then one word (run) or as many words as the length says. The words are RGBA bytes, row by row; a pixel is
marked where its alpha is not zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iqa_spider.core import Mask, RegionError

__all__ = ["decode_brush", "encode_brush"]

_SIZES: Final = (3, 4, 8, 16)
_WORD: Final = 8


class _Bits:
    """Reads numbers, most significant bit first."""

    def __init__(self, data: Sequence[int]) -> None:
        self.bits = np.unpackbits(np.asarray(data, np.uint8))
        self.place = 0

    def read(self, size: int) -> int:
        return int(self.words(1, size)[0])

    def words(self, count: int, size: int) -> NDArray[np.int64]:
        end = self.place + count * size
        if end > self.bits.size:
            raise RegionError("the brush mask ends too early: it was cut off")
        weights = 1 << np.arange(size - 1, -1, -1, dtype=np.int64)
        words = self.bits[self.place : end].reshape(count, size) @ weights
        self.place = end
        return np.asarray(words, np.int64)


def decode_brush(rle: Sequence[int], height: int, width: int) -> Mask:
    """Brush data -> ``bool [height, width]``; raise `RegionError` if it does not fit."""
    try:
        bits = _Bits(rle)
    except (TypeError, ValueError, OverflowError) as error:
        raise RegionError(f"the brush mask is no list of bytes: {error}") from error
    total = bits.read(32)
    if total != height * width * 4:
        raise RegionError(f"the brush mask has {total} values, its picture {height * width * 4}")
    word = bits.read(5) + 1
    sizes = [bits.read(4) + 1 for _ in range(4)]
    values = np.zeros(total, np.uint8)
    place = 0
    while place < total:
        run = bits.read(1)
        end = place + 1 + bits.read(sizes[bits.read(2)])
        if end > total:
            raise RegionError("the brush mask has a run beyond its end")
        values[place:end] = bits.read(word) if run else bits.words(end - place, word)
        place = end
    return values.reshape(height, width, 4)[..., 3] > 0


def encode_brush(mask: Mask) -> list[int]:
    """``bool [H, W]`` -> brush data; marked pixels are 255 in all four channels."""
    values = np.repeat(mask.ravel().astype(np.uint8) * 255, 4)
    edges = np.flatnonzero(np.diff(values)) + 1
    starts = np.concatenate([[0], edges]).astype(np.int64)
    ends = np.concatenate([edges, [values.size]]).astype(np.int64)
    text = [f"{values.size:032b}{_WORD - 1:05b}", *(f"{size - 1:04b}" for size in _SIZES)]
    for start, end in zip(starts, ends, strict=True):
        for begin in range(int(start), int(end), 1 << _SIZES[-1]):
            length = min(1 << _SIZES[-1], int(end) - begin) - 1
            which = next(i for i, size in enumerate(_SIZES) if length < 1 << size)
            text.append(f"1{which:02b}{length:0{_SIZES[which]}b}{values[start]:08b}")
    bits = "".join(text)
    bits += "0" * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
