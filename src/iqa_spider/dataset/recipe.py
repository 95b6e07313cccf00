"""Recipes: plans as JSON. The data set stores these; pictures can be rendered from them again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from iqa_spider.core import Accumulation, DatasetError, SpiderError
from iqa_spider.dataset.scenes import Photo, Plan, PlannedRegion, Scene, fit_photo, render
from iqa_spider.regions import decode_rle, encode_rle

__all__ = ["Recipe"]


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """A photo, the long side it is resized to, and the plan for it."""

    photo: str
    size: int
    plan: Plan

    def render(self, photo: Photo) -> Scene:
        """Carry out the recipe on the pristine photo: the same bytes every time."""
        return render(fit_photo(photo, self.size).picture, self.plan)

    def to_json(self) -> dict[str, Any]:
        regions = [
            {
                "mask": encode_rle(region.mask),
                "feather": region.feather,
                "distortions": None
                if region.accumulation is None
                else [[d.function, d.severity] for d in region.accumulation.distortions],
            }
            for region in self.plan.regions
        ]
        return {"photo": self.photo, "size": self.size, "seed": self.plan.seed, "regions": regions}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Inverse of `to_json`; raise `DatasetError` if the row is broken."""
        try:
            regions = tuple(
                PlannedRegion(
                    decode_rle(row["mask"]),
                    None
                    if row["distortions"] is None
                    else Accumulation.of((name, level) for name, level in row["distortions"]),
                    float(row["feather"]),
                )
                for row in data["regions"]
            )
            return cls(data["photo"], int(data["size"]), Plan(regions, int(data["seed"])))
        except (KeyError, TypeError, ValueError, SpiderError) as error:
            raise DatasetError(f"broken recipe of photo {data.get('photo')!r}: {error}") from error
