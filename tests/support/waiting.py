"""Waits for a condition, with a deadline."""

import time
from collections.abc import Callable
from typing import Any

import pytest

OFTEN = 0.05  # seconds between two looks at a condition


def until(what: str, ask: Callable[[], Any], seconds: float = 120.0) -> Any:
    """Ask until the answer is true; fails, saying what was waited for, when it is not within the deadline."""
    end = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds:.0f} s for: {what}", pytrace=False)
        time.sleep(OFTEN)
    return answer
