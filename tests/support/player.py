"""What plays the part of a program that builds: imported by each of its processes, so it imports little."""

import os
import time
from pathlib import Path
from typing import NoReturn

from deploy.build.messages import BuildRequest


def linger(directory: Path) -> int:
    """Wait to be ended, and clean up then."""
    (directory / "begun").touch()
    try:
        time.sleep(60)
    finally:
        (directory / "cleaned up").touch()
    return 0


def play(directory: Path, request: BuildRequest) -> NoReturn:
    """Play the part of the role whose Dockerfile is asked for, as a build's process."""
    role = request.options.file.rpartition("Dockerfile.")[2]
    (directory / f"{role}.request").write_text(request.model_dump_json(), encoding="utf-8")
    (directory / f"{role}.pid").write_text(str(os.getpid()), encoding="utf-8")
    os.chdir(directory)
    os.execv("/bin/sh", ["sh", "-c", f"cat {role}.says; exec sh {role}.then"])  # noqa: S606  no shell in between
