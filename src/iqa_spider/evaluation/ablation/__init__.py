"""Ablations of the grounding head: the same answers in words, other ways to a mask."""
