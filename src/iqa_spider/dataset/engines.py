"""Where the work of a build runs: in this process, in processes beside it, or on Ray Data.

An engine yields ``(item, result)`` in whatever order results come; builds merge by the order of the photos,
so that the engine changes no byte. The work writes its own files: on a cluster ``--out`` and the photos must
lie on a disk that every node sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any, Protocol, TypeVar

from iqa_spider.core import ConfigError, EndpointError, MissingExtraError

__all__ = ["Engine", "LocalEngine", "RayEngine", "engine_named"]

T = TypeVar("T")
R = TypeVar("R")


class Engine(Protocol):
    """Runs a picklable function on items."""

    def run(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[T, R]]: ...


class LocalEngine:
    """This process with one worker, else processes beside it."""

    def __init__(self, workers: int = 1) -> None:
        self.workers = workers

    def run(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[T, R]]:
        if self.workers <= 1:
            for item in items:
                yield item, work(item)
            return
        with ProcessPoolExecutor(self.workers, mp_context=get_context("spawn")) as pool:
            jobs = {pool.submit(work, item): item for item in items}
            for job in as_completed(jobs):
                yield jobs[job], job.result()


class RayEngine:
    """Ray Data, on a cluster's address or started here with ``workers`` CPUs."""

    def __init__(self, workers: int = 1, address: str | None = None) -> None:
        try:
            import ray
            import ray.data
        except ImportError as error:
            raise MissingExtraError("--engine ray", "ray") from error
        self.workers, self.address, self._ray = workers, address, ray

    def run(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[T, R]]:
        if not items:
            return
        self._start()
        rows = self._ray.data.from_items(
            [{"place": place} for place in range(len(items))],
            override_num_blocks=self._blocks(items),
        )
        known = self._ray.put(list(items))

        def apply(row: dict[str, Any]) -> dict[str, Any]:
            import pickle

            import ray

            result = work(ray.get(known)[int(row["place"])])
            return {"place": row["place"], "result": pickle.dumps(result)}

        import pickle

        for row in rows.map(apply).iter_rows():
            yield items[int(row["place"])], pickle.loads(row["result"])

    def _blocks(self, items: Sequence[T]) -> int:
        """Small blocks: progress shows early and a lost node costs little."""
        return max(1, min(len(items), max(4 * self.workers, len(items) // 64)))

    def _start(self) -> None:
        if self._ray.is_initialized():
            return
        context = self._ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        here = {"num_cpus": self.workers, "include_dashboard": False}
        where = {"address": self.address} if self.address else here
        try:
            self._ray.init(**where, log_to_driver=False)
        except Exception as error:  # Ray raises bare ones when a node does not come up
            raise EndpointError(
                f"Ray at {self.address or 'this machine'} did not start ({error}); finished photos are kept"
            ) from error


def engine_named(name: str, workers: int, address: str | None = None) -> Engine:
    """The engine of a command line.

    Raises:
        ConfigError: unknown name, or an address without Ray.
    """
    if name == "ray":
        return RayEngine(workers, address)
    if name != "local":
        raise ConfigError(f"--engine is {name!r}, expected local or ray")
    if address is not None:
        raise ConfigError("--ray-address needs --engine ray")
    return LocalEngine(workers)
