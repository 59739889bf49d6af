"""Which of buildx's builders carries out the builds, and whether it can: told before a build waits in vain."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.base.bootstrap import LABEL
from deploy.base.image import BaseImage
from deploy.engine.connection import ANSWER_SECONDS, Engine
from deploy.errors import Problem

OWN: Final = "docker"  # the driver of the builder inside a Docker Engine, which sees that engine's images
DOING: Final = "choosing a builder"
MAKE_ONE: Final = (
    "docker buildx create --name ktrdr --driver remote ADDRESS for a BuildKit that runs, then BUILDX_BUILDER=ktrdr; or"
    " set DOCKER_HOST to a Docker Engine, build there, and carry the images: docker save NAME | podman load"
)


@dataclass(frozen=True)
class Builder:
    """What `docker buildx inspect` tells of the builder that builds use; empty where it tells nothing."""

    name: str = ""
    driver: str = ""
    error: str = ""


def parse_builder(text: str) -> Builder:
    """Read what `docker buildx inspect` prints; an error is the first node's."""
    told = dict(reversed(re.findall(r"(?m)^(Name|Driver|Error):\s*(.*\S)", text)))  # the first of each counts
    return Builder(told.get("Name", ""), told.get("Driver", ""), told.get("Error", ""))


def builder(engine: Engine) -> Builder:
    """Return the builder that builds here use (BUILDX_BUILDER, or the one selected)."""
    command = [*engine.command(), "buildx", "inspect"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=ANSWER_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return Builder()
    return parse_builder(done.stdout)


def is_chosen(environ: Mapping[str, str], home: Path) -> bool:
    """Whether somebody chose a builder: by the variable, or by `docker buildx use`; else it is the engine's own."""
    config = Path(environ.get("DOCKER_CONFIG") or home / ".docker")
    return bool(environ.get("BUILDX_BUILDER")) or (config / "buildx" / "current").exists()


def check_podman(engine: Engine) -> None:
    """Refuse a build on Podman, which has no BuildKit, where no other builder is chosen that answers.

    Raises:
        Problem: there is none (exit 3).

    """
    if not engine.podman:
        return
    found = builder(engine) if engine.cli and engine.buildx else Builder()
    if found.driver in ("", OWN) or found.error:
        silent = f"the builder {found.name} does not answer: {found.error}"
        why = silent if found.error else "no other builder is chosen"
        wrong = f"Podman {engine.version} has no BuildKit, which the Dockerfiles need, and {why}"
        raise Problem(DOING, wrong, MAKE_ONE)


def check_base(
    engine: Engine, base: BaseImage, environ: Mapping[str, str] = os.environ, home: Path | None = None
) -> None:
    """Refuse a builder elsewhere for a base image that only the engine has: it would ask registries for a minute.

    Raises:
        Problem: the builder cannot see the base image (exit 3).

    """
    if not only_here(base) or not is_chosen(environ, home or Path.home()):
        return
    found = builder(engine)
    if found.driver not in ("", OWN):
        wrong = f"the builder {found.name} ({found.driver}) takes the base image from a registry, and {base.reference}"
        wrong += f" is only on the engine at {engine.address.shown}"
        next_step = "push it to a registry that the builder reaches and name it there: PYTHON_IMAGE=REGISTRY/NAME;"
        raise Problem(DOING, wrong, f"{next_step} or unset BUILDX_BUILDER (docker buildx use default)")


def only_here(base: BaseImage) -> bool:
    """Whether no registry has it: it was bootstrapped, or its name says neither a registry nor a digest of one."""
    first, slash, _ = base.reference.partition("/")
    elsewhere = "@" in base.reference or bool(slash and re.search(r"[.:]|^localhost$", first))
    return not elsewhere and (base.origin in ("local", "bootstrapped") or LABEL in base.config.labels)
