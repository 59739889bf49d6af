"""An engine of another Debian release: its packages unpacked into a root of their own, and run from there.

The root is the engine's whole file system (pivot_root(2)), and it has a network namespace of its own: neither packages
nor mounts nor networks of this machine change. What is mounted is gone with the engine's last process.
"""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.engine import apt, processes

CAN_MAKE = bool(os.geteuid() == 0 and shutil.which("mmdebstrap") and shutil.which("unshare"))
WHY_NOT = "NOT TESTED: an engine of another release needs root, mmdebstrap and unshare"
PACKAGES = (
    "podman", "crun", "netavark", "aardvark-dns", "nftables", "iptables", "passt", "uidmap", "mount", "ca-certificates",
)  # fmt: skip
LEFT_OUT = ("man", "doc", "locale", "info")  # of /usr/share
UNPACK_SECONDS, ANSWER_SECONDS, END_SECONDS = 1200.0, 60.0, 10.0
# ROOT and WORK: the unpacked packages, and where its images and its socket lie. Of two views of control groups (hybrid)
# it gets the older one alone, since crun refuses both at once.
START = """
set -eu
root=$1 work=$2
mount --make-rprivate /
mount --bind "$root" "$root"
for one in proc sys dev; do mount --rbind "/$one" "$root/$one"; done
umount "$root/sys/fs/cgroup/unified" 2>/dev/null || :
for one in run tmp var/tmp; do mount -t tmpfs tmpfs "$root/$one"; done
mkdir -p "$root$work" "$root/var/lib/containers" "$root/.old"
mount --bind "$work" "$root$work"
mount --bind "$work/data" "$root/var/lib/containers"
ip link set lo up
cd "$root"
pivot_root . .old
cd /
umount -l /.old
exec podman system service --time=0 "unix://$work/podman.sock"
"""


@dataclass(frozen=True)
class Podman:
    """A Podman of another release that answers."""

    socket: Path
    root: Path

    @property
    def endpoint(self) -> str:
        return f"unix://{self.socket}"


def unpack(release: str, root: Path) -> None:
    """Unpack the release's Podman and what it needs, from this machine's own package sources."""
    sources = root.with_suffix(".sources")
    sources.write_text(apt.own_sources(release), encoding="utf-8")
    options = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
    # A mirror may stand still: what it has is signed all the same.
    options += ['--aptopt=Acquire::Check-Valid-Until "false"', '--aptopt=APT::Install-Recommends "false"']
    command = ["mmdebstrap", "--mode=root", "--variant=essential", f"--include={','.join(PACKAGES)}", *options]
    done = subprocess.run(
        [*command, release, str(root), str(sources)],
        capture_output=True,
        text=True,
        check=False,
        timeout=UNPACK_SECONDS,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@contextlib.contextmanager
def podman(release: str, folder: Path) -> Iterator[Podman]:
    """Give a running Podman of a Debian release; nothing of it is left, however this ends."""
    root, work = folder / "root", folder / "work"
    (work / "data").mkdir(parents=True)
    log = folder / "podman.log"
    try:
        unpack(release, root)
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["unshare", "--net", "--mount", "sh", "-c", START, "sh", str(root), str(work)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            socket = work / "podman.sock"
            deadline = time.monotonic() + ANSWER_SECONDS
            while not socket.exists():
                assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")
                assert time.monotonic() < deadline, "it makes no socket"
                time.sleep(0.05)
            yield Podman(socket, root)
        finally:
            processes.end(process.pid, END_SECONDS, END_SECONDS, group=True)
            process.wait()
    finally:
        subprocess.run(["rm", "-rf", "--one-file-system", str(folder)], check=False)
