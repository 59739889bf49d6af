"""Files that change what every Python process does, or every process."""

import posixpath
import re
from collections.abc import Mapping

from verify.contents.files import SITE
from verify.contents.filesystem import FileSystem
from verify.contents.model import Hook

TEXT_KEPT = 1 << 16  # characters: a longer text is not kept at all, as half a text cannot be judged
ACTIVATE = "activate_this.py"  # virtualenv's and uv's, beside the scripts: it does nothing where it is imported
STARTUP = {"sitecustomize", "usercustomize"}  # modules that site imports, in any form
MODULE = re.compile(r"(py|pyc|so|abi3\.so|cpython-\d+[\w-]*\.so)$")  # what comes after a module's name
STDLIB = re.compile(r"^/usr/(?:local/)?lib/python3(?:\.\d+/(?!(?:site|dist)-packages/)|\d+\.zip$)")
# Files in which the loader reads where libraries are, and directories that it searches first (ld.so(8))
LOADER = re.compile(r"/etc/ld\.so\.(?:preload|cache|conf)|.*/glibc-hwcaps/")


def hooks(system: FileSystem, owner: Mapping[str, str], working_directory: str) -> list[Hook]:
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
        if entry.layer and is_hook(path, working_directory, link=entry.target is not None)
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


def is_hook(path: str, working_directory: str, *, link: bool = False) -> bool:
    """Whether a file changes what any Python process does, or any process.

    Python runs it at the start (site), the loader loads it first (ld.so(8)), or it lies among the standard library. Or
    it can be imported from where Python searches modules first. That is the working directory for `python -c` and
    `-m`, and a script's own directory for a script. A ``link`` there may lead to a package.
    """
    directory, name = posixpath.split(path)
    module, _, suffix = name.partition(".")
    is_module = MODULE.match(suffix) is not None
    if not STARTUP.isdisjoint(path.split("/")) or (module in STARTUP and is_module):
        return True
    if posixpath.basename(directory) in ("site-packages", "dist-packages"):
        return name.endswith(".pth")
    if module == "__init__":  # a package; Python takes a directory without it last
        directory, module = posixpath.split(directory)
    shadows = is_module or (link and not suffix and not module.startswith("python"))
    of_a_script = posixpath.basename(directory) == "bin" and not SITE.search(path) and name != ACTIVATE
    if (directory == working_directory or of_a_script) and shadows and module.isidentifier():
        return True
    return LOADER.match(path) is not None or STDLIB.search(path) is not None
