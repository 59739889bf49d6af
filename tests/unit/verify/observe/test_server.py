"""What is read of a running server for its record."""

from types import SimpleNamespace
from typing import Any, cast

from verify.observe.server import LOG_AT_MOST, log_of


def test_of_a_long_log_the_end_is_kept() -> None:
    lines = [f"{number} {'x' * 400}\n".encode() for number in range(60)]
    api = SimpleNamespace(logs=lambda *_arguments, **_options: iter(lines))
    kept = log_of(cast("Any", SimpleNamespace(api=api)), "c")
    assert len(kept) == LOG_AT_MOST
    assert kept.splitlines()[-1].startswith("59 ")
