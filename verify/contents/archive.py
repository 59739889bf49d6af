"""The layers of an exported image (``docker save``).

All layouts are read: layers named by digest (OCI image layout), packed by gzip, by zstd or not, the older one with a
directory a layer, and Podman's, in which these directories hold links.
Why not tarfile alone: it takes a damaged header for the archive's end, and does not hash what it reads.
"""

import gzip
import hashlib
import io
import posixpath
import re
import stat
import tarfile
import zlib
from collections.abc import Container, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import IO, Any, Self

from backports import zstd

from verify.contents import files, members
from verify.contents.members import Member
from verify.contents.raw_layer import RawLayer, UnreadableArchive

STEP = 1 << 16  # bytes: tarfile copies the rest of its buffer for every header, and most files are small
GZIP = b"\x1f\x8b"
ZSTD = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")  # a frame, or one to be skipped (RFC 8878)
CAPABILITY = "SCHILY.xattr.security.capability"  # how archives keep file capabilities (capabilities(7))
LISTS = ("SCHILY.acl.", "SCHILY.xattr.system.posix_acl_")  # and access control lists: star(1), and as attributes


class Stream(io.RawIOBase):
    """Chunks of the engine's as a file that can be read."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks, self.rest = iter(chunks), memoryview(b"")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as the next chunk goes."""
        while not self.rest:
            chunk = next(self.chunks, None)
            if chunk is None:
                return 0
            self.rest = memoryview(chunk)
        size = min(len(buffer), len(self.rest))
        buffer[:size] = self.rest[:size]
        self.rest = self.rest[size:]
        return size


class _StrictHeader(tarfile.TarInfo):
    """A damaged or missing header is an error. By itself tarfile takes it for the archive's end."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        """Read the next header; only the zeros that end an archive may end it."""
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # there since Python 3.2, not in the stubs
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"a damaged or missing header: {error}") from error


class _Hashed(io.RawIOBase):
    """A stream that knows the digest of the bytes read so far. A thread hashes each block while it is examined."""

    def __init__(self, source: IO[bytes], thread: Executor) -> None:
        self.source, self.thread, self.hash = source, thread, hashlib.sha256()
        self.rest = memoryview(b"")
        self.hashing: Future[None] = thread.submit(self.hash.update, b"")

    def readinto(self, buffer: Any) -> int:
        if not self.rest:
            self._next()
        size = min(len(buffer), len(self.rest))
        buffer[:size] = self.rest[:size]
        self.rest = self.rest[size:]
        return size

    def _next(self) -> None:
        block = self.source.read(files.BLOCK)
        self.hashing.result()  # so that no more than one block waits for the thread
        self.rest, self.hashing = memoryview(block), self.thread.submit(self.hash.update, block)

    def digest(self) -> str:
        """Return the digest, in hexadecimal, of all that was read."""
        self.hashing.result()
        return self.hash.hexdigest()


def read_layers(archive: Iterable[bytes], known: Container[str] = ()) -> dict[str, RawLayer]:
    """Read the layers from the chunks of an exported archive, by diff id: the digest of the bytes read.

    Blobs that are named by a diff id in ``known`` are skipped.

    Raises:
        UnreadableArchive: the archive is cut off or damaged.

    """
    layers: dict[str, RawLayer] = {}
    source = io.BufferedReader(Stream(archive), files.BLOCK)
    try:
        with (
            ThreadPoolExecutor(1) as thread,
            tarfile.open(fileobj=source, mode="r|", bufsize=files.BLOCK, tarinfo=_StrictHeader) as outer,
        ):
            for member in outer:
                if _may_be_layer(member.name, known):
                    stream = outer.extractfile(member) if member.isreg() else None
                    layers |= _read_layer(stream, thread) if stream is not None else {}
    except (tarfile.TarError, EOFError, ValueError, gzip.BadGzipFile, zlib.error, zstd.ZstdError) as error:
        raise UnreadableArchive(f"the exported archive is unreadable: {error}") from error
    return layers


def _may_be_layer(path: str, known: Container[str]) -> bool:
    """Tell whether a member may be a layer: a digest as a blob or with `.tar` (Podman), or `layer.tar`."""
    directory, name = posixpath.split(path)
    if name == "layer.tar":
        return True
    if directory and directory != "blobs/sha256":
        return False
    return bool(directory or name.endswith(".tar")) and f"sha256:{name.removesuffix('.tar')}" not in known


def _read_layer(stream: IO[bytes], thread: Executor) -> dict[str, RawLayer]:
    """Read one layer's archive. A blob that is no layer (a manifest, a configuration) gives none."""
    buffered = io.BufferedReader(stream, files.BLOCK)  # type: ignore[type-var]  # ExFileObject is a raw reader
    start = buffered.peek()
    if start[:1] in (b"{", b""):
        return {}
    layer, hashed = RawLayer(), _Hashed(_unpacked(buffered, start), thread)
    with tarfile.open(fileobj=hashed, mode="r|", bufsize=STEP, tarinfo=_StrictHeader) as inner:
        for member in inner:
            _read_member(layer, inner, member)
    while hashed.read(files.BLOCK):
        pass  # the digest covers the zeros that fill up the last record
    members.settle(layer)
    return {f"sha256:{hashed.digest()}": layer}


def _unpacked(stream: Any, start: bytes) -> Any:
    if start.startswith(GZIP):
        return gzip.GzipFile(fileobj=stream)
    return zstd.ZstdFile(stream) if ZSTD.match(start) else stream


def _absolute(name: str) -> str:
    """Return a member's path from the root. Two slashes at its start would stay (POSIX), so they are removed first."""
    return members.shown(posixpath.normpath("/" + name.lstrip("/")))


def _kind(member: tarfile.TarInfo) -> members.Kind:
    if member.isdir():
        return "directory"
    if member.issym():
        return "link"
    if member.islnk():
        return "hard link"
    return "file" if member.isreg() else "other"


def _deletion(path: str, member: tarfile.TarInfo) -> Member | None:
    """Return what a member with a whiteout's name says; None where it is a file that only has the name.

    A whiteout is empty, root's and closed to all others. The mark of an opaque directory is empty and has the
    permissions of that directory, which can be searched (Docker's overlay2). BuildKit gives neither any permission.
    """
    directory, name = posixpath.split(path)
    if not name.startswith(members.WHITEOUT) or not member.isreg() or member.size:
        return None
    if name == members.OPAQUE and (member.mode & stat.S_IXUSR or not member.mode):
        return Member(directory, "opaque")
    if member.mode & (stat.S_IRWXG | stat.S_IRWXO) or member.uid or member.gid:
        return None
    return Member(posixpath.join(directory, name.removeprefix(members.WHITEOUT)), "whiteout")


def _read_member(layer: RawLayer, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    path, kind = _absolute(member.name), _kind(member)
    target = members.shown(member.linkname) if kind == "link" else _absolute(member.linkname)
    capable, listed = CAPABILITY in member.pax_headers, any(name.startswith(LISTS) for name in member.pax_headers)
    modified = int(member.pax_headers.get("mtime", "").partition(".")[0] or member.mtime)  # a fraction may round it up
    owner = member.uid, member.gid, member.mode
    found = Member(path, kind, member.size, target, *owner, modified, capable, listed)
    if deletion := _deletion(path, member):
        members.add(layer, deletion)
        return
    stream = archive.extractfile(member) if kind == "file" else None
    if stream is None:
        members.add(layer, found)
    else:
        members.add(layer, found, *members.look_into(found, stream))
