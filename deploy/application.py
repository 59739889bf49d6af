"""The application's files as the checkout has them: what each image must hold of them, and nothing else."""

import hashlib
import os
import subprocess
from pathlib import Path

from deploy.build_inputs import let_in

GIT_SECONDS = 30


def application_files(package: str, root: Path) -> dict[str, str]:
    """Return path -> SHA-256 for the files of the application's package that a build takes from the checkout.

    ``package``: a directory of the checkout; the paths are from there. Of a git repository only tracked files count: an
    untracked file enters the build, and is no file of the application. Where git knows none of them, all count.
    """
    tracked = _tracked(package, root)
    names = {name for name in let_in(root) if name.startswith(f"{package}/")}
    return {
        name.removeprefix(f"{package}/"): hashlib.sha256((root / name).read_bytes()).hexdigest()
        for name in sorted(names & tracked if tracked else names)
    }


def untracked_files(package: str, root: Path) -> list[str]:
    """Return the files of the package that enter a build though git does not track them; none outside a repository."""
    tracked = _tracked(package, root)
    return sorted(name for name in let_in(root) if tracked and name.startswith(f"{package}/") and name not in tracked)


def _tracked(package: str, root: Path) -> set[str]:
    """Return the files below a directory that git tracks; none where there is no git, or no repository of its own."""
    command = ["git", "ls-files", "-z", "--cached", "--", package]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=True, timeout=GIT_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return set()
    return set(map(os.fsdecode, done.stdout.split(b"\0"))) - {""}
