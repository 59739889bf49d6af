"""Reads layers where an engine keeps them: a directory a layer, as overlay file systems have them.

A whiteout is a character device 0/0 there, and an opaque directory has an extended attribute (the kernel's
overlayfs.rst). The reader is a process of its own, here or in a container, and imports the standard library only. It
prints JSON: a line a layer, or one line that says why there is none.

An export proves its bytes: their digests are the layers' own. Here the engine's directory is believed.
"""

import base64
import contextlib
import errno
import gzip
import json
import multiprocessing
import os
import posixpath
import stat
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from verify.contents import members
from verify.contents.members import OPAQUE, WHITEOUT, Member
from verify.contents.raw_layer import Facts, RawLayer

CAPABILITY = "security.capability"
LISTS = "system.posix_acl_"  # how the attributes of access control lists begin (acl(5))
# What marks an opaque directory, without the beginning that this kernel believes (overlayfs.rst, userxattr)
OPAQUE_ATTRIBUTE = "overlay.opaque"
# Of a file or directory whose content lies in another layer (overlayfs.rst, metacopy and redirect_dir)
ELSEWHERE = (".overlay.metacopy", ".overlay.redirect")
CAP_SYS_ADMIN = 1 << 21  # who has it sees attributes that begin with `trusted.` (xattr(7), capability.h)
EVERYBODY = ["0", "0", "4294967295"]  # the user namespace that holds all users (user_namespaces(7))
PER_FILE = 300_000  # bytes that can be searched in the time that opening a small file takes
CHUNKS = 16  # for each process, so that the last one to end is not awaited long
VANISHED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE)  # what was found a moment ago

Stamp = tuple[int, ...]
Read = tuple[Facts, members.Misplaced]


class Changed(Exception):
    """A layer changed while it was read: half of it is no layer."""


class Refused(Exception):
    """A layer's directory cannot be read from here, or not as the engine would export it."""


@dataclass(frozen=True)
class File:
    """A regular file to be read."""

    place: str
    member: Member
    stamp: Stamp  # of the moment when it was found


@dataclass
class Walk:
    """What a walk through a layer's directory found."""

    top: str
    attribute: str  # of opaque directories
    opaque: Counter[str] | None  # where attributes cannot be seen: how many marks a path has in the archive
    members: list[Member] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    directories: dict[str, Stamp] = field(default_factory=dict)  # by place
    linked: dict[tuple[int, int], list[File]] = field(default_factory=dict)  # by device and inode: hard links

    def walk(self) -> None:
        """Find all that lies in the directory; raises Changed, Refused."""
        pending = [self.top]
        while pending:
            place = pending.pop()
            with _watched(place):
                status = os.lstat(place)
                self._directory(place, status)
                if members.is_too_long(self._path(place)):
                    continue
                with os.scandir(place) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(entry.path)
                        else:
                            self._entry(entry.path, entry.stat(follow_symlinks=False))
        for group in self.linked.values():
            self._hard_links(sorted(group, key=lambda file: file.member.path.split("/")))

    def _path(self, place: str) -> str:
        return members.shown(place.removeprefix(self.top) or "/")

    def _directory(self, place: str, status: os.stat_result) -> None:
        if not stat.S_ISDIR(status.st_mode):
            raise Changed(place)
        self.directories[place] = _stamp(status)
        path, names = self._path(place), _attributes(place)
        self.members.append(_member(path, "directory", status, names))
        if self.opaque is None:
            opaque = self.attribute in names and os.getxattr(place, self.attribute, follow_symlinks=False) == b"y"
        else:
            opaque = self.opaque[path] > _lookalikes(place)
        if opaque:
            self.members.append(Member(path, "opaque"))

    def _entry(self, place: str, status: os.stat_result) -> None:
        path = self._path(place)
        if _is_whiteout(status):
            self.members.append(Member(path, "whiteout"))
        elif stat.S_ISLNK(status.st_mode):
            self.members.append(Member(path, "link", target=members.shown(os.readlink(place))))  # noqa: PTH115 - as it is written
        else:
            regular = stat.S_ISREG(status.st_mode)
            names = _attributes(place) if regular else []
            member = _member(path, "file" if regular else "other", status, names)
            file = File(place, member, _stamp(status))
            if status.st_nlink > 1:
                self.linked.setdefault((status.st_dev, status.st_ino), []).append(file)
            else:
                self._add(file)

    def _hard_links(self, group: list[File]) -> None:
        self._add(group[0])
        first = group[0].member.path
        self.members += [Member(file.member.path, "hard link", target=first) for file in group[1:]]

    def _add(self, file: File) -> None:
        if file.member.kind == "file":
            self.files.append(file)
        else:
            self.members.append(file.member)

    def layer(self, read: dict[str, Read]) -> RawLayer:
        """Put the layer together, given what was read of its files, by place."""
        layer = RawLayer()
        for member in self.members:
            members.add(layer, member)
        for file in self.files:
            members.add(layer, file.member, *read[file.place])
        members.settle(layer)
        return layer

    def check(self) -> None:
        """Raise Changed where a directory is another than it was before its files were read."""
        for place, before in self.directories.items():
            with _watched(place):
                if _stamp(os.lstat(place)) != before:
                    raise Changed(place)


@contextlib.contextmanager
def _watched(place: str) -> Iterator[None]:
    """Tell what vanished since it was found from what may not be read."""
    try:
        yield
    except OSError as error:
        if error.errno in VANISHED:
            raise Changed(place) from None
        raise Refused(f"{place}: {error.strerror}") from None


