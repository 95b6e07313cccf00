"""Which task a free question is, by rules: words decide, typos forgiven.

The reader (`reader.py`) takes what the rules say as one clue among others.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from iqa_spider.core import Category, SubTask, Task
from iqa_spider.tasks.hints import asked_categories
from iqa_spider.tasks.phrases import ALIASES
from iqa_spider.tasks.questions import check_question

__all__ = ["Route", "mend", "route_by_rules"]

_MOST: Final = re.compile(
    r"\b(most|worst|highest|strongest|heaviest|greatest|maximum|max|biggest|poorest|lowest quality|"
    r"exceeds|more than any other|severest|heavily|noisiest|blurriest|grainiest|least quality|repair first|"
    r"drops the most|at its worst)\b"
)
_LEAST: Final = re.compile(
    r"\b(least|best|lowest|weakest|lightest|minimal|minimum|min|smallest|mildest|cleanest|slightest|"
    r"hardly visible|less than any other|only slight|only lightly|highest quality|"
    r"sharpest|finest|stays below|fine)\b"
)
_LOW_QUALITY: Final = re.compile(r"\b(lowest|least|poorest|worst)\s+(overall\s+)?quality\b")
_HIGH_QUALITY: Final = re.compile(r"\b(highest|most|best|finest)\s+(overall\s+)?quality\b")
_LESS_MOST: Final = re.compile(r"\bmost\s+(negligible|minor|slight)\b|\bneeds? repair the least\b")
_WHERE: Final = re.compile(
    r"\b(where|which one|which (\w+\s+)?(region|area|part|bit|spot|place|object|section)|"
    r"what (\w+\s+)?(region|area|part|spot|place|section)|point (at|to|out)|"
    r"pinpoint|locate|find|show|highlight|segment|mask|name the (region|area|part)|"
    r"(identify|determine|tell me) (which|the) [\w\s]*?(region|area|part|object)|region (with|where)|"
    r"whats the (worst|best) part|(worst|best) (area|part|region))\b"
)
_FIRST: Final = re.compile(
    r"\b(first|initial|initially|begins?|starts?|start|started|earliest|beginning|initiates?)\b"
)
_LAST: Final = re.compile(
    r"\b(last|final|finally|ends?|ended|finish(es)?|latest|lastly|after everything)\b"
)
_THEN: Final = re.compile(
    r"\b(then|followed by|before|after|afterwards|and after that|second|on top of|order|sequence|"
    r"subsequently|later|finish(es)? with|ends? with)\b"
)
_REVERSED: Final = re.compile(r"\b(after|on top of|preceded by)\b")
_LONG: Final = re.compile(
    r"\b(effects?|impact|explain|elaborate|describe|detail|how does it look|do to it|consequences?)\b"
)
_DESCRIBE: Final = re.compile(
    r"\b(describe|description|quality|explain|assess|review|report|analy[sz]e|evaluat\w*|comment|"
    r"how (good|does|is|are|would)|tell me about|look|examine|preserved|condition)\b"
)
_WRONG: Final = re.compile(
    r"\b(wrong|distortions?|degradations?|flaws?|defects?|artifacts?|artefacts?|issues?|problems?|"
    r"happened|harmed|hurts?|damage|damaged|suffer|ok)\b"
)
_RATE: Final = re.compile(
    r"\b(rate|rating|score|grade|level of quality|quality level|good or bad|how high|mos)\b"
    r"|\bwhat is the (overall )?quality of the (picture|image|photo)\b"
)
_WHOLE: Final = re.compile(
    r"\b((this|the|whole|entire|evaluated|your|overall|full)\s+)+(image|picture|photo|photograph)\b(?! quality)"
    r"|^\W*(how|what)"
    r" (does|do you think of|is) (this|it)\b"
)
_PLACE: Final = re.compile(
    r"\b(region|area|part|corner|side|object|background|foreground|sky|grass|water|face|person|people|"
    r"building|tree|trees|road|ground|top|bottom|left|right|upper|lower|section|bit|spot)\b"
)
_OF_PART: Final = re.compile(
    r"\b(of|in|about|with|at|to|does|is|has|describe|examine|review) (the|this|that|my) "
    r"(?!(whole |entire |overall |full |evaluated |visual )*(image|picture|photo|photograph|quality|"
    r"distortion|distortions|two|main|chief|one|strengths|flaws|degradations?|best|worst|order)\b)\w+"
)

_VOCABULARY: Final = sorted(
    {
        *"which where region area part first then followed before after last quality picture image".split(),
        *"degraded degradation distortion distortions describe rate overall strongest weakest".split(),
        *"worst least highest lowest damaged effects explain sequence begins final".split(),
        *(w for names in ALIASES.values() for name in names for w in name.split() if len(w) > 4),
    }
)


@dataclass(frozen=True, slots=True)
class Route:
    """The task of a question, and for grounding what it asks for."""

    task: Task
    subtask: SubTask | None = None
    extremum: str | None = None
    asked: tuple[Category, ...] = ()
    order: str | None = None
    rating: bool = False


@lru_cache(maxsize=4096)
def mend(question: str) -> str:
    """Lower case, with misspelt key words replaced by the nearest one."""

    def fix(match: re.Match[str]) -> str:
        word = match.group()
        if len(word) < 5 or word in _VOCABULARY:
            return word
        near = difflib.get_close_matches(word, _VOCABULARY, 1, 0.8)
        return near[0] if near and near[0][0] == word[0] else word

    return re.sub(r"[a-z]+", fix, question.lower())


def _extremum(text: str) -> str | None:
    if _LOW_QUALITY.search(text):
        return "most"
    if _HIGH_QUALITY.search(text) or _LESS_MOST.search(text):
        return "least"
    most, least = _MOST.search(text), _LEAST.search(text)
    if most and least:  # "the least severe blur", "lowest level of most ...": the first word rules
        return "most" if most.start() < least.start() else "least"
    return "most" if most else "least" if least else None


def _order(text: str, asked: tuple[Category, ...]) -> tuple[str, tuple[Category, ...]] | None:
    if len(asked) >= 2 and (_THEN.search(text) or _FIRST.search(text) or _LAST.search(text)):
        pair = asked[:2]
        straight = re.search(r"\bcame after it\b|\bafter that\b|\band after\b", text)
        if _REVERSED.search(text) and not straight and not re.search(r"\bfirst\b|\bthen\b", text):
            pair = (pair[1], pair[0])
        return "full", pair
    if len(asked) == 1 and (first := _FIRST.search(text) or re.search(r"before (any|every)", text)):
        if not (_LAST.search(text) and first is None):
            return "first", asked
    if len(asked) == 1 and _LAST.search(text):
        return "last", asked
    return None


def _grounding(text: str, asked: tuple[Category, ...]) -> Route | None:
    """Grounding asks *for* a region, by order, by one distortion's intensity, or by all together."""
    order = _order(text, asked)
    if order and (_WHERE.search(text) or order[0] == "full" or ":" in text):
        return Route(Task.GROUNDING, SubTask.DAO, None, order[1], order[0])
    extremum = _extremum(text)
    if asked and (extremum or _WHERE.search(text)):
        return Route(Task.GROUNDING, SubTask.SID, extremum or "most", asked[:1])
    if extremum and _WHERE.search(text):
        return Route(Task.GROUNDING, SubTask.HYD, extremum)
    return None


