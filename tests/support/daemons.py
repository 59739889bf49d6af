"""Where a second dockerd lives: all its files in one folder."""

from pathlib import Path
from typing import Any

from deploy.engine.daemon import Daemon


def place_in(folder: Path, **more: Any) -> Daemon:
    """A dockerd whose files lie in a folder, except where ``more`` says otherwise."""
    files = {
        "socket": folder / "docker.sock",
        "pid_file": folder / "docker.pid",
        "exec_root": folder / "exec",
        "log": folder / "dockerd.log",
        "record": folder / "engine.json",
    }
    return Daemon(system=False, **(files | more))
