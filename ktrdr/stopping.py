"""Long loops that ask whether to stop: a cancel takes effect within a part of a second, however long a series is."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import chain
from typing import Final, TypeVar

BLOCK: Final = 1 << 16
"""Values between two questions whether to stop: some hundredths of a second."""

Value = TypeVar("Value")

_question: ContextVar[Callable[[], None]] = ContextVar("question", default=lambda: None)


@contextmanager
def may_stop(check: Callable[[], None]) -> Iterator[None]:
    """Let the loops within that use `asking` call `check` every `BLOCK` values; it may raise to stop."""
    token = _question.set(check)
    try:
        yield
    finally:
        _question.reset(token)


def asking(values: Sequence[Value]) -> Iterator[Value]:
    """Yield the values, and ask before each block of them whether to stop."""
    return chain.from_iterable(blocks(values))


def blocks(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    """Yield the values in blocks, and ask before each whether to stop."""
    check = _question.get()
    for start in range(0, len(values), BLOCK):
        check()
        yield values[start : start + BLOCK]