def route_by_rules(question: str, *, has_region: bool = False) -> Route:
    """Find the task of a question by rules; ``has_region`` says that a box or mask came with it.

    Raises:
        QuestionError: the question is empty or too long.
    """
    text = mend(check_question(question))
    asked = asked_categories(text)
    if not has_region and (found := _grounding(text, asked)):
        return found
    part = has_region or bool(_OF_PART.search(text)) or bool(_PLACE.search(text))
    whole = not has_region and bool(_WHOLE.search(text))
    if not has_region and _RATE.search(text):
        return Route(Task.GLOBAL, rating=True)
    if _WRONG.search(text) and (has_region or not whole or re.search(r"short|phrase|main", text)):
        if part or whole or re.search(r"short|phrase", text):
            long = _LONG.search(text) and not re.search(r"\b(short|brief\w*)\b", text)
            return Route(Task.REFERRING, SubTask.LONG if long else SubTask.SHORT)
    if part and not (whole and not has_region) and _DESCRIBE.search(text):
        return Route(Task.LOCAL)
    if has_region:
        return Route(Task.REFERRING, SubTask.SHORT)
    if _WHERE.search(text) and not asked and _WRONG.search(text):
        return Route(Task.GROUNDING, SubTask.HYD, "most")
    return Route(Task.GLOBAL)
