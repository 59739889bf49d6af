"""Which files are not what they seem: bytecode of another source, and ELF files that no loader takes."""

import sys
from collections.abc import Iterator

from verify.contents import bytecode, elf
from verify.contents.distributions import source_of
from verify.contents.filesystem import Entry, FileSystem
from verify.contents.model import Broken


def broken(system: FileSystem, machine: str | None) -> list[Broken]:
    """Return what is broken above the lowest layer.

    ``machine``: of the image's interpreter, as in the facts of its file; None where it has none.
    """
    above = ((path, entry) for path, entry in sorted(system.merged.items()) if entry.layer and entry.target is None)
    return [
        Broken(path=path, layer=entry.layer, why=why)
        for path, entry in above
        for why in _faults(system, path, entry, machine)
    ]


def _faults(system: FileSystem, path: str, entry: Entry, machine: str | None) -> Iterator[str]:
    facts, shared = entry.facts, elf.is_named(path)
    if shared and facts.machine is None:
        yield "no ELF file"
    elif facts.unloadable == elf.CUT_OFF or (shared and facts.unloadable):
        yield facts.unloadable
    elif facts.machine == elf.SCRIPT:
        return
    elif facts.machine not in (None, machine) and machine is not None and not elf.is_of_a_gpu(facts.machine):
        yield "for another machine"
    source = source_of(path)
    if source != path and (end := system.resolve(source)) is not None:
        if f".{sys.implementation.cache_tag}." not in path:
            yield "bytecode of another Python, by its name"
            return
        there = system.merged[end]
        if why := bytecode.fault(facts.header, there.facts.header, empty=not there.size):
            yield why
