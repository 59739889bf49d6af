"""Which files of an image are CUDA's or PyTorch's, and which do not belong in an image."""

import posixpath
import re

from verify.contents.files import CUDA
from verify.contents.filesystem import FileSystem
from verify.contents.model import Library, Misplaced
from verify.contents.raw_layer import NOTHING, Facts

LIBRARY = re.compile(r"\.(?:so(?:\.\d+)*|a)$")
TORCH = re.compile(r"lib(torch|c10)[\w-]*\.so")  # PyTorch's own libraries


def is_cuda_name(path: str) -> bool:
    """Whether a path has the name of a CUDA library, shared or static."""
    name = posixpath.basename(path)
    return CUDA.match(name) is not None and LIBRARY.search(name) is not None


def is_torch(path: str, facts: Facts = NOTHING) -> bool:
    """Whether a file makes the package torch, or is a library of it by its file name or soname."""
    return path.endswith("/torch/__init__.py") or any(
        TORCH.match(name) for name in (facts.soname or "", posixpath.basename(path))
    )


def cuda_libraries(system: FileSystem) -> list[Library]:
    """Return the libraries that are CUDA's by soname or by any of their names, whatever they hold."""
    others: dict[tuple[int, str], str] = {}
    for path in sorted(filter(is_cuda_name, system.merged)):
        if (end := system.resolve(path)) is not None:
            others.setdefault(system.merged[end].inode, path)
    found = []
    for path, entry in system.regular_files():
        soname, other = entry.facts.soname or "", others.get(entry.inode)
        if is_cuda_name(path) or CUDA.match(soname) or other is not None:
            named = path if other is None or is_cuda_name(path) else other
            found.append(Library(soname=soname or posixpath.basename(named), path=named, bytes=entry.size))
    return found


def cuda_code(system: FileSystem) -> dict[str, str]:
    """Return the files that are CUDA's by their content, each with the reason."""
    return {path: entry.facts.cuda for path, entry in system.regular_files() if entry.facts.cuda}


def torch(system: FileSystem) -> list[str]:
    """Return PyTorch's files in any layer, although a later layer deletes them."""
    return sorted(
        {path for layer in system.layers for path in layer.paths if is_torch(path, layer.facts.get(path, NOTHING))}
    )


def all_misplaced(system: FileSystem) -> list[Misplaced]:
    """Return what in the files of all layers does not belong there."""
    return [
        Misplaced(kind=kind, path=path, layer=number)  # type: ignore[arg-type]  # the kinds that the reader gives
        for number, layer in enumerate(system.layers)
        for kind, path in layer.misplaced
    ]
