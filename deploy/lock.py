"""``uv.lock``: which versions the images must hold."""

import functools
import hashlib
import re
import subprocess
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import uv
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.contract import ROOT, Image
from deploy.errors import Exit, Problem

LOCK = ROOT / "uv.lock"
CUDA_DISTRIBUTION = re.compile(r"(nvidia|cuda|triton)(-|$)")  # what CUDA PyTorch brings on Linux, normalized names
EXPORT_SECONDS = 60.0  # uv takes a fraction of one


def lock_sha256(path: Path = LOCK) -> str:
    """Return the lock file's digest, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def locked_version(name: str, path: Path = LOCK) -> str:
    """Return the locked version of a distribution.

    Raises:
        Problem: the lock does not hold it (exit 2).

    """
    versions = _versions(path.read_text(encoding="utf-8"))
    if name in versions:
        return versions[name]
    raise Problem("reading uv.lock", f"{name} is not locked", "add it to pyproject.toml and run `uv lock`", Exit.USAGE)


def requirers(text: str) -> dict[str, list[str]]:
    """Return distribution -> who requires it directly, from the text of a lock: what ``uv tree --invert`` draws.

    A requirement of an extra or of a dependency group is told as ``name[extra]`` and ``name (group dev)``.
    """
    found: dict[str, list[str]] = {}
    for package in tomllib.loads(text)["package"]:
        name = package["name"]
        sources = {name: package.get("dependencies", [])}
        sources |= {f"{name}[{extra}]": some for extra, some in package.get("optional-dependencies", {}).items()}
        sources |= {f"{name} (group {group})": some for group, some in package.get("dev-dependencies", {}).items()}
        for requirer, dependencies in sources.items():
            for one in dict.fromkeys(dependency["name"] for dependency in dependencies):
                found.setdefault(one, []).append(requirer)
    return found


@functools.cache
def _versions(lock: str) -> dict[str, str]:
    return {package["name"]: str(package["version"]) for package in tomllib.loads(lock)["package"]}


def locked_distributions(image: Image, python: str, root: Path = ROOT) -> dict[str, str]:
    """Return normalized name -> version of every distribution that the lock demands of an image, ktrdr itself included.

    CPU-only PyTorch is the same public version without what CUDA needs (nvidia-*, cuda-*, triton).

    Raises:
        Problem: uv cannot read the lock, or an extra or a group is unknown to it (exit 2); uv does not end (exit 3).

    """
    options = [f"--extra={extra}" for extra in image.extras] + [f"--group={group}" for group in image.groups]
    command = [
        uv.find_uv_bin(),
        "export",
        "--frozen",
        "--no-default-groups",
        "--no-hashes",
        "--no-header",
        "--no-annotate",
    ]
    command += ["--no-emit-project", *options]
    doing = "reading uv.lock with uv export"
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=EXPORT_SECONDS)
    except subprocess.TimeoutExpired:
        wrong = f"it did not end within {EXPORT_SECONDS:.0f} s"
        raise Problem(doing, wrong, "see what the machine is busy with, then do the same again") from None
    if done.returncode:
        wrong = done.stderr.strip()
        mend = f"mend images.{image.role} in images.toml, or run `uv lock`"
        raise Problem(doing, wrong, mend, Exit.USAGE)
    locked = required(done.stdout.splitlines(), python)
    if image.torch == "cpu":
        locked = {name: version for name, version in locked.items() if not CUDA_DISTRIBUTION.match(name)}
    return {**locked, "ktrdr": locked_version("ktrdr", root / "uv.lock")}


def required(lines: Iterable[str], python: str) -> dict[str, str]:
    """Return name -> version of the exact requirements (PEP 508) that hold in an image: Linux, x86-64, this Python."""
    environment: dict[str, Any] = {
        **default_environment(),
        "python_version": python,
        "python_full_version": f"{python}.99",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "os_name": "posix",
    }
    found: dict[str, str] = {}
    for line in lines:
        if line.strip():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate(environment):
                found[canonicalize_name(requirement.name)] = next(iter(requirement.specifier)).version
    return found
