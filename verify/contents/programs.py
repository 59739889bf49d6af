"""Where PATH and the words of an image's commands lead to."""

import posixpath
from collections.abc import Iterable, Mapping, Sequence

from verify.contents import elf
from verify.contents.command_words import PYTHON
from verify.contents.filesystem import FileSystem
from verify.contents.model import Interpreter, Named, Searched


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


def searched(system: FileSystem, path: Iterable[str]) -> list[Searched]:
    """Return each directory of PATH, and where ``python`` in it leads to."""
    return [_searched(system, directory) for directory in path]


def _searched(system: FileSystem, directory: str) -> Searched:
    python = system.follow(posixpath.join(directory, "python"))
    found = system.merged.get(python)
    layer = None if found is None else found.layer
    return Searched(directory=directory, python=python, layer=layer, path=system.follow(directory))


def named(
    system: FileSystem, owner: Mapping[str, str], words: Iterable[str], path: Sequence[str], working_directory: str
) -> list[Named]:
    """Return each file that a word may lead to, and each Python on PATH.

    All programs of a name on PATH count: if the user may not run the first, the next is run (execvp(3)).
    """
    there = (posixpath.split(place) for place in system.merged)
    pythons = {name for directory, name in there if directory in path and PYTHON.fullmatch(name)}
    found = set[tuple[str, str | None]]()
    for word in {*words, "python3", *pythons}:
        places = [working_directory] if "/" in word else [*path, working_directory]
        found |= {(word, system.resolve(posixpath.join(place, word))) for place in places}
    return [
        Named(word=word, path=place, layer=system.merged[place].layer, distribution=owner.get(place, ""))
        for word, place in sorted((word, place) for word, place in found if place is not None)
    ]
