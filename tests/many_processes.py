"""Training on several processes without importing torch for each: a server forks them once it has."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import sys
from pathlib import Path

from transformers import TrainerCallback

from iqa_spider.training.lmm import train_lmm
from iqa_spider.training.lmm_recipe import LmmStage

SHARDED = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_STATE_DICT_TYPE": "SHARDED_STATE_DICT",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
}
"""What ``accelerate launch --use_fsdp`` puts into the environment."""


class Kill(TrainerCallback):
    """kill -9 of this very process once a step is done: nothing is flushed, closed or said."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def _work(rank: int, world: int, port: int, settings: str, killed: int | None, env: dict) -> None:
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
        **env,
    }
    recipe = LmmStage(**json.loads(settings))
    recipe.out.mkdir(parents=True, exist_ok=True)
    sys.stdout = sys.stderr = (recipe.out / f"said-{rank}.txt").open("a")
    train_lmm(recipe, [] if killed is None else [Kill(killed)])


def train_on(recipe: LmmStage, *, killed: int | None = None, sharded: bool = False) -> list[int]:
    """Run a recipe on two processes; returns their exit codes, -9 for one that was killed."""
    start = multiprocessing.get_context("forkserver")
    start.set_forkserver_preload(["iqa_spider.training.lmm", "peft"])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = SHARDED if sharded else {}
    arguments = (2, port, recipe.model_dump_json(), killed, env)
    workers = [start.Process(target=_work, args=(rank, *arguments)) for rank in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(600)
    return [worker.exitcode for worker in workers]


def losses(out: Path) -> list[float]:
    logs = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [row["loss"] for row in logs if "loss" in row]
