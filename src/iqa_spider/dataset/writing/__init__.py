"""Questions and answers in the words of a language model, held to the facts."""

from iqa_spider.dataset.writing.answers import Transcript, write_answer_with
from iqa_spider.dataset.writing.labels import ask_label
from iqa_spider.dataset.writing.run import WriteSettings, WriteSummary, write_set

__all__ = [
    "Transcript",
    "WriteSettings",
    "WriteSummary",
    "ask_label",
    "write_answer_with",
    "write_set",
]
