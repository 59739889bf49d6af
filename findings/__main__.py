"""Runs the recorded surprises about the software of others, and reports which still hold."""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SECONDS = 600.0
GRACE_SECONDS = 10.0  # in which a script that is asked to end removes its temporary folder
AS_STATED, NOT_AVAILABLE = 0, 77
OUTCOMES = {AS_STATED: "as stated", NOT_AVAILABLE: "not available here"}
CHANGED = "changed"


def scripts(folder: Path = HERE) -> dict[str, Path]:
    """Return the scripts by name."""
    return {path.stem: path for path in sorted(folder.glob("*.sh"))}


def run(script: Path, seconds: float = SECONDS) -> tuple[int | None, str]:
    """Run a script; return its exit code, None if its time ran out, and its output.

    The script has a process group of its own, which is ended with it: its trap removes its temporary folder.
    """
    # nox's folder for bytecode would keep what the script's own environment compiles.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with tempfile.TemporaryFile() as file:  # a pipe would be held by whatever the script leaves behind
        process = subprocess.Popen([script], env=environment, stdout=file, stderr=file, start_new_session=True)
        try:
            code: int | None = process.wait(seconds)
        except BaseException as error:
            _end(process)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            code = None
        file.seek(0)
        output = file.read().decode("utf-8", "replace")
    return code, output if code is not None else f"{output}it did not end within {seconds:g} s\n"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a script's process group to end, and kill what is left of it after some seconds."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)


def main(arguments: list[str] | None = None, folder: Path = HERE) -> int:
    """Print a line for each script, and the output of those that are not as stated; 1 if one has changed."""
    known = scripts(folder)
    parser = argparse.ArgumentParser(prog="python -m findings", description=__doc__, allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="NAME", help="findings to run; all where none is named")
    parser.add_argument("--list", action="store_true", help="list the findings and end")
    asked = parser.parse_args(arguments)
    if asked.list:
        print(*known, sep="\n")
        return 0
    names = asked.names
    if unknown := sorted({*names} - {*known}):
        parser.error(f"no such finding: {', '.join(unknown)}")
    changed = False
    for name in names or known:
        started = time.monotonic()
        code, output = run(known[name])
        outcome = CHANGED if code is None else OUTCOMES.get(code, CHANGED)
        changed = changed or outcome == CHANGED
        print(f"{name:30} {outcome:20} {time.monotonic() - started:5.0f} s", flush=True)
        if code != AS_STATED:
            print("".join(f"    {line}\n" for line in output.splitlines()), end="", flush=True)
    return int(changed)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
