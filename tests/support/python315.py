"""A Python 3.15 for tests: the one on PATH, or Debian's, unpacked beside and run through its own loader."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from deploy.engine import apt
from deploy.errors import Problem
from tests.support.checkout import CACHE

RELEASE: Final = "forky"
PACKAGES: Final = (
    "python3.15-minimal", "libpython3.15-minimal", "libpython3.15-stdlib", "libc6", "libexpat1", "zlib1g", "libffi8",
)  # fmt: skip
UNPACKED: Final = CACHE / "python3.15"


class _Downloading(apt.Apt):
    def download(self, packages: tuple[str, ...], folder: Path) -> list[Path]:
        """Fetch packages into a folder, without installing them."""
        command = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', str(folder), "apt-get", *self._options()]
        self._run([*command, "download", *packages], apt.UPDATE_SECONDS, f"Downloading {packages[0]}")
        return sorted(folder.glob("*.deb"))


def find_or_unpack() -> list[str]:
    """Return the words that start it; Problem where there is none, and none can be had."""
    if own := shutil.which("python3.15"):
        return [own]
    if not UNPACKED.exists():
        _unpack()
    libraries = UNPACKED / "usr" / "lib" / "x86_64-linux-gnu"
    loader = [str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries)]
    return ["/usr/bin/env", f"PYTHONHOME={UNPACKED / 'usr'}", *loader, str(UNPACKED / "usr" / "bin" / "python3.15")]


def _unpack() -> None:
    """Unpack it whole or not at all: it is moved to its place at the end."""
    if not shutil.which("apt-get") or apt.this_distribution().id != "debian":
        raise Problem("looking for Python 3.15", "this machine does not run Debian", "install a python3.15")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as place:
        folder, lists = Path(place) / "packages", Path(place) / "apt"
        for one in (folder, lists / "sources", lists / "lists" / "partial"):
            one.mkdir(parents=True)
        own = _Downloading(lists, RELEASE, print)
        own.use(apt.own_sources(RELEASE))
        for package in own.download(PACKAGES, folder):
            subprocess.run(["dpkg-deb", "-x", str(package), f"{place}/root"], check=True, timeout=60)
        shutil.move(f"{place}/root", UNPACKED)
