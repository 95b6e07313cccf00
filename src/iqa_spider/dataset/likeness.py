"""Near-duplicate pictures: a perceptual hash finds candidates, small copies of the pictures decide.

The hash is the sign of 63 low frequencies of a 32 x 32 grey copy (pHash), of the picture and of its
mirror image. Close hashes alone accuse innocent pairs (a plain sky against another), so that a pair counts
only if the normalised correlation of its 32 x 32 copies is high as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from iqa_spider.core import Picture

__all__ = ["Print", "fingerprint", "near_duplicates"]

BITS: Final = 10
"""Hashes that differ in so many of 63 bits or fewer are candidates."""
ALIKE: Final = 0.95
"""Correlation of the small copies from which on two pictures are one."""


@dataclass(frozen=True, slots=True, eq=False)
class Print:
    """Hash bits ``bool [63]`` of a picture and of its mirror image, and its copy ``float32 [32, 32]``."""

    bits: NDArray[np.bool_]
    mirrored: NDArray[np.bool_]
    small: NDArray[np.float32]


def fingerprint(picture: Picture) -> Print:
    """Reduce ``uint8 [H, W, 3]`` to what is compared."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    deviation = max(float(small.std()), 1e-3)
    small = ((small - small.mean()) / deviation).astype(np.float32)
    return Print(_bits(small), _bits(np.ascontiguousarray(small[:, ::-1])), small)


def _bits(small: NDArray[np.float32]) -> NDArray[np.bool_]:
    low = cv2.dct(small)[:8, :8].ravel()[1:]
    return np.asarray(low > np.median(low))


def near_duplicates(prints: Sequence[Print], groups: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs ``(i, j)``, ``i < j``, of different groups (splits) that show the same picture."""
    if not prints:
        return []
    bits = np.stack([p.bits for p in prints]).astype(np.float32)
    pairs = []
    for i, one in enumerate(prints):
        straight = _distance(bits[i + 1 :], one.bits)
        mirrored = _distance(bits[i + 1 :], one.mirrored)
        for offset in np.flatnonzero(np.minimum(straight, mirrored) <= BITS):
            j = i + 1 + int(offset)
            if groups[i] != groups[j] and _alike(one, prints[j]):
                pairs.append((i, j))
    return pairs


def _distance(bits: NDArray[np.float32], one: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.asarray(np.abs(bits - one.astype(np.float32)).sum(1), np.float32)


def _alike(a: Print, b: Print) -> bool:
    straight = float((a.small * b.small).mean())
    return max(straight, float((a.small[:, ::-1] * b.small).mean())) >= ALIKE
