"""The tree of errors. Every error a user can cause names the file or flag and the mend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DatasetError",
    "DownloadError",
    "EndpointError",
    "EngineError",
    "MemoryLimitError",
    "MissingExtraError",
    "PartlyAnsweredError",
    "PictureError",
    "QuestionError",
    "RegionError",
    "ReplyError",
    "SpiderError",
    "StorageError",
    "TrainingError",
]


class SpiderError(Exception):
    """Base of all errors of this package. The command line prints it on one line and exits with 2."""


class PictureError(SpiderError):
    """A picture cannot be used: missing, truncated, too large, animated or not an image."""


class RegionError(SpiderError):
    """A box or mask does not fit its picture."""


class QuestionError(SpiderError):
    """A question is empty or longer than the model reads."""


class ConfigError(SpiderError):
    """A recipe, flag or configuration value is wrong; the message names the field."""


class DatasetError(SpiderError):
    """A data set folder or one of its rows cannot be read or written."""


class CheckpointError(SpiderError):
    """Weights are missing, incomplete or of another model; the message lists the keys."""


class DownloadError(SpiderError):
    """Something that has to be fetched could not be, or arrived damaged."""


class EndpointError(SpiderError):
    """A model behind an HTTP endpoint did not answer, or answered with an error; names its address."""


class ReplyError(EndpointError):
    """A model answered, but with nothing of use: empty or cut off. Asking again may help."""


class EngineError(SpiderError):
    """What runs the work (processes, Ray) broke down; the work itself is not to blame."""


class MemoryLimitError(SpiderError):
    """A model does not fit into memory; the message names the flags that make it smaller."""


class StorageError(SpiderError):
    """The disk refused: full, read-only or not permitted."""


class TrainingError(SpiderError):
    """A training run went wrong in a way that more of it cannot mend, such as a loss that is no number."""


class PartlyAnsweredError(SpiderError):
    """Some of several questions that were asked together failed; the others' answers are in here.

    ``outcomes`` holds a `Generation` or a `SpiderError` a question, in order.
    """

    def __init__(self, outcomes: Sequence[Any]) -> None:
        failed = [outcome for outcome in outcomes if isinstance(outcome, SpiderError)]
        super().__init__(
            f"{len(failed)} of {len(outcomes)} questions failed; the first: {failed[0]}"
        )
        self.outcomes = tuple(outcomes)


class MissingExtraError(SpiderError):
    """An optional dependency is not installed; the message carries the pip command."""

    def __init__(self, feature: str, extra: str) -> None:
        self.feature, self.extra = feature, extra
        super().__init__(f"{feature} needs an extra: pip install 'iqa-spider[{extra}]'")

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str]]:
        """Errors travel between processes; the inherited way would pass the message as ``feature``."""
        return type(self), (self.feature, self.extra)
