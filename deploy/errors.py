"""The one way this pipeline tells a person that something is in the way."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command; the README's table is tested against these."""

    OK = 0
    FAILED = 1  # a build failed, an image FAILs
    USAGE = 2  # contract, command line or artifact
    UNAVAILABLE = 3  # no engine, no buildx, no disk; nothing could be examined
    INTERRUPTED = 130


class Problem(Exception):
    """What was being done, what went wrong, what to do next: shown without a traceback."""

    def __init__(self, doing: str, wrong: str, mend: str, code: Exit = Exit.UNAVAILABLE) -> None:
        super().__init__(doing, wrong, mend)
        self.doing, self.wrong, self.mend, self.code = doing, wrong, mend, code

    def __str__(self) -> str:
        return f"{self.doing}: {self.wrong}\n  next: {self.mend}"
