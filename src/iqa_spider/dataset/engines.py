"""Where work runs: in this process, in processes or threads beside it, or on Ray Data.

An engine yields ``(item, result)`` in whatever order results come; what is made of them is put in the order of
the items, so that the engine changes no byte. What the work raises comes out as itself. The work reads and
writes its own files: on a cluster the folders must lie on a disk that every node sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Generic, Protocol, TypeVar

from iqa_spider.core import ConfigError, EngineError

__all__ = ["Engine", "LocalEngine", "ThreadEngine", "engine_named", "in_order"]

T = TypeVar("T")
R = TypeVar("R")


class Engine(Protocol):
    """Runs a picklable function on items. Closing the iterator drops what has not begun."""

    def run(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[T, R]]: ...


@dataclass(frozen=True)
class LocalEngine:
    """This process with one worker, else processes beside it."""

    workers: int = 1

    def run(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[T, R]]:
        if self.workers <= 1:
            for item in items:
                yield item, work(item)
            return
        try:
            yield from _pooled(
                ProcessPoolExecutor(self.workers, mp_context=get_context("spawn")), work, items
            )
        except BrokenProcessPool as error:
            raise EngineError(
                "a worker was killed (out of memory?); what is finished is kept, run the same command "
                f"with fewer --workers than {self.workers}"
            ) from error


@dataclass(frozen=True)
class ThreadEngine:
    """Threads of this process: for work that waits for a server."""

    threads: int = 8

    def run(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[T, R]]:
        yield from _pooled(ThreadPoolExecutor(max(1, self.threads)), work, items)


def _pooled(pool: Executor, work: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[T, R]]:
    try:
        jobs = {pool.submit(work, item): item for item in items}
        for job in as_completed(jobs):
            yield jobs.pop(job), job.result()
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Numbered(Generic[T, R]):
    work: Callable[[T], R]

    def __call__(self, item: tuple[int, T]) -> R:
        return self.work(item[1])


def in_order(engine: Engine, work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """Results in the order of the items; those that come early are held until their turn."""
    early: dict[int, R] = {}
    turn = 0
    for (number, _), result in engine.run(_Numbered(work), list(enumerate(items))):
        early[number] = result
        while turn in early:
            yield early.pop(turn)
            turn += 1


def engine_named(
    name: str, workers: int, address: str | None = None, *, threads: int | None = None
) -> Engine:
    """The engine of a command line; ``threads`` at most are under way in all where work waits for a server.

    Raises:
        ConfigError: unknown name, or an address without Ray.
        MissingExtraError: Ray is not installed.
    """
    if name == "ray":
        from iqa_spider.dataset.ray_engine import RayEngine

        if threads is None:
            return RayEngine(workers, address)
        tasks = min(max(1, workers), max(1, threads))
        return RayEngine(workers, address, threads=max(1, threads) // tasks, tasks=tasks)
    if name != "local":
        raise ConfigError(f"--engine is {name!r}, expected local or ray")
    if address is not None:
        raise ConfigError("--ray-address needs --engine ray")
    return LocalEngine(workers) if threads is None else ThreadEngine(threads)