def _is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _lookalikes(place: str) -> int:
    """Return how many marks in the archive are none: a file of that name, and the whiteout of one named `.wh..opq`."""
    found = 0
    for name, whiteout in ((OPAQUE, False), (OPAQUE.removeprefix(WHITEOUT), True)):
        with contextlib.suppress(FileNotFoundError):
            found += _is_whiteout(os.lstat(posixpath.join(place, name))) == whiteout
    return found


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _member(path: str, kind: members.Kind, status: os.stat_result, attributes: list[str]) -> Member:
    return Member(
        path,
        kind,
        size=status.st_size if kind == "file" else 0,
        owner=status.st_uid,
        group=status.st_gid,
        mode=stat.S_IMODE(status.st_mode),
        modified=status.st_mtime_ns // 10**9,
        capable=kind == "file" and CAPABILITY in attributes,
        listed=any(name.startswith(LISTS) for name in attributes),
    )


def _attributes(place: str) -> list[str]:
    try:
        names = os.listxattr(place, follow_symlinks=False)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        names = []
    if any(name.endswith(ELSEWHERE) for name in names):
        raise Refused(f"{place}: its content lies in another layer")
    return names


def _sees_trusted() -> bool:
    """Whether this process sees the attributes that mark opaque directories."""
    with contextlib.suppress(OSError):
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text("utf-8").splitlines())
        users = Path("/proc/self/uid_map").read_text("utf-8").split()
        return bool(int(status["CapEff"], 16) & CAP_SYS_ADMIN) and users == EVERYBODY
    return False


def _opaque(notes: str) -> Counter[str]:
    """Return the marked directories of a layer, from Docker's notes of its archive (tar-split, type 1: an entry)."""
    found = []
    try:
        with gzip.open(notes, "rt", encoding="utf-8") as lines:
            for line in lines:
                entry = json.loads(line)
                if entry["type"] == 1:
                    raw = base64.b64decode(entry["name_raw"]) if entry.get("name_raw") else entry["name"].encode()
                    found.append(posixpath.normpath("/" + os.fsdecode(raw).lstrip("/")))
    except (OSError, EOFError, ValueError, LookupError) as error:
        raise Refused(f"{notes}: {error}") from error
    directories = (posixpath.split(path) for path in found)
    return Counter(members.shown(directory) for directory, name in directories if name == OPAQUE)


def read_layers(places: list[str], notes: list[str], believed: str = "trusted") -> list[RawLayer]:
    """Read the layers in these directories; ``notes``: where Docker's notes of their archives lie.

    ``believed``: how the attributes begin that the engine's kernel believes, "trusted" or "user". Anybody may set the
    other ones, and they hide nothing. Without the right to see the attribute of opaque directories, the notes say which
    these are.

    Raises:
        Changed: a layer changed while it was read.
        Refused: a layer cannot be read from here.

    """
    seen = believed == "user" or _sees_trusted()
    if not seen and len(notes) != len(places):
        raise Refused("opaque directories cannot be seen from here")
    attribute = f"{believed}.{OPAQUE_ATTRIBUTE}"
    walks = [Walk(place, attribute, None if seen else _opaque(notes[number])) for number, place in enumerate(places)]
    for walk in walks:
        walk.walk()
    read = _read([file for walk in walks for file in walk.files])
    for walk in walks:
        walk.check()
    return [walk.layer(read) for walk in walks]


def _read(files: list[File]) -> dict[str, Read]:
    """Read files in as many processes as the machine has processors, the largest files first."""
    processes = len(os.sched_getaffinity(0))
    chunks = list(_chunks(files, processes * CHUNKS))
    known: dict[str, Read] = {}
    with ProcessPoolExecutor(processes, multiprocessing.get_context("fork"), _end_with_parent) as pool:
        for read in pool.map(_read_chunk, chunks):
            known |= read
    return known


def _end_with_parent() -> None:
    """Let this process end with the one that started it, also where that one is killed."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _chunks(files: list[File], number: int) -> Iterator[list[File]]:
    share = sum(file.member.size + PER_FILE for file in files) // number
    chunk, weight = list[File](), 0
    for file in sorted(files, key=lambda file: (-file.member.size, file.place)):
        chunk.append(file)
        weight += file.member.size + PER_FILE
        if weight >= share:
            yield chunk
            chunk, weight = [], 0
    if chunk:
        yield chunk


def _read_chunk(files: Iterable[File]) -> dict[str, Read]:
    return {file.place: _read_file(file) for file in files}


def _read_file(file: File) -> Read:
    with _watched(file.place):
        descriptor = os.open(file.place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb", buffering=0) as stream:  # noqa: PTH123 - it is open already
            if _stamp(os.fstat(descriptor)) != file.stamp:
                raise Changed(file.place)
            read = members.look_into(file.member, stream)
            if _stamp(os.fstat(descriptor)) != file.stamp:
                raise Changed(file.place)
    return read


def _document(layer: RawLayer) -> dict[str, object]:
    facts = {path: vars(found) for path, found in layer.facts.items()}
    return {**vars(layer), "directories": sorted(layer.directories), "facts": facts}


def main(request: str) -> None:
    """Read the layers of a request (JSON) and print them, a line each, or why there are none."""
    asked = json.loads(request)
    try:
        for layer in read_layers(asked["places"], asked["notes"], asked["believed"]):
            print(json.dumps({"layer": _document(layer)}))
    except Changed as changed:
        print(json.dumps({"changed": members.shown(str(changed))}))
    except Refused as refused:
        print(json.dumps({"refused": members.shown(str(refused))}))


if __name__ == "__main__":
    main(sys.argv[1])
