"""Which file `python` is on an image's PATH."""

import posixpath
from collections.abc import Iterable

from verify.contents import elf
from verify.contents.filesystem import FileSystem
from verify.contents.model import Interpreter


def interpreter(system: FileSystem, path: Iterable[str]) -> Interpreter | None:
    """Return the first ``python`` in the directories of PATH."""
    for directory in path:
        found = system.resolve(posixpath.join(directory, "python"))
        if found is not None:
            entry = system.merged[found]
            facts = entry.facts
            return Interpreter(
                path=found, layer=entry.layer, sha256=facts.sha256 or "", machine=elf.machine_name(facts.machine)
            )
    return None
