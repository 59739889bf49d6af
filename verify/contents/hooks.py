"""Files that change what every Python process does, or every process."""

import posixpath
import re
from collections.abc import Mapping

from verify.contents.filesystem import FileSystem
from verify.contents.model import Hook

TEXT_KEPT = 1 << 16  # characters: a longer text is not kept at all, as half a text cannot be judged
STARTUP = {"sitecustomize", "usercustomize"}  # modules that site imports, in any form
MODULE = re.compile(r"(py|pyc|so|abi3\.so|cpython-\d+[\w-]*\.so)$")  # what comes after a module's name
STDLIB = re.compile(r"^/usr/(?:local/)?lib/python3(?:\.\d+/(?!(?:site|dist)-packages/)|\d+\.zip$)")
# Files in which the loader reads where libraries are, and directories that it searches first (ld.so(8))
LOADER = re.compile(r"/etc/ld\.so\.(?:preload|cache|conf)|.*/glibc-hwcaps/")


def hooks(system: FileSystem, owner: Mapping[str, str]) -> list[Hook]:
    """Return the hooks above the lowest layer."""
    return [
        Hook(
            path=path,
            layer=entry.layer,
            distribution=owner.get(path, ""),
            text=_whole(system.texts, path),
            leads=_leads(system, path, _whole(system.texts, path)),
        )
        for path, entry in sorted(system.merged.items())
        if entry.layer and is_hook(path)
    ]


def environments(system: FileSystem) -> dict[str, str]:
    """Return the text of each pyvenv.cfg, which says whose standard library is used."""
    return {path: _whole(system.texts, path) for path in system.merged if path.endswith("/pyvenv.cfg")}


def _whole(texts: Mapping[str, str], path: str) -> str:
    text = texts.get(path, "")
    return text if len(text) <= TEXT_KEPT else ""


def _leads(system: FileSystem, path: str, text: str) -> list[str]:
    """Return where the searched lines of a .pth file lead to, from its directory (Python's manual, site)."""
    lines = (line.rstrip() for line in text.splitlines())
    directories = [line for line in lines if line and not line.startswith(("#", "import ", "import\t"))]
    return [system.follow(posixpath.join(posixpath.dirname(path), line)) for line in directories]


def is_hook(path: str) -> bool:
    """Whether a file changes what any Python process does, or any process, whoever owns it.

    Python runs it at the start (site), the loader loads it first (ld.so(8)), or it lies among the standard library.
    """
    directory, name = posixpath.split(path)
    module, _, suffix = name.partition(".")
    if not STARTUP.isdisjoint(path.split("/")) or (module in STARTUP and MODULE.match(suffix)):
        return True
    if posixpath.basename(directory) in ("site-packages", "dist-packages"):
        return name.endswith(".pth")
    return LOADER.match(path) is not None or STDLIB.search(path) is not None
