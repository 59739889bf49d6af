"""What is said where a command runs with a Python that lacks what it needs; the standard library alone."""

import sys
from typing import NoReturn

OURS = ("bench", "deploy", "ktrdr", "tests", "verify")


def outside(package: str, error: ImportError) -> NoReturn:
    """End with one line that says how to run the command (exit 2); a module of our own that is missing is a fault."""
    if (error.name or "").partition(".")[0] in OURS:
        raise error
    command, version = f"python -m {package}", ".".join(map(str, sys.version_info[:2]))
    here = f"{sys.executable} ({version}) is not the environment of uv.lock ({error})"
    print(f"{command}: {here}; run `uv run --frozen --group tools {command} ...` or ./noxw", file=sys.stderr)
    sys.exit(2)
