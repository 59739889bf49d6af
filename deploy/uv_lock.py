"""``uv.lock``: which versions the images must hold."""

import functools
import hashlib
import re
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import uv
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from deploy.contract import Image
from deploy.errors import Exit, Problem

CUDA_DISTRIBUTION = re.compile(r"(nvidia|cuda|triton)(-|$)")  # what CUDA PyTorch brings on Linux, normalized names
EXPORT_SECONDS = 60.0  # uv takes a fraction of one
SHOWN = 5  # requirements that a message names


def lock_sha256(path: Path) -> str:
    """Return the lock file's digest, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def locked_version(name: str, path: Path) -> str:
    """Return the locked version of a distribution.

    Raises:
        Problem: the lock does not hold it (exit 2).

    """
    for package in _document(path.read_text(encoding="utf-8"))["package"]:
        if package["name"] == name:
            return str(package["version"])
    raise Problem("reading uv.lock", f"{name} is not locked", "add it to pyproject.toml and run `uv lock`", Exit.USAGE)


def requirers(text: str) -> dict[str, list[str]]:
    """Return distribution -> what requires it directly, from the text of a lock; ``uv tree --invert`` draws it.

    A requirement of an extra or of a dependency group appears as ``name[extra]`` or ``name (group dev)``.
    """
    found: dict[str, list[str]] = {}
    for package in _document(text)["package"]:
        name = package["name"]
        sources = {name: package.get("dependencies", [])}
        sources |= {f"{name}[{extra}]": some for extra, some in package.get("optional-dependencies", {}).items()}
        sources |= {f"{name} (group {group})": some for group, some in package.get("dev-dependencies", {}).items()}
        for requirer, dependencies in sources.items():
            for required_name in dict.fromkeys(dependency["name"] for dependency in dependencies):
                found.setdefault(required_name, []).append(requirer)
    return found


def wheels(text: str) -> dict[str, dict[str, str]]:
    """Return distribution -> file name -> SHA-256 of every wheel that a lock names, from its text."""
    return {
        package["name"]: {
            unquote(urlsplit(one["url"]).path).rpartition("/")[2]: one["hash"].removeprefix("sha256:")
            for one in package.get("wheels", [])
            if "url" in one and one.get("hash", "").startswith("sha256:")
        }
        for package in _document(text)["package"]
    }


def check_current(python: str, root: Path) -> None:
    """Refuse a lock made for other requirements than pyproject.toml's, and a Python that pyproject.toml excludes.

    A requirement that is not locked enters no image. ``uv lock --check`` cannot decide this: its answer depends on the
    package index that the host is configured with.

    Raises:
        Problem: they differ, or one of them is no such file (exit 2).

    """
    project, lock = _both(root)
    of_project = project["project"]
    if not SpecifierSet(of_project.get("requires-python", "")).contains(f"{python}.99"):
        wrong = f"it requires Python {of_project['requires-python']}, images.toml's python is {python!r}"
        raise Problem("reading pyproject.toml", wrong, "correct python in images.toml, or requires-python", Exit.USAGE)
    here, there = declared(project), recorded(lock, canonicalize_name(of_project["name"]))
    told = [f"{text} is not locked" for _, text in sorted(here - there)]
    told += [f"{text} is no longer required" for _, text in sorted(there - here)]
    if told:
        more = f", and {len(told) - SHOWN} more" * (len(told) > SHOWN)
        wrong = f"it does not match pyproject.toml: {', '.join(told[:SHOWN])}{more}"
        raise Problem("reading uv.lock", wrong, "run `uv lock`, then build again", Exit.USAGE)


def _both(root: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the documents of pyproject.toml and uv.lock."""
    doing, name = "reading pyproject.toml and uv.lock", "pyproject.toml"
    try:
        project = tomllib.loads((root / name).read_text(encoding="utf-8"))
        if "name" not in project.get("project", {}):
            next_step = "write [project] with name and version, and run `uv lock`"
            raise Problem(doing, f"{root / name} has no [project] with a name", next_step, Exit.USAGE)
        name = "uv.lock"
        lock = _document((root / name).read_text(encoding="utf-8"))
    except OSError as error:
        next_step = f"write pyproject.toml in {root} and run `uv lock` there, or name another checkout's contract"
        raise Problem(doing, f"{root / name}: {error.strerror}", next_step, Exit.USAGE) from None
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        next_step = "correct the line it names" if name != "uv.lock" else "restore it, or run `uv lock`"
        raise Problem(doing, f"{root / name}: not TOML: {error}", next_step, Exit.USAGE) from None
    if "package" not in lock:
        raise Problem(doing, f"{root / name} locks no package", "run `uv lock`", Exit.USAGE)
    return project, lock


