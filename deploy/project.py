"""A project: a contract, the checkout that it lies in, and the files beside both. Found at the edge, handed down."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.artifacts import Artifacts
from deploy.contract import Contract
from deploy.contract_file import read_contract
from deploy.errors import Exit, Problem

NAMED, ARTIFACTS = "KTRDR_CONTRACT", "KTRDR_ARTIFACTS"  # variables: the contract's file, the directory of artifacts
PLACES = ("images.toml", "deploy/docker/images.toml")  # where a contract is looked for, in a directory and above it


@dataclass(frozen=True)
class Project:
    """A contract with what lies around it: nothing of it is this program's own."""

    file: Path  # the contract's
    root: Path  # of the checkout: Dockerfiles, the lock and what a build reads are named from there
    contract: Contract
    artifacts: Artifacts
    cache: Path  # what later runs may use again; git-ignored

    @property
    def lock(self) -> Path:
        """What uv locked."""
        return self.root / "uv.lock"

    @property
    def left_out(self) -> Path:
        """The list of files that no image keeps."""
        return self.file.with_name("left-out.toml")

    @property
    def pins(self) -> Path:
        """The digests that the images come from."""
        return self.file.with_name("pins.toml")

    @property
    def baseline(self) -> Path:
        """The figures of a good run, kept for comparison."""
        return self.file.with_name("baseline.json")


def read_project(
    given: Path | None = None, artifacts: Path | None = None, *, environ: Mapping[str, str], directory: Path
) -> Project:
    """Read the contract that is ``given``, else the one that KTRDR_CONTRACT names, else one found from ``directory``.

    ``artifacts``: where records lie; by default where KTRDR_ARTIFACTS says, else ``artifacts/`` of the checkout.

    Raises:
        Problem: there is none, or it has mistakes (exit 2).

    """
    file = find_contract(given, environ, directory)
    root = root_of(file)
    named = environ.get(ARTIFACTS)
    place = artifacts or (Path(named) if named else root / "artifacts")
    return Project(file, root, read_contract(file, root), Artifacts(place), root / ".cache")


def find_contract(given: Path | None, environ: Mapping[str, str], directory: Path) -> Path:
    """Return the contract's absolute path: the one named, or the first of PLACES from a directory upwards.

    Raises:
        Problem: none is named, and none is found (exit 2).

    """
    named = given or (Path(environ[NAMED]) if environ.get(NAMED) else None)
    if named:
        return (directory / named).resolve()
    where = directory.resolve()
    for place in (where, *where.parents):
        for name in PLACES:
            if (place / name).is_file():
                return place / name
    wrong = f"there is no {' and no '.join(PLACES)} in {where}, nor in a directory above it"
    raise Problem("finding the contract", wrong, f"name it with --contract FILE, or with {NAMED}", Exit.USAGE)


def root_of(file: Path) -> Path:
    """Return the root of the checkout that a contract lies in.

    It is the nearest directory above the contract that git has as a working tree. Outside of one it is the nearest with
    a pyproject.toml, else the contract's own directory.
    """
    for mark in (".git", "pyproject.toml"):
        for place in file.parents:
            if (place / mark).exists():
                return place
    return file.parent
