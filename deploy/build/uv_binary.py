"""The uv that runs inside a build: the locked one, for the platform of the images, whatever this host is."""

import platform
import subprocess
import tempfile
from pathlib import Path

import uv

from deploy.errors import Problem
from deploy.image_config import MACHINES
from deploy.uv_lock import locked_version, wheels

FETCH_SECONDS = 300.0


def uv_binary(images: str, lock: Path, cache: Path) -> Path:
    """Return a uv for ``images``, a platform such as linux/amd64: this host's own, or one that is fetched once.

    A Mac's uv, or another processor's, does not run in a build. What is fetched has a digest that the lock names.

    Raises:
        Problem: it cannot be fetched (exit 3).

    """
    machine = MACHINES[images]
    if (platform.system(), platform.machine()) == ("Linux", machine):
        return Path(uv.find_uv_bin())
    version = locked_version("uv", lock)
    kept = cache / f"uv-{version}-{machine}"
    if not (kept / "bin" / "uv").exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".uv-") as folder:
            found = _fetch(f"uv=={version}", _digests(lock, machine), machine, Path(folder))
            if not kept.exists():  # another build's may have been quicker
                found.rename(kept)
    return kept / "bin" / "uv"


def _digests(lock: Path, machine: str) -> list[str]:
    named = wheels(lock.read_text(encoding="utf-8"))["uv"]
    return [digest for name, digest in named.items() if "linux" in name and name.endswith(f"_{machine}.whl")]


def _fetch(requirement: str, digests: list[str], machine: str, folder: Path) -> Path:
    """Install the one wheel into a directory below ``folder``, by this host's settings for indexes and proxies."""
    (listed := folder / "requirements.txt").write_text(
        " ".join([requirement, *(f"--hash=sha256:{digest}" for digest in digests)]), encoding="utf-8"
    )
    target, triple = folder / "target", f"{machine}-unknown-linux-gnu"
    command = [uv.find_uv_bin(), "pip", "install", "--quiet", "--target", str(target), "--python-platform", triple]
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirements", str(listed)]
    doing = f"fetching {requirement} for Linux on {machine}, which builds need here"
    next_step = "make the package index reachable (uv's settings: UV_DEFAULT_INDEX, proxies), then build again"
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=FETCH_SECONDS)
    except subprocess.TimeoutExpired:
        raise Problem(doing, f"it did not end within {FETCH_SECONDS:.0f} s", next_step) from None
    if done.returncode:
        raise Problem(doing, done.stderr.strip()[-1000:], next_step)
    return target
