"""The four tasks: questions, answers, parsers, positions, names, and a router for free questions."""

from iqa_spider.tasks.naming import Appearance, appearance, match_name, region_name, shrink_mask
from iqa_spider.tasks.parsers import ParsedAnswer, ParsedRegion, parse_answer, parse_regions
from iqa_spider.tasks.phrases import ALIASES, EFFECTS, PHRASE, find_categories
from iqa_spider.tasks.positions import POSITIONS, anchor, terms_of
from iqa_spider.tasks.questions import MARKED, POOLS, check_question, question_for, rating_question
from iqa_spider.tasks.reader import meaning, route
from iqa_spider.tasks.router import Route
from iqa_spider.tasks.wording import rough
from iqa_spider.tasks.writers import RATING_PREFIX, region_level, write_answer, write_rating

__all__ = [
    "ALIASES",
    "EFFECTS",
    "MARKED",
    "PHRASE",
    "POOLS",
    "POSITIONS",
    "RATING_PREFIX",
    "Appearance",
    "ParsedAnswer",
    "ParsedRegion",
    "Route",
    "anchor",
    "appearance",
    "check_question",
    "find_categories",
    "match_name",
    "meaning",
    "parse_answer",
    "parse_regions",
    "question_for",
    "rating_question",
    "region_level",
    "region_name",
    "rough",
    "route",
    "shrink_mask",
    "terms_of",
    "write_answer",
    "write_rating",
]
