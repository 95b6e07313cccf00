"""Write a whole set anew: labels a picture, answers a sample, with a limit on requests under way.

Every label and every transcript is a file that is written whole or not at all, and a finished one is not
asked for again: a killed run, a spent budget or a dead endpoint costs what was under way and no more.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from iqa_spider.core import DatasetError, EndpointError, ReplyError, Sample, SubTask, TextModel
from iqa_spider.dataset.check import splits_of
from iqa_spider.dataset.files import replace_file
from iqa_spider.dataset.load import read_samples
from iqa_spider.dataset.renaming import apply_labels
from iqa_spider.dataset.samples import sample_to_json
from iqa_spider.dataset.writing.answers import write_answer_with
from iqa_spider.dataset.writing.labels import ask_label

__all__ = ["WriteSettings", "WriteSummary", "write_set"]

T = TypeVar("T")
DEAD = 5
"""So many failed requests in a row, each after the client's own retries, mean that the endpoint is gone."""


@dataclass(frozen=True, slots=True)
class WriteSettings:
    """``model`` names it in transcripts; ``tries`` replies a sample; ``requests`` is the budget of this run."""

    model: str
    tries: int = 2
    max_tokens: int = 400
    concurrency: int = 8
    requests: int | None = None


@dataclass(frozen=True, slots=True)
class WriteSummary:
    """What became of the samples. ``rejected`` first replies contradicted the facts; ``fallen`` in the end
    were written from facts; ``kept`` have a fixed form; ``waiting`` were not reached."""

    written: int
    rejected: int
    fallen: int
    kept: int
    waiting: int
    renamed: int
    requests: int

    @property
    def rejection_rate(self) -> float:
        asked = self.written + self.fallen
        return self.rejected / asked if asked else 0.0


class _BudgetSpent(Exception):
    """Internal: no request may be made any more."""


class _Meter:
    """A text model that counts its requests and stops at the budget or when the endpoint is gone."""

    def __init__(self, model: TextModel, budget: int | None) -> None:
        self.model, self.budget, self.spent, self.failures = model, budget, 0, 0
        self.error: EndpointError | None = None
        self._lock = threading.Lock()

    def complete(self, messages: Sequence[dict[str, Any]], *, max_tokens: int = 512) -> str:
        with self._lock:
            if self.error is not None or (self.budget is not None and self.spent >= self.budget):
                raise _BudgetSpent
            self.spent += 1
        try:
            reply = self.model.complete(messages, max_tokens=max_tokens)
        except ReplyError:
            self.failures = 0
            raise
        except EndpointError as error:
            with self._lock:
                self.failures += 1
                if self.failures >= DEAD:
                    self.error = error
            raise
        self.failures = 0
        return reply


def write_set(
    folder: Path,
    out: Path,
    model: TextModel,
    settings: WriteSettings,
    look: Callable[[Path], str],
    *,
    on_sample: Callable[[int, int], None] = lambda done, total: None,
) -> WriteSummary:
    """Write the set of ``folder`` anew into ``out``; ``look`` turns a picture's path into a URL.

    Raises:
        EndpointError: the endpoint is gone; what was finished is kept, the same command goes on.
        DatasetError: ``out`` was begun with other settings.
    """
    _prepare(folder, out, settings)
    meter = _Meter(model, settings.requests)
    samples = [s for split in splits_of(folder) for s in read_samples(folder, split)]
    names, unnamed = _labels(folder, out, samples, meter, settings, look)
    samples = [apply_labels(s, names.get(s.photo, {})) for s in samples]
    asked = [s for s in samples if _in_words(s)]

    def answer(sample: Sample) -> None:
        transcript = write_answer_with(
            meter, sample, look(folder / sample.image), name=settings.model, tries=settings.tries,
            max_tokens=settings.max_tokens,
        )  # fmt: skip
        replace_file(_path(out, sample), json.dumps(transcript.to_json(), indent=1).encode())

    waiting = [s for s in asked if s.photo not in unnamed and not _path(out, s).exists()]
    done = sum(_path(out, s).exists() for s in asked)
    for number, _ in enumerate(_run(answer, waiting, settings.concurrency), 1):
        on_sample(done + number, len(asked))
    summary = _merge(out, samples, names, meter.spent)
    if meter.error is not None:
        raise EndpointError(
            f"{meter.error}; {summary.written + summary.fallen} of {len(asked)} answers are done, run the "
            "same command to go on"
        )
    return summary


def _in_words(sample: Sample) -> bool:
    """Short patterns and ratings have a fixed form that is scored word by word: those stay."""
    return sample.subtask is not SubTask.SHORT and "rating" not in sample.tags


def _path(out: Path, sample: Sample) -> Path:
    return out / "transcripts" / f"{sample.id}.json"


