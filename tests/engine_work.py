"""Work for the tests of engines, apart from them: a spawned process imports it and nothing heavy."""

from __future__ import annotations

import os
import signal
import time

from iqa_spider.core.errors import DatasetError


def late(number):
    """The first items take longest, so that results come in the wrong order."""
    time.sleep(0.2 if number == 0 else 0.01)
    return number * number


def refuse(number):
    if number == 3:
        raise DatasetError("row 3: broken")
    return number


def die(number):
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number
