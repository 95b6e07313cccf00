"""Frozen value types, errors, protocols and seeds: what every other layer speaks in."""

from iqa_spider.core import answers, errors, facts, geometry, pictures, protocols, quality, seeds
from iqa_spider.core.answers import *  # noqa: F403
from iqa_spider.core.errors import *  # noqa: F403
from iqa_spider.core.facts import *  # noqa: F403
from iqa_spider.core.geometry import *  # noqa: F403
from iqa_spider.core.pictures import *  # noqa: F403
from iqa_spider.core.protocols import *  # noqa: F403
from iqa_spider.core.quality import *  # noqa: F403
from iqa_spider.core.seeds import *  # noqa: F403

__all__ = [
    *answers.__all__,
    *errors.__all__,
    *facts.__all__,
    *geometry.__all__,
    *pictures.__all__,
    *protocols.__all__,
    *quality.__all__,
    *seeds.__all__,
]
