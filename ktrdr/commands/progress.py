"""Shows progress on standard error: a bar that moves on a terminal, a line for each step elsewhere."""

import shutil
import sys
from typing import Final

BAR: Final = 24
EVERY: Final = 10.0
"""Percent: without a terminal, a step is told again after so many."""


class Progress:
    """The progress of one operation."""

    def __init__(self) -> None:
        self._moves = sys.stderr.isatty()
        self._drawn = ""
        self._step: str | None = None
        self._told = 0.0

    def show(self, percentage: float, step: str) -> None:
        """Show a percentage from 0 to 100, and the present step."""
        if self._moves:
            self._draw(f"{'#' * round(BAR * percentage / 100):-<{BAR}} {percentage:5.1f} % {step}")
        elif step != self._step or percentage >= self._told + EVERY:
            self._step, self._told = step, percentage
            print(f"{percentage:5.1f} % {step}", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Remove the bar."""
        if self._drawn:
            sys.stderr.write(f"\r{'':{len(self._drawn)}}\r")
            sys.stderr.flush()
            self._drawn = ""

    def _draw(self, line: str) -> None:
        line = line[: shutil.get_terminal_size().columns - 1]
        if line != self._drawn:
            sys.stderr.write(f"\r{line:{len(self._drawn)}}")
            sys.stderr.flush()
            self._drawn = line
