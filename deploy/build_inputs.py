"""A digest of an image's build inputs: it tells whether a checkout is still the one that was built."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from docker.utils.build import exclude_paths

from deploy.contract import Image
from deploy.errors import Exit, Problem

IGNORED = ".dockerignore"
ALSO = "deploy/docker/sync.sh"


def inputs(image: Image, root: Path) -> str:
    """Return the digest of one image's inputs: see ``inputs_by_role``."""
    return inputs_by_role([image], root)[image.role]


def inputs_by_role(images: Iterable[Image], root: Path) -> dict[str, str]:
    """Return digests of the files that builds of these images may read: path, whether it is executable, content.

    They are the files that .dockerignore lets in, that list itself, the Dockerfile and sync.sh.

    Raises:
        Problem: one of them cannot be read (exit 2).

    """
    digests: dict[str, str] = {}
    common: frozenset[str] = frozenset()
    for image in images:
        try:
            common = common or frozenset(let_in(root))
            digests[image.role] = _digest(root, {*common, ALSO, image.dockerfile})
        except OSError as error:
            doing = f"reading what {image.role} is built from"
            next_step = "restore that file (git status), or make it readable"
            raise Problem(doing, str(error), next_step, Exit.USAGE) from None
    return digests


def _digest(root: Path, names: Iterable[str]) -> str:
    whole = hashlib.sha256()
    for name in sorted(names):
        path = root / name
        if path.is_symlink():
            kind, content = "link", str(path.readlink()).encode("utf-8", "surrogateescape")
        elif path.is_file():
            kind, content = "program" if path.stat().st_mode & 0o100 else "file", path.read_bytes()
        else:
            kind, content = "missing", b""
        line = f"{kind} {hashlib.sha256(content).hexdigest()} {name}\n"
        whole.update(line.encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def let_in(root: Path) -> Iterator[str]:
    """Yield the files that .dockerignore lets into a build, and .dockerignore itself.

    Docker's library reads the list. BuildKit reads some patterns otherwise (docs/surprises.md); a test keeps those out.
    """
    lines = [line.strip() for line in (root / IGNORED).read_text(encoding="utf-8").splitlines()]
    patterns = [line for line in lines if line and not line.startswith("#")]
    for name in exclude_paths(str(root), patterns, dockerfile=IGNORED):
        path = root / name
        if path.is_symlink() or path.is_file():
            yield name
