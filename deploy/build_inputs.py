"""What an image is built from, as one digest: whether a checkout is still the one that was built."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from deploy.contract import ROOT, Image
from deploy.errors import Exit, Problem

IGNORED = ".dockerignore"
ALSO = "deploy/docker/sync.sh"


def inputs(image: Image, root: Path = ROOT) -> str:
    """Return a digest of the files that a build of this image may read: path, whether it is executable, content.

    They are what .dockerignore, an allow-list, lets in, that list itself, the Dockerfile and sync.sh.

    Raises:
        Problem: one of them cannot be read (exit 2).

    """
    try:
        return _digest(root, {*let_in(root), IGNORED, ALSO, image.dockerfile})
    except OSError as error:
        doing, next_step = (
            f"reading what {image.role} is built from",
            "restore that file (git status), or make it readable",
        )
        raise Problem(doing, str(error), next_step, Exit.USAGE) from None


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
    """Yield the files that .dockerignore lets into a build: those below its ``!`` lines that no other line names."""
    lines = [line.strip() for line in (root / IGNORED).read_text(encoding="utf-8").splitlines()]
    ignored = [_pattern(line) for line in lines if line and line != "*" and not line.startswith(("#", "!"))]
    for top in (root / line[1:] for line in lines if line.startswith("!")):
        for path in [top, *top.rglob("*")]:
            name = path.relative_to(root).as_posix()
            if (path.is_symlink() or path.is_file()) and not _matches(name, ignored):
                yield name


def _pattern(line: str) -> re.Pattern[str]:
    parts = (".*" if part == "**" else re.escape(part).replace(r"\*", "[^/]*") for part in line.split("/"))
    return re.compile("/".join(parts).replace(".*/", "(?:.*/)?"))


def _matches(name: str, patterns: Iterable[re.Pattern[str]]) -> bool:
    """Whether a pattern names the file or a directory that it is in."""
    parts = name.split("/")
    places = ["/".join(parts[:number]) for number in range(1, len(parts) + 1)]
    return any(one.fullmatch(place) for one in patterns for place in places)
