"""Answers that another model has given already, read from its own files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from iqa_spider.core import SpiderError, open_picture
from iqa_spider.evaluation.bench.items import Item, Reply
from iqa_spider.evaluation.examinees.base import Answered
from iqa_spider.evaluation.examinees.formats import FORMATS
from iqa_spider.evaluation.examinees.texts import TextClicker
from iqa_spider.evaluation.store import digest

__all__ = ["FileExaminee"]


class FileExaminee:
    """Follows `Examinee`. An item that a file of words leaves out has failed; one without a mask has none."""

    def __init__(
        self, form: str, path: Path, items: Sequence[Item], clicker: TextClicker | None
    ) -> None:
        self.name, self.path = form, path
        self.form, self.clicker = FORMATS[form], clicker
        self.replies = self.form.read(path, items)

    @property
    def abilities(self) -> frozenset[str]:
        grounds = ("mask", "point") if self.clicker else ()
        return self.form.abilities | frozenset(grounds)

    def describe(self) -> dict[str, Any]:
        content = {id: asdict(reply) for id, reply in self.replies.items()}
        clicker = self.clicker.describe() if self.clicker else None
        return {"name": self.name, "answers": digest(content), "grounding": clicker}

    def answer(self, data: Path, items: Sequence[Item]) -> Iterator[Answered]:
        for item in items:
            yield Answered(item, self._reply(data, item))

    def _reply(self, data: Path, item: Item) -> Reply:
        found = self.replies.get(item.id)
        if found is None:
            if "text" not in self.form.abilities:
                return Reply()
            return Reply(error=f"{self.path.name} holds no answer to item {item.id}")
        if self.clicker is None or not item.wants_mask:
            return found
        try:
            return self.clicker.ground(found, open_picture(data / item.image))
        except SpiderError as error:
            return Reply(error=str(error))
