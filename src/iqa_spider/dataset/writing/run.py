"""Write a whole set anew, photo by photo, on any engine.

Every name and every transcript is a file that is written whole or not at all, and a finished one is not
asked for again: a killed run, a spent budget or a dead endpoint costs what was under way and no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from iqa_spider.core import EndpointError, Sample, TextModel
from iqa_spider.dataset.check import splits_of
from iqa_spider.dataset.engines import Engine, ThreadEngine
from iqa_spider.dataset.load import scan_samples
from iqa_spider.dataset.writing.merge import WriteSummary, merge, prepare
from iqa_spider.dataset.writing.photo import (
    PhotoJob,
    PhotoWriter,
    WriteSettings,
    answer_path,
    in_words,
    label_path,
)

__all__ = ["WriteSettings", "WriteSummary", "write_set"]

DEAD: Final = 5
"""So many photos in a row that failed, each after the client's own retries, mean that the endpoint is gone."""


def write_set(
    folder: Path,
    out: Path,
    model: TextModel,
    settings: WriteSettings,
    look: Callable[[Path], str],
    *,
    engine: Engine | None = None,
    on_sample: Callable[[int, int], None] = lambda done, total: None,
) -> WriteSummary:
    """Write the set of ``folder`` anew into ``out``; ``look`` turns a picture's path into a URL.

    ``engine`` says where; without it ``settings.concurrency`` threads here. On other processes ``model`` and
    ``look`` must be picklable.

    Raises:
        EndpointError: the endpoint is gone; what was finished is kept, the same command goes on.
        DatasetError: ``out`` was begun with other settings.
    """
    prepare(folder, out, settings)
    jobs, done, total = _jobs(folder, out, settings)
    on_sample(done, total)
    run = _Run(settings.requests, done, lambda count: on_sample(count, total))
    work = PhotoWriter(folder.resolve(), out.resolve(), model, settings, look)
    run.all(engine or ThreadEngine(settings.concurrency), work, jobs)
    summary = merge(folder, out, run.requests)
    if run.error is not None:
        raise EndpointError(
            f"{run.error}; {summary.written + summary.fallen} of {total} answers are done, run the same "
            "command to go on"
        )
    return summary


def _jobs(folder: Path, out: Path, settings: WriteSettings) -> tuple[list[PhotoJob], int, int]:
    """Photos with something left to ask and the most that it takes; answers done; answers in all."""
    places: dict[str, list[tuple[str, int]]] = {}
    most: dict[str, int] = {}
    unnamed: set[tuple[str, int]] = set()
    done = total = 0
    for split in splits_of(folder):
        for start, sample in scan_samples(folder, split):
            places.setdefault(sample.photo, []).append((split, start))
            key = _unnamed(out, sample)
            if key is not None and key not in unnamed:
                unnamed.add(key)
                most[sample.photo] = most.get(sample.photo, 0) + 1
            if in_words(sample):
                finished = answer_path(out, sample).exists()
                done, total = done + finished, total + 1
                if not finished:
                    most[sample.photo] = most.get(sample.photo, 0) + settings.dialogue
    jobs = [PhotoJob(photo, tuple(places[photo]), count, count) for photo, count in most.items()]
    return jobs, done, total


def _unnamed(out: Path, sample: Sample) -> tuple[str, int] | None:
    target = sample.facts.target
    if target is None or not (sample.mask or sample.region):
        return None
    return None if label_path(out, sample.photo, target).exists() else (sample.photo, target)


@dataclass
class _Run:
    """Hands out jobs in waves that cannot overrun the budget, until all is done, spent or dead.

    Which photos a budget reaches depends on the requests made and not on the order in which they end.
    """

    budget: int | None
    answers: int
    report: Callable[[int], None]
    requests: int = 0
    error: str | None = None
    """Set when the run ended for want of an endpoint."""

    def all(self, engine: Engine, work: PhotoWriter, jobs: list[PhotoJob]) -> None:
        waiting, failed, last = jobs, list[PhotoJob](), None
        while waiting:
            wave, rest = self._wave(waiting)
            before = self.requests
            unfinished, broken, last = self._carry_out(engine, work, wave)
            if self.error is not None or self.requests == before:
                return  # dead, or what is left of the budget is too little for anything
            failed += broken
            waiting = unfinished + rest
            if not waiting and len(failed) < len(jobs):  # others went well since: try those again
                waiting, jobs, failed = failed, failed, []
        self.error = last if failed else None

    def _wave(self, waiting: list[PhotoJob]) -> tuple[list[PhotoJob], list[PhotoJob]]:
        if self.budget is None:
            return waiting, []
        wave, room = list[PhotoJob](), self.budget - self.requests
        for job in waiting:
            if room <= 0:
                break
            wave.append(replace(job, allowance=min(job.most, room)))
            room -= wave[-1].allowance
        return wave, waiting[len(wave) :]

    def _carry_out(
        self, engine: Engine, work: PhotoWriter, wave: list[PhotoJob]
    ) -> tuple[list[PhotoJob], list[PhotoJob], str | None]:
        """Jobs to go on with, jobs that the endpoint failed, and its last error."""
        unfinished, broken, row, last = list[PhotoJob](), list[PhotoJob](), 0, None
        for job, outcome in engine.run(work, wave):
            self.requests += outcome.requests
            self.answers += outcome.answers
            self.report(self.answers)
            row = 0 if outcome.error is None else row + 1
            if outcome.error is not None:
                last = outcome.error
                broken.append(job)
            elif not outcome.complete:
                unfinished.append(job)
            if row >= DEAD:
                self.error = last
                break
        return unfinished, broken, last
