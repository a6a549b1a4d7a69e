"""Waiting for a condition instead of sleeping."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(condition: Callable[[], T], seconds: float = 15) -> T:
    """Ask until the answer is true; return it. Raises AssertionError after *seconds*."""
    end = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < end, f"not so after {seconds} s"
        time.sleep(0.01)
    return answer
