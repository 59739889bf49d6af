"""What an image's layers hold: facts read from its exported archive, never by asking the image.

Contents depend on the image's identity (the README's glossary) and on which directories the contract calls writable, so
they may be kept by both.
"""

import posixpath
from collections.abc import Iterable, Mapping

from verify.contents import accounts, command_words, distributions, dpkg, files, permissions
from verify.contents.filesystem import Entry, Merged, follow, merge, resolve
from verify.contents.model import (
    Contents,
    Distribution,
    Hook,
    Interpreter,
    Layer,
    Leftover,
    Library,
    Named,
    Package,
    Searched,
)
from verify.contents.raw_layer import RawLayer, UnreadableArchive

TEXT_KEPT = 1 << 16  # characters: a longer text is not kept at all, as what was cut off cannot be judged


def summed(
    known: Mapping[str, RawLayer],
    identity: str,
    diff_ids: list[str],
    path: str,
    working_directory: str = "/",
    *,
    user: str = "",
    writable: Iterable[str] = (),
    words: Iterable[str] = (),
) -> Contents:
    """Return what layers, given by diff id, make together.

    ``path`` is the image's PATH variable, ``working_directory`` where its processes start, ``user`` whom they run
    as; what lies in a ``writable`` directory is left over from a run. ``words``: what its commands may name.

    Raises:
        UnreadableArchive: a layer with one of these diff ids is not among them.

    """
    if lacking := [diff_id for diff_id in diff_ids if diff_id not in known]:
        raise UnreadableArchive(f"the exported archive lacks {len(lacking)} of the image's layers: {lacking[0]}")
    layers = [known[diff_id] for diff_id in diff_ids]
    merged, repeated = merge(layers)
    written = tuple({f"{one}/" for directory in writable for one in (directory, follow(merged, directory))})
    texts = {name: entry.facts.text for name, entry in merged.items() if entry.facts.text is not None}
    installed, owner = distributions.read(texts)
    working_directory = follow(merged, working_directory)
    numbers, given = accounts.numbers(user, texts), permissions.above_the_lowest(layers)
    directories = {path for layer in layers for path in layer.directories}
    return Contents(
        identity=identity,
        layers=[
            Layer(
                diff_id=diff_id,
                unpacked_bytes=sum(layer.sizes.values()),
                repeated_bytes=again[0],
                replaced=again[1],
                files=len(layer.sizes),
                by_distribution=distributions.bytes_by_owner(layer.sizes, owner),
            )
            for layer, diff_id, again in zip(layers, diff_ids, repeated, strict=True)
        ],
        distributions=[
            Distribution(
                name=one.name,
                version=one.version,
                path=one.path,
                layer=merged[f"{one.path}/METADATA"].layer,
                licence=one.licence,
                record=distributions.fingerprint(one, texts),
            )
            for one in installed
        ],
        cuda_libraries=[
            Library(soname=entry.facts.soname or posixpath.basename(name), path=name, bytes=entry.size)
            for name, entry in sorted(_once(merged).items())
            if files.is_cuda_library(entry.facts, name)
        ],
        cuda_code={name: entry.facts.cuda for name, entry in sorted(_once(merged).items()) if entry.facts.cuda},
        interpreter=_interpreter(merged, path),
        search=[_searched(merged, directory) for directory in path.split(":")],
        named=_named(merged, owner, {*words, "python3"}, path.split(":"), working_directory),
        working_directory=working_directory,
        hooks=[
            Hook(
                path=name,
                layer=entry.layer,
                distribution=owner.get(name, ""),
                text=_whole(texts, name),
                leads=_leads(merged, name, _whole(texts, name)),
            )
            for name, entry in sorted(merged.items())
            if entry.layer and files.is_hook(name, working_directory, link=entry.target is not None)
        ],
        packages=[
            Package(name=one.name, version=one.version, architecture=one.architecture, licences=list(one.licences))
            for one in dpkg.read(texts)
        ],
        altered=sorted(
            {
                row.path
                for one in installed
                for row in distributions.recorded(one, texts)
                if row.path in merged and merged[row.path].layer and _differs(merged[row.path], row)
            }
        ),
        unowned={
            path: merged[path].layer
            for path in distributions.unowned((name for name, entry in merged.items() if entry.layer), owner)
        },
        torch=sorted(
            {
                path
                for layer in layers
                for path in (*layer.sizes, *layer.links, *layer.hard)
                if files.is_torch(path, layer.facts.get(path, files.NOTHING))
            }
        ),
        accounts=accounts.faults((path for path in accounts.FILES if path in merged), texts, user),
        writable=permissions.writable(given, numbers, (*written, *permissions.FOR_EVERYBODY)),
        unreadable=permissions.unreadable(given, numbers, {*owner, *_below(merged, working_directory)}, directories),
        absent=_absent(installed, texts, merged),
        environments={name: _whole(texts, name) for name in merged if name.endswith("/pyvenv.cfg")},
        privileged=sorted(
            {path for layer in layers[1:] for path in layer.privileged if path in merged and merged[path].layer}
        ),
        leftovers=[
            Leftover(kind=kind, path=name, layer=number)  # type: ignore[arg-type]  # files.leftover's own words
            for number, layer in enumerate(layers)
            for kind, name in [
                *layer.leftovers,
                *(("data", name) for name in (*layer.sizes, *layer.links, *layer.hard) if name.startswith(written)),
            ]
        ],
    )


