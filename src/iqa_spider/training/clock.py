"""A training run measured in minutes: learning rate, log, checkpoint, resume."""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

__all__ = ["Run"]


@dataclass
class Run:
    """Progress of a run that has a budget of minutes; time already spent survives a restart."""

    folder: Path
    minutes: float
    step: int = 0
    spent: float = 0.0
    _since: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def seconds(self) -> float:
        return self.spent + time.monotonic() - self._since

    @property
    def progress(self) -> float:
        return min(1.0, self.seconds / (60 * self.minutes))

    def rate(self, warmup: float = 0.03, floor: float = 0.02) -> float:
        """Factor on the learning rate: linear warm-up, then cosine to ``floor``."""
        p = self.progress
        if p < warmup:
            return max(p / warmup, 0.02)
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * (p - warmup) / (1 - warmup)))

    def log(self, **values: Any) -> None:
        row = {"step": self.step, "seconds": round(self.seconds, 1), **values}
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)

    def save(self, model: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        state = {
            "model": model.state_dict(),
            "optimiser": optimiser.state_dict(),
            "step": self.step,
            "spent": self.seconds,
        }
        path = self.folder / "last.pt"
        torch.save(state, path.with_suffix(".tmp"))
        os.replace(path.with_suffix(".tmp"), path)

    def resume(self, model: nn.Module, optimiser: torch.optim.Optimizer | None = None) -> bool:
        path = self.folder / "last.pt"
        if not path.exists():
            return False
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(state["model"])
        if optimiser is not None:
            optimiser.load_state_dict(state["optimiser"])
        self.step, self.spent, self._since = state["step"], state["spent"], time.monotonic()
        return True
