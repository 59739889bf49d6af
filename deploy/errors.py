"""How commands report problems and with which code they end; the standard library alone."""

import sys
from enum import IntEnum
from typing import NoReturn

OURS = ("bench", "deploy", "ktrdr", "tests", "verify")


class Exit(IntEnum):
    """Exit codes of every command; docs/commands.md lists them, and a test compares."""

    OK = 0
    FAILED = 1  # a build failed, an image FAILs
    USAGE = 2  # contract, command line or artifact
    UNAVAILABLE = 3  # no engine, no buildx, no disk; nothing could be examined
    INTERRUPTED = 130


class Problem(Exception):
    """What was being done, what went wrong, what to do next; printed without a traceback."""

    def __init__(self, doing: str, wrong: str, next_step: str, code: Exit = Exit.UNAVAILABLE) -> None:
        super().__init__(doing, wrong, next_step)
        self.doing, self.wrong, self.next_step, self.code = doing, wrong, next_step, code

    def __str__(self) -> str:
        return f"{self.doing}: {self.wrong}\n  next: {self.next_step}"


def outside(package: str, error: ImportError) -> NoReturn:
    """End with one line that says how to run the command (exit 2); raise again if the missing module is our own."""
    if (error.name or "").partition(".")[0] in OURS:
        raise error
    command, version = f"python -m {package}", ".".join(map(str, sys.version_info[:2]))
    here = f"{sys.executable} ({version}) is not the environment of uv.lock ({error})"
    print(f"{command}: {here}; run `.venv/bin/{command} ...`; `./noxw -l` makes .venv", file=sys.stderr)
    sys.exit(2)