def _below(merged: Merged, directory: str) -> list[str]:
    """Return the paths below a directory, none where it is the root."""
    return [path for path in merged if directory != "/" and path.startswith(f"{directory}/")]


def _differs(entry: Entry, row: distributions.Row) -> bool:
    """Whether a file is not what a line of a RECORD says of it; what that line leaves out cannot differ.

    Wheels hold no links, and the source that a hard link leads to outside of the packages was not read.
    """
    unread = row.path.endswith(".py") and entry.facts.sha256 is None
    other = bool(row.sha256) and (unread or entry.facts.sha256 not in (None, row.sha256))
    return other or row.size not in (None, entry.size) or entry.target is not None


def _interpreter(merged: Merged, path: str) -> Interpreter | None:
    for directory in path.split(":"):
        found = resolve(merged, posixpath.join(directory, "python"))
        if found is not None:
            entry = merged[found]
            return Interpreter(path=found, layer=entry.layer, sha256=entry.facts.sha256 or "")
    return None


def _searched(merged: Merged, directory: str) -> Searched:
    python = follow(merged, posixpath.join(directory, "python"))
    found = merged.get(python)
    layer = None if found is None else found.layer
    return Searched(directory=directory, python=python, layer=layer, path=follow(merged, directory))


def _named(
    merged: Merged, owner: Mapping[str, str], words: Iterable[str], search: list[str], working_directory: str
) -> list[Named]:
    """Return each file that a word may lead to: who may not run PATH's first goes on to the next (execvp(3))."""
    found = set()
    there = (posixpath.split(path) for path in merged)
    pythons = {name for directory, name in there if directory in search and command_words.PYTHON.fullmatch(name)}
    for word in {*words, *pythons}:
        places = [working_directory] if "/" in word else [*search, working_directory]
        found |= {(word, resolve(merged, posixpath.join(place, word))) for place in places}
    return [
        Named(word=word, path=path, layer=merged[path].layer, distribution=owner.get(path, ""))
        for word, path in sorted((word, path) for word, path in found if path is not None)
    ]


def _leads(merged: Merged, name: str, text: str) -> list[str]:
    """Return where the lines of a .pth file that are searched lead to, from its directory (Python's manual, site)."""
    lines = (line.rstrip() for line in text.splitlines())
    searched = [line for line in lines if line and not line.startswith(("#", "import ", "import\t"))]
    return [follow(merged, posixpath.join(posixpath.dirname(name), line)) for line in searched]


def _whole(texts: Mapping[str, str], name: str) -> str:
    text = texts.get(name, "")
    return text if len(text) <= TEXT_KEPT else ""


def _absent(
    installed: Iterable[distributions.Installed], texts: Mapping[str, str], merged: Merged
) -> dict[str, list[str]]:
    """Return what RECORDs list and the file system lacks; bytecode comes and goes (PyPA, the RECORD file)."""
    found = {}
    for one in installed:
        listed = (row.path for row in distributions.recorded(one, texts) if not row.path.endswith(".pyc"))
        lacking = sorted(path for path in listed if path not in merged and resolve(merged, path) is None)
        if lacking:
            found[one.path] = lacking
    return found


def _once(merged: Merged) -> Merged:
    """Return the regular files, each under one name: the first, and so a real one, of its hard links."""
    first: dict[tuple[int, str], str] = {}
    for name, entry in sorted(merged.items(), key=lambda item: (item[0] != item[1].inode[1], item[0])):
        if entry.target is None:
            first.setdefault(entry.inode, name)
    return {name: merged[name] for name in first.values()}