def _prepare(folder: Path, out: Path, settings: WriteSettings) -> None:
    if out.resolve() == folder.resolve():
        raise DatasetError(f"--out {out} is the set itself; name another folder")
    splits_of(folder)
    for name in ("transcripts", "labels", "samples", "images"):
        (out / name).mkdir(parents=True, exist_ok=True)
    chosen = {"model": settings.model, "tries": settings.tries, "max_tokens": settings.max_tokens}
    path = out / "writing-settings.json"
    if path.exists() and json.loads(path.read_text()) != chosen:
        raise DatasetError(f"{out}: was begun with other settings ({path.name}); name a new --out")
    replace_file(path, json.dumps(chosen).encode())
    for name in ("recipes.jsonl", "settings.json", "stats.json", "skipped.tsv"):
        if (folder / name).exists():
            shutil.copyfile(folder / name, out / name)
    for image in sorted((folder / "images").iterdir()):
        goal = out / "images" / image.name
        if not goal.exists():
            _link(image, goal)


def _link(source: Path, goal: Path) -> None:
    try:
        os.link(source, goal)
    except OSError:  # another disk, or one that knows no links
        shutil.copyfile(source, goal)


def _labels(
    folder: Path,
    out: Path,
    samples: list[Sample],
    meter: _Meter,
    settings: WriteSettings,
    look: Callable[[Path], str],
) -> tuple[dict[str, dict[int, str]], set[str]]:
    """Names by photo and region, asked for where a sample shows the region's mask.

    Also the photos whose names are not all asked for yet: their answers wait, so that an answer and its
    facts call a region by one name.
    """
    wanted: dict[tuple[str, int], Sample] = {}
    for sample in samples:
        if sample.facts.target is not None and (sample.mask or sample.region):
            wanted.setdefault((sample.photo, sample.facts.target), sample)

    def label(item: tuple[tuple[str, int], Sample]) -> None:
        (photo, index), sample = item
        region, rle = sample.facts.regions[index], sample.mask or sample.region
        assert rle is not None
        name, reply = ask_label(meter, region, rle, look(folder / sample.image))
        row = {"was": region.name, "name": name, "reply": reply}
        replace_file(out / "labels" / f"{photo}-{index}.json", json.dumps(row).encode())

    def path(key: tuple[str, int]) -> Path:
        return out / "labels" / f"{key[0]}-{key[1]}.json"

    waiting = [item for item in wanted.items() if not path(item[0]).exists()]
    for _ in _run(label, waiting, settings.concurrency):
        pass
    names: dict[str, dict[int, str]] = {}
    for key in wanted:
        name = json.loads(path(key).read_text())["name"] if path(key).exists() else None
        if name is not None:
            names.setdefault(key[0], {})[key[1]] = name
    return names, {photo for photo, index in wanted if not path((photo, index)).exists()}


def _run(function: Callable[[T], None], items: Iterable[T], limit: int) -> Iterator[T]:
    """Run in ``limit`` threads, never more than that begun; yields what is finished.

    An `EndpointError` leaves its item for the next run; a spent budget or a dead endpoint ends this one.
    """
    queue = iter(items)
    running: dict[Future[None], T] = {}
    with ThreadPoolExecutor(limit) as pool:
        stopped = False
        while True:
            while not stopped and len(running) < limit and (item := next(queue, None)) is not None:
                running[pool.submit(function, item)] = item
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                item = running.pop(future)
                error = future.exception()
                if error is None:
                    yield item
                elif isinstance(error, _BudgetSpent):
                    stopped = True
                elif not isinstance(error, EndpointError):
                    raise error


def _merge(
    out: Path, samples: list[Sample], names: dict[str, dict[int, str]], requests: int
) -> WriteSummary:
    count: Counter[str] = Counter()
    rows: dict[str, list[str]] = {}
    for sample in samples:
        final = _final(out, sample, count)
        rows.setdefault(sample.split, []).append(json.dumps(sample_to_json(final)))
    for split, lines in rows.items():
        text = "".join(f"{line}\n" for line in lines)
        replace_file(out / "samples" / f"{split}.jsonl", text.encode())
    renamed = sum(len(found) for found in names.values())
    summary = WriteSummary(count["written"], count["rejected"], count["fallen"], count["kept"],
                           count["waiting"], renamed, requests)  # fmt: skip
    data = {**asdict(summary), "rejection_rate": round(summary.rejection_rate, 4)}
    data |= json.loads((out / "writing-settings.json").read_text())
    replace_file(out / "writing.json", json.dumps(data, indent=1).encode())
    return summary


def _final(out: Path, sample: Sample, count: Counter[str]) -> Sample:
    path = _path(out, sample)
    if not _in_words(sample) or not path.exists():
        count["waiting" if _in_words(sample) else "kept"] += 1
        return sample
    transcript = json.loads(path.read_text())
    count["rejected"] += bool(transcript["attempts"][0]["reasons"])
    if transcript["answer"] is None:
        count["fallen"] += 1
        return sample
    count["written"] += 1
    return replace(sample, answer=transcript["answer"], tags=(*sample.tags, "lmm"))
