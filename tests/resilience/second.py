"""A real engine beside the machine's own, to be stopped, killed, hung and filled; and images small enough for that."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import docker

from deploy.engine import daemon
from deploy.engine.daemon import Daemon
from tests.support.daemons import place_in

CAN_START = bool(os.geteuid() == 0 and shutil.which("dockerd", path=daemon.SYSTEM_PATH) and shutil.which("unshare"))
WHY_NOT = "NOT TESTED: an engine of one's own needs root, dockerd and unshare"
OWN_NETWORK = ("unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh")
SMALL = "ktrdr-try-small:1"
PROGRAMS = ("/bin/sh", "/bin/sleep", "/bin/cat", "/bin/dd", "/usr/bin/env")


@contextlib.contextmanager
def second_engine(
    folder: Path, *, containerd_store: bool = False, hosts: tuple[str, ...] = (), runtime: Path | None = None
) -> Iterator[Daemon]:
    """Give the place of an engine in a network namespace of its own, below ``folder``; it is not started yet.

    ``hosts`` are addresses beside its socket, within that namespace. ``runtime`` is a program that it runs containers
    with, in place of runc. Whatever was done to it, nothing of it is left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    short = Path(tempfile.mkdtemp(prefix="ktrdr-"))  # an address of a socket has 108 bytes (unix(7))
    settings = folder / "daemon.json"
    own = {"runtimes": {"own": {"path": str(runtime)}}, "default-runtime": "own"} if runtime else {}
    settings.write_text(json.dumps({"features": {"containerd-snapshotter": containerd_store}, **own}))
    addresses = [word for host in hosts for word in ("--host", host)]
    options = ("--data-root", str(folder / "data"), "--config-file", str(settings), *addresses)
    near = {"socket": short / "docker.sock", "exec_root": short / "exec"}
    one = place_in(folder, **near, options=options, runner=OWN_NETWORK)
    try:
        yield one
    finally:
        daemon.stop(one, print)
        for mount in reversed(mounts_below(folder / "data")):  # a dockerd that is killed leaves them
            subprocess.run(["umount", "--lazy", str(mount)], check=True)
        subprocess.run(["rm", "-rf", "--one-file-system", str(folder), str(short)], check=False)


def mounts_below(folder: Path) -> list[Path]:
    """Return what is mounted upon or below a directory, the outermost first."""
    points = [Path(line.split()[1]) for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    return [point for point in points if point == folder or folder in point.parents]


def pid_of(place: Daemon) -> int:
    """Return the process id of a dockerd that runs."""
    return int(daemon.remembered(place)["pid"])


def load_small(client: docker.DockerClient) -> str:
    """Import an image of a shell and a few programs with their libraries, some megabytes in all; returns its name."""
    files = {Path(program) for program in PROGRAMS}
    for program in PROGRAMS:
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True, timeout=20).stdout
        files |= {Path(word) for word in listed.split() if word.startswith("/")}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", dereference=True) as tar:
        for file in sorted(files):
            tar.add(file, str(file).lstrip("/"))
    client.api.import_image_from_data(buffer.getvalue(), repository=SMALL.partition(":")[0], tag="1")
    return SMALL
