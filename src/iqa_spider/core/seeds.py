"""Randomness is a generator handed in; this is where generators come from."""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["generator", "stable_seed"]


def stable_seed(*keys: str | int) -> int:
    """A 63-bit seed from keys, the same on every machine and Python (unlike ``hash``)."""
    text = "\x1f".join(str(key) for key in keys)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(*keys: str | int) -> np.random.Generator:
    """A generator that depends on its keys alone."""
    return np.random.default_rng(stable_seed(*keys))
