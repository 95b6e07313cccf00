"""Before and after the asking: the folder of the written set, and its rows made of what is finished."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from iqa_spider.core import DatasetError, Sample
from iqa_spider.dataset.check import splits_of
from iqa_spider.dataset.files import replace_file, replacing
from iqa_spider.dataset.load import read_samples
from iqa_spider.dataset.renaming import apply_labels
from iqa_spider.dataset.samples import sample_to_json
from iqa_spider.dataset.writing.photo import WriteSettings, answer_path, in_words, names_of

__all__ = ["WriteSummary", "merge", "prepare"]


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


def prepare(folder: Path, out: Path, settings: WriteSettings) -> None:
    """Make ``out`` a copy of the set without samples (pictures are linked where the disk allows it)."""
    if out.resolve() == folder.resolve():
        raise DatasetError(f"--out {out} is the set itself; name another folder")
    splits_of(folder)
    for name in ("transcripts", "labels", "samples", "images"):
        (out / name).mkdir(parents=True, exist_ok=True)
    for torn in (*out.glob("transcripts/.*"), *out.glob("labels/.*")):
        torn.unlink()
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


def merge(folder: Path, out: Path, requests: int) -> WriteSummary:
    """Write the rows: names, answers where there are some, else the row as it was."""
    count: Counter[str] = Counter()
    names: dict[str, dict[int, str]] = {}
    with ExitStack() as stack:
        for split in splits_of(folder):
            rows = stack.enter_context(replacing(out / "samples" / f"{split}.jsonl"))
            for sample in read_samples(folder, split):
                if sample.photo not in names:
                    indices = range(len(sample.facts.regions))
                    names[sample.photo] = names_of(out, sample.photo, indices)
                final = _final(out, apply_labels(sample, names[sample.photo]), count)
                rows.write(f"{json.dumps(sample_to_json(final))}\n".encode())
    renamed = sum(len(found) for found in names.values())
    summary = WriteSummary(count["written"], count["rejected"], count["fallen"], count["kept"],
                           count["waiting"], renamed, requests)  # fmt: skip
    data = {**asdict(summary), "rejection_rate": round(summary.rejection_rate, 4)}
    data |= json.loads((out / "writing-settings.json").read_text())
    replace_file(out / "writing.json", json.dumps(data, indent=1).encode())
    return summary


def _final(out: Path, sample: Sample, count: Counter[str]) -> Sample:
    path = answer_path(out, sample)
    if not in_words(sample) or not path.exists():
        count["waiting" if in_words(sample) else "kept"] += 1
        return sample
    transcript = json.loads(path.read_text())
    count["rejected"] += bool(transcript["attempts"][0]["reasons"])
    if transcript["answer"] is None:
        count["fallen"] += 1
        return sample
    count["written"] += 1
    return replace(sample, answer=transcript["answer"], tags=(*sample.tags, "lmm"))
