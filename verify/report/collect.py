"""Collects verdicts from the artifacts of one run or of many jobs."""

from pathlib import Path

from deploy.artifacts import E2E, VERDICT, UnreadableArtifact
from deploy.errors import Exit, Problem
from verify.judge.end_to_end import EndToEnd
from verify.judge.reading import read_end_to_end, read_verdict
from verify.judge.verdict import Verdict

READING = "reading the verdicts"


def collect(directories: list[Path], roles: list[str]) -> list[Verdict]:
    """Read these roles' verdicts; a directory is an artifacts root (ROLE/verdict.json) or a folder of such roots.

    A verdict by the GPU contract alone is no verdict on the image: its role is missing.

    Raises:
        Problem: a verdict is unreadable or a role has two different ones (exit 2), or there is none at all (exit 3).

    """
    found: dict[str, tuple[Path, Verdict]] = {}
    for path in [path for directory in directories for path in verdict_files(directory, roles)]:
        verdict = _read(path)
        earlier, other = found.setdefault(verdict.role, (path, verdict))
        if other != verdict:
            raise Problem(
                READING,
                f"two different verdicts on {verdict.role}: {earlier} and {path}",
                "leave out the directory that is not of this run",
                Exit.USAGE,
            )
    if missing := [str(directory) for directory in directories if not directory.exists()]:
        next_step = "./noxw -s build verify writes artifacts/; or name the directories that hold them"
        raise Problem(READING, f"there is no directory {', '.join(missing)}", next_step)
    if not found:
        raise Problem(
            READING,
            f"none of {', '.join(roles)} has a {VERDICT} in {', '.join(map(str, directories))}",
            "./noxw -s build verify writes them; or name the directories that hold them",
        )
    return [found[role][1] for role in roles if role in found and not found[role][1].gpu]


def collect_e2e(directories: list[Path]) -> EndToEnd | None:
    """Read the end-to-end verdict, where one of these directories, or of their folders, has one.

    Raises:
        Problem: it is unreadable, or there are two different ones (exit 2).

    """
    roots = [root for directory in directories for root in (directory, *_folders(directory))]
    found = [(path, _read_e2e(path)) for root in roots if _is_there(path := root / E2E / VERDICT)]
    for path, e2e in found[1:]:
        if e2e != found[0][1]:
            wrong = f"two different verdicts on {E2E}: {found[0][0]} and {path}"
            raise Problem(READING, wrong, "leave out the directory that is not of this run", Exit.USAGE)
    return found[0][1] if found else None


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


def _read(path: Path) -> Verdict:
    try:
        return read_verdict(path)
    except (UnreadableArtifact, FileNotFoundError) as error:
        next_step = f"./noxw -s verify -- {path.parent.name} writes it again; or leave its directory out"
        raise Problem(READING, str(error), next_step, Exit.USAGE) from None


def _read_e2e(path: Path) -> EndToEnd:
    try:
        return read_end_to_end(path)
    except (UnreadableArtifact, FileNotFoundError) as error:
        raise Problem(
            READING, str(error), "./noxw -s e2e writes it again; or leave its directory out", Exit.USAGE
        ) from None
