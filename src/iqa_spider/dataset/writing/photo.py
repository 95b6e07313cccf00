"""What is asked for one photo: first the names of its regions, then its answers, a file for each.

A photo is the unit of the work: its answers wait for its names, so that an answer and its facts call a
region by one name. It is written where the engine runs it, with an allowance of requests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iqa_spider.core import EndpointError, Sample, SubTask, TextModel
from iqa_spider.dataset.files import replace_file
from iqa_spider.dataset.load import read_samples_at
from iqa_spider.dataset.renaming import apply_labels
from iqa_spider.dataset.writing.answers import write_answer_with
from iqa_spider.dataset.writing.labels import ask_label

__all__ = [
    "PhotoJob",
    "PhotoOutcome",
    "PhotoWriter",
    "WriteSettings",
    "answer_path",
    "in_words",
    "label_path",
    "names_of",
    "shown_regions",
]


@dataclass(frozen=True, slots=True)
class WriteSettings:
    """``model`` names it in transcripts; ``tries`` replies a sample; ``requests`` is the budget of this run."""

    model: str
    tries: int = 2
    max_tokens: int = 400
    concurrency: int = 8
    requests: int | None = None

    @property
    def dialogue(self) -> int:
        """Requests that an answer may take: two rounds and the tries."""
        return 2 + self.tries


@dataclass(frozen=True, slots=True)
class PhotoJob:
    """A photo whose rows start at ``places`` (split, byte), the ``most`` requests it takes, those allowed."""

    photo: str
    places: tuple[tuple[str, int], ...]
    most: int
    allowance: int


@dataclass(frozen=True, slots=True)
class PhotoOutcome:
    """Requests made and answers finished; ``complete`` if nothing of the photo is left to ask."""

    requests: int
    answers: int
    complete: bool
    error: str | None = None


class _Meter:
    """A text model that counts its requests."""

    def __init__(self, model: TextModel, allowance: int) -> None:
        self.model, self.left, self.spent = model, allowance, 0

    def complete(self, messages: Sequence[dict[str, Any]], *, max_tokens: int = 512) -> str:
        self.left, self.spent = self.left - 1, self.spent + 1
        return self.model.complete(messages, max_tokens=max_tokens)


@dataclass(frozen=True)
class PhotoWriter:
    """Asks for what a photo of the set at ``folder`` lacks; ``look`` turns a picture's path into a URL."""

    folder: Path
    out: Path
    model: TextModel
    settings: WriteSettings
    look: Callable[[Path], str]

    def __call__(self, job: PhotoJob) -> PhotoOutcome:
        """An endpoint that fails ends the photo: what is finished stays, and the error is in the outcome."""
        samples = [
            sample
            for split, start in job.places
            for sample in read_samples_at(self.folder, split, [start])
        ]
        meter, answers = _Meter(self.model, job.allowance), 0
        try:
            complete = self._labels(job.photo, samples, meter)
            for sample in self._unanswered(job.photo, samples) if complete else ():
                if meter.left < self.settings.dialogue:
                    complete = False
                    break
                self._answer(sample, meter)
                answers += 1
        except EndpointError as error:
            return PhotoOutcome(meter.spent, answers, False, str(error))
        return PhotoOutcome(meter.spent, answers, complete)

    def _labels(self, photo: str, samples: list[Sample], meter: _Meter) -> bool:
        for index, sample in shown_regions(samples).items():
            path = label_path(self.out, photo, index)
            if path.exists():
                continue
            if meter.left < 1:
                return False
            region, rle = sample.facts.regions[index], sample.mask or sample.region
            assert rle is not None
            url = self.look(self.folder / sample.image)
            name, reply = ask_label(meter, region, rle, url)
            row = {"was": region.name, "name": name, "reply": reply}
            replace_file(path, json.dumps(row).encode())
        return True

    def _unanswered(self, photo: str, samples: list[Sample]) -> list[Sample]:
        names = names_of(self.out, photo, shown_regions(samples))
        return [
            apply_labels(sample, names)
            for sample in samples
            if in_words(sample) and not answer_path(self.out, sample).exists()
        ]

    def _answer(self, sample: Sample, meter: _Meter) -> None:
        settings = self.settings
        transcript = write_answer_with(
            meter,
            sample,
            self.look(self.folder / sample.image),
            name=settings.model,
            tries=settings.tries,
            max_tokens=settings.max_tokens,
        )
        data = json.dumps(transcript.to_json(), indent=1).encode()
        replace_file(answer_path(self.out, sample), data)


def in_words(sample: Sample) -> bool:
    """Short patterns and ratings have a fixed form that is scored word by word: those stay."""
    return sample.subtask is not SubTask.SHORT and "rating" not in sample.tags


def shown_regions(samples: Iterable[Sample]) -> dict[int, Sample]:
    """Regions of one photo whose mask a sample shows, each with the first such sample."""
    wanted: dict[int, Sample] = {}
    for sample in samples:
        if sample.facts.target is not None and (sample.mask or sample.region):
            wanted.setdefault(sample.facts.target, sample)
    return wanted


def answer_path(out: Path, sample: Sample) -> Path:
    return out / "transcripts" / f"{sample.id}.json"


def label_path(out: Path, photo: str, index: int) -> Path:
    return out / "labels" / f"{photo}-{index}.json"


def names_of(out: Path, photo: str, indices: Iterable[int]) -> dict[int, str]:
    """Names that were given to regions of a photo so far."""
    paths = {index: label_path(out, photo, index) for index in indices}
    rows = {i: json.loads(path.read_text()) for i, path in paths.items() if path.exists()}
    return {index: row["name"] for index, row in rows.items() if row["name"] is not None}
