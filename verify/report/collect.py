"""Collects verdicts from the artifacts of one run or of many jobs."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from deploy.artifacts import E2E, VERDICT, UnreadableArtifact
from deploy.errors import Exit, Problem
from verify.judge.end_to_end import EndToEnd
from verify.judge.reading import read_end_to_end, read_verdict
from verify.judge.verdict import Verdict

READING = "reading the verdicts"
V = TypeVar("V", Verdict, EndToEnd)


def collect(directories: list[Path], roles: list[str]) -> list[Verdict]:
    """Read these roles' verdicts; a directory is an artifacts root (ROLE/verdict.json) or a folder of such roots.

    A verdict by the GPU contract alone is no verdict on the image: its role is missing.

    Raises:
        Problem: a verdict is unreadable or a role has two different ones (exit 2), or there is none at all (exit 3).

    """
    places: dict[str, list[Path]] = {}
    for path in [path for directory in directories for path in verdict_files(directory, roles)]:
        places.setdefault(path.parent.name, []).append(path)
    found = {role: _one(some, read_verdict, f"verify -- {role}") for role, some in places.items()}
    if missing := [str(directory) for directory in directories if not directory.exists()]:
        next_step = "./noxw -s build verify writes artifacts/; or name the directories that hold them"
        raise Problem(READING, f"there is no directory {', '.join(missing)}", next_step)
    if not found:
        wrong = f"none of {', '.join(roles)} has a {VERDICT} in {', '.join(map(str, directories))}"
        raise Problem(READING, wrong, "./noxw -s build verify writes them; or name the directories that hold them")
    return [found[role] for role in roles if role in found and not found[role].gpu]


def collect_e2e(directories: list[Path]) -> EndToEnd | None:
    """Read the end-to-end verdict, where one of these directories, or of their folders, has one.

    Raises:
        Problem: it is unreadable, or there are two different ones (exit 2).

    """
    roots = [root for directory in directories for root in (directory, *_folders(directory))]
    places = [path for root in roots if _is_there(path := root / E2E / VERDICT)]
    return _one(places, read_end_to_end, "e2e") if places else None


def verdict_files(directory: Path, roles: list[str]) -> list[Path]:
    """Return the roles' verdicts in a root; where it holds none, those in the roots below it."""
    roots = [directory] if any(_is_there(directory / role / VERDICT) for role in roles) else _folders(directory)
    return [path for root in roots for role in roles if _is_there(path := root / role / VERDICT)]


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise Problem(READING, str(error), "name a directory that can be read", Exit.USAGE) from None


def _folders(directory: Path) -> list[Path]:
    try:
        return sorted(path for path in directory.iterdir() if path.is_dir())
    except FileNotFoundError:
        return []  # the missing verdicts are reported by the caller
    except OSError as error:
        raise Problem(READING, str(error), "name a directory that can be read", Exit.USAGE) from None


def _one(paths: list[Path], read: Callable[[Path], V], session: str) -> V:
    """Return the verdict in these files, which must be the same in all of them; ``session`` writes it again."""
    try:
        first, *others = [read(path) for path in paths]
    except (UnreadableArtifact, FileNotFoundError) as error:
        next_step = f"./noxw -s {session} writes it again; or leave its directory out"
        raise Problem(READING, str(error), next_step, Exit.USAGE) from None
    for path, other in zip(paths[1:], others, strict=True):
        if other != first:
            wrong = f"two different verdicts on {path.parent.name}: {paths[0]} and {path}"
            raise Problem(READING, wrong, "leave out the directory that is not of this run", Exit.USAGE)
    return first
