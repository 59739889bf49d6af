"""What a build record says of where a build comes from: the base image and the checkout."""

import subprocess
from collections.abc import Callable

from deploy.base.image import BaseImage
from deploy.build_record import Base, Source
from deploy.project import Project
from deploy.uv_lock import lock_sha256

Mask = Callable[[str, str], str]  # name, value -> the value without secrets


def base_record(base: BaseImage, mask: Mask) -> Base:
    """Return what the record says of the base image; `mask` hides secrets in a value that has this name."""
    config = base.config
    return Base(
        reference=base.reference,
        origin=base.origin,
        layers=list(config.layers),
        environment={name: mask(name, value) for name, value in config.environment.items()},
        labels={name: mask(name, value) for name, value in config.labels.items()},
        ports=list(config.exposed_ports),
        shell=[mask("", word) for word in config.shell],
        stop_signal=config.stop_signal,
        author=mask("", config.author),
    )


def source(project: Project) -> Source:
    """Return what the record says of the checkout."""

    def git(*words: str) -> str:
        try:
            return subprocess.run(
                ["git", *words], cwd=project.root, capture_output=True, text=True, check=True, timeout=30
            ).stdout.strip()
        except (OSError, subprocess.SubprocessError):
            return "unknown"

    revision = git("rev-parse", "HEAD")
    dirty = git("status", "--porcelain") != ""  # unknown counts as dirty: nothing vouches for the source
    return Source(revision=revision, dirty=dirty, lock_sha256=lock_sha256(project.lock))