def declared(project: dict[str, Any]) -> set[tuple[str, str]]:
    """Return the requirements of a pyproject.toml, each with its extra or group; "" for none."""
    groups = project.get("dependency-groups", {})

    def of_group(name: str) -> Iterator[str]:
        for entry in groups.get(name, []):
            yield from [entry] if isinstance(entry, str) else of_group(entry["include-group"])

    sources = {"": project["project"].get("dependencies", [])}
    sources |= {f"extra {name}": some for name, some in project["project"].get("optional-dependencies", {}).items()}
    sources |= {f"group {name}": of_group(name) for name in groups}
    return {(of, _written(Requirement(requirement))) for of, some in sources.items() for requirement in some}


def recorded(lock: dict[str, Any], name: str) -> set[tuple[str, str]]:
    """Return the requirements that a lock was made for, in the form of ``declared``; ``name``: normalized."""
    metadata = (package.get("metadata", {}) for package in lock["package"] if package["name"] == name)
    found: dict[str, Any] = next(metadata, {})
    entries = [("", entry) for entry in found.get("requires-dist", [])]
    entries += [(f"group {group}", entry) for group, some in found.get("requires-dev", {}).items() for entry in some]
    return {_recorded(of, entry) for of, entry in entries}


def _recorded(of: str, entry: dict[str, Any]) -> tuple[str, str]:
    extras = f"[{','.join(entry['extras'])}]" if entry.get("extras") else ""
    requirement = Requirement(f"{entry['name']}{extras}{entry.get('specifier', '')}")
    wanted = re.search(r"extra == '([^']+)'", entry.get("marker", ""))
    return f"extra {wanted[1]}" if wanted else of, _written(requirement)


def _written(requirement: Requirement) -> str:
    """Return a requirement in one form, however it was written, without its marker."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{canonicalize_name(requirement.name)}{extras}{requirement.specifier}"


@functools.cache
def _document(text: str) -> dict[str, Any]:
    return tomllib.loads(text)


def locked_distributions(image: Image, python: str, root: Path) -> dict[str, str]:
    """Return normalized name -> version of every distribution that the lock demands of an image, the project included.

    The CPU build of PyTorch has the same public version, without what CUDA needs (nvidia-*, cuda-*, triton).

    Raises:
        Problem: uv cannot read the lock, or does not know an extra or a group (exit 2); uv does not end (exit 3).

    """
    command = [uv.find_uv_bin(), "export", "--frozen", "--no-default-groups", "--no-emit-project"]
    command += ["--no-hashes", "--no-header", "--no-annotate"]
    command += [f"--extra={extra}" for extra in image.extras] + [f"--group={group}" for group in image.groups]
    doing = "reading uv.lock with uv export"
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=EXPORT_SECONDS)
    except subprocess.TimeoutExpired:
        wrong = f"it did not end within {EXPORT_SECONDS:.0f} s"
        raise Problem(doing, wrong, "see what the machine is busy with, then do the same again") from None
    if done.returncode:
        next_step = f"correct images.{image.role} in images.toml, or run `uv lock`"
        raise Problem(doing, done.stderr.strip(), next_step, Exit.USAGE)
    locked = required(done.stdout.splitlines(), python)
    if image.torch == "cpu":
        locked = {name: version for name, version in locked.items() if not CUDA_DISTRIBUTION.match(name)}
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = canonicalize_name(project["name"])
    return {**locked, own: locked_version(own, root / "uv.lock")}


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
