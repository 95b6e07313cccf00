"""What the tests of training large backbones share: a recipe of few parameters."""

from __future__ import annotations

from iqa_spider.training.lmm_recipe import LmmStage


def small_recipe(base, file, images, out, **changes) -> LmmStage:
    """LoRA of rank 4, two rows a step."""
    settings = {
        "stage": "lmm",
        "base": str(base),
        "data": [{"file": file, "images": images}],
        "out": out,
        "batch": 2,
        "accumulate": 1,
        "rank": 4,
        "alpha": 8,
        "dropout": 0.0,
    }
    return LmmStage(**{**settings, **changes})
