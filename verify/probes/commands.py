"""Asks every command that the application brings for its help: whether it is there, and starts."""

import shutil
import subprocess

from verify.probes.report import given

SECONDS = 60.0
KEPT = 2000  # characters of the end of what it prints


def ask(name):
    """Return what became of a command, as PATH finds it, that was asked for its help."""
    found = shutil.which(name)
    if found is None:
        return {"outcome": "not found"}
    try:
        done = subprocess.run(
            [found, "--help"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"outcome": "timed out"}
    except OSError as error:
        return {"outcome": "not started", "printed": str(error)}
    printed = done.stdout[-4 * KEPT :].decode("utf-8", "replace")[-KEPT:]
    return {"outcome": "ended", "exit_code": done.returncode, "printed": printed}


names, tell = given()
tell(commands={name: ask(name) for name in names})
