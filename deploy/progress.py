"""Shows long work while it happens: a line for each role on a terminal, plain lines anywhere else."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

STILL = 30.0  # seconds after which a plain line says that a step still runs
# How outcomes and states look on a terminal.
STYLES = {
    "built": "green",
    "failed": "red",
    "PASS": "green",
    "FAIL": "bold red",
    "ERROR": "red",
    "UNVERIFIED": "yellow",
    "SKIP": "dim",
}


@dataclass
class Line:
    """The line of one role."""

    state: str = "waiting"
    detail: str = ""
    started: float | None = None
    ended: float | None = None
    _told: tuple[float, str, str] = (0.0, "", "")

    @property
    def seconds(self) -> float:
        """Wall-clock seconds since something was first said of the role, until its work ended; 0 before."""
        return (self.ended or time.monotonic()) - self.started if self.started is not None else 0.0


class Progress:
    """The roles' lines; a context manager that leaves the final state on the screen."""

    def __init__(self, roles: Iterable[str], console: Console) -> None:
        self.console = console
        self.lines = {role: Line() for role in roles}
        self._live = Live(get_renderable=self._table, console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self.console.is_terminal:
            self._live.stop()

    def show(self, role: str, state: str, detail: str = "", *, ended: bool = False) -> None:
        """Show the state of a role's work."""
        line = self.lines[role]
        line.started = line.started or time.monotonic()
        line.state, line.detail = state, " ".join(detail.split())
        if ended:
            line.ended = time.monotonic()
        self._tell(role, line)

    def _tell(self, role: str, line: Line) -> None:
        since, state, detail = line._told  # noqa: SLF001 - its own record
        changed = (state, detail) != (line.state, line.detail)
        if self.console.is_terminal and line.ended is None:
            return
        if not changed and time.monotonic() - since < STILL:
            return
        line._told = (time.monotonic(), line.state, line.detail)  # noqa: SLF001
        text = Text.assemble(
            f"{role:<12} {line.seconds:6.1f} s  ", (line.state, STYLES.get(line.state, "")), f"  {line.detail}".rstrip()
        )
        self.console.print(text, soft_wrap=True)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for column in ({"no_wrap": True}, {"justify": "right", "no_wrap": True}, {"no_wrap": True}):
            table.add_column(**column)
        table.add_column(no_wrap=True, overflow="ellipsis")
        for role, line in self.lines.items():
            if line.ended is None:
                state = Text(line.state, STYLES.get(line.state, "cyan"))
                table.add_row(role, f"{line.seconds:.1f} s", state, Text(line.detail))
        return table
