"""Ray Data as an engine: on a cluster's address, or started on this machine.

Items travel once through Ray's object store; a row is a handful of their numbers. An error of the work is sent
back as a value, since Ray would wrap it into one of its own with the worker's traceback as message.
"""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from iqa_spider.core import EngineError, MissingExtraError, SpiderError

__all__ = ["RayEngine"]

T = TypeVar("T")
R = TypeVar("R")
PATIENCE = 5.0
"""Seconds for an address to accept a connection; Ray itself would try for minutes and end the process."""
STARTS = 3
"""Tries to start Ray on this machine."""


class RayEngine:
    """``workers`` CPUs where Ray is started here; ``threads`` a task and ``tasks`` at once where work waits."""

    def __init__(
        self,
        workers: int = 1,
        address: str | None = None,
        *,
        threads: int = 1,
        tasks: int | None = None,
    ) -> None:
        try:
            import ray
            import ray.data
        except ImportError as error:
            raise MissingExtraError("--engine ray", "ray") from error
        # As Ray's own commands do: a cluster that the environment names is the one to use.
        self.address = address or os.environ.get("RAY_ADDRESS")
        self.workers, self.threads, self.tasks = workers, threads, tasks
        self._ray = ray

    def run(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[T, R]]:
        """As `Engine.run`.

        Raises:
            EngineError: Ray cannot be reached or lost a node for good.
        """
        if not items:
            return
        self._start()
        ray, threads = self._ray, self.threads
        # A few items a thread, so that none waits long for the slowest of its group.
        size = 1 if threads == 1 else min(4 * threads, -(-len(items) // (self.tasks or 1)))
        groups = [range(i, min(i + size, len(items))) for i in range(0, len(items), size)]
        known = ray.put(list(items))

        def apply(row: dict[str, Any]) -> dict[str, Any]:
            return {"group": row["group"], "results": _results(known, row, work, threads)}

        rows = ray.data.from_items(
            [
                {"group": number, "start": g.start, "stop": g.stop}
                for number, g in enumerate(groups)
            ],
            override_num_blocks=self._blocks(len(groups)),
        )
        options = {} if self.tasks is None else {"compute": _tasks(self.tasks)}
        try:
            for row in rows.map(apply, **options).iter_rows():
                for place, error, data in pickle.loads(row["results"]):
                    if error is not None:
                        raise error
                    yield items[place], pickle.loads(data)
        except ray.exceptions.RayTaskError:
            raise  # a fault of the work that is nobody's to mend but ours: with its traceback
        except ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[-1]
            raise EngineError(
                f"Ray failed ({type(error).__name__}: {reason}); what is finished is kept, run the same command"
            ) from error

    def _blocks(self, groups: int) -> int:
        """Small blocks: progress shows early and a lost node costs little."""
        return max(1, min(groups, max(4 * self.workers, groups // 64)))

    def _start(self) -> None:
        ray = self._ray
        if self.address is not None:
            _reach(self.address)
        ray.data.DataContext.get_current().enable_progress_bars = False
        if ray.is_initialized():
            return
        # Without "local" Ray would join whatever cluster was last started on this machine.
        here = {"address": "local", "num_cpus": self.workers, "include_dashboard": False}
        where = {"address": self.address} if self.address else here
        # Ray grants its own processes 30 seconds to come up, which a busy machine may not have.
        for left in reversed(range(1 if self.address else STARTS)):
            try:
                ray.init(**where, log_to_driver=False)
                return
            # Ray raises bare exceptions when a node does not come up, and ends the process when none answers.
            except (Exception, SystemExit) as error:
                ray.shutdown()
                if left == 0:
                    raise EngineError(
                        f"Ray at {self.address or 'this machine'} did not start ({error}); what is finished "
                        "is kept"
                    ) from error


def _results(known: Any, row: dict[str, Any], work: Callable[[Any], Any], threads: int) -> bytes:
    """Runs on a node: ``(place, error or None, pickled result)`` of each item of the group."""
    import ray

    items = ray.get(known)

    def one(place: int) -> tuple[int, Exception | None, bytes]:
        try:
            return place, None, pickle.dumps(work(items[place]))
        except (SpiderError, OSError) as error:
            return place, error, b""

    places = range(int(row["start"]), int(row["stop"]))
    if threads == 1:
        return pickle.dumps([one(place) for place in places])
    with ThreadPoolExecutor(threads) as pool:
        return pickle.dumps(list(pool.map(one, places)))


def _tasks(size: int) -> Any:
    from ray.data import TaskPoolStrategy

    return TaskPoolStrategy(size=size)


def _reach(address: str) -> None:
    """Knock at ``host:port``; names like "auto" are Ray's to resolve."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise EngineError(
            f"--ray-address {address}: no answer ({error}); start Ray there (`ray start --head`) or leave the "
            "flag out to start it here"
        ) from error
