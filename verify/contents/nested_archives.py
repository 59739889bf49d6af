"""Looks into archives for files that do not belong in an image: zip, tar, gzip, bzip2 and xz, one within another.

A zip archive may lie behind anything, a tar archive behind another, and the oldest tar archives have no magic. The
reading is bounded in bytes, members and depth. An archive beyond the bounds is reported as not looked through.
Why not tarfile and zipfile alone: they unpack here, too, but set no bounds, and one of them has to be chosen first.
"""

import bz2
import contextlib
import gzip
import io
import itertools
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import IO

AT_MOST = 64 << 20  # bytes of an archive, and bytes that are unpacked of it
MEMBERS_AT_MOST = 5000
DEEPEST = 3  # archives within archives
NOT_LOOKED_THROUGH = "archive"  # the kind of misplaced file


def _gunzip(data: io.BytesIO) -> IO[bytes]:
    return gzip.GzipFile(fileobj=data)  # type: ignore[return-value]  # it is such a stream, but for one method that is not called


_PACKED: dict[bytes, Callable[[io.BytesIO], AbstractContextManager[IO[bytes]]]] = {
    b"\x1f\x8b\x08": _gunzip,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_ZIP = b"PK\x03\x04"
# A zip archive behind a script, a program, a picture: its first header, whose version and method are known ones
_ZIP_BEHIND = re.compile(rb"PK\x03\x04[\x00-\x3f][\x00-\x03]..[\x00-\x14\x5d-\x63]\x00", re.DOTALL)
_USTAR = (b"ustar", 257)  # magic and offset of a tar archive's first header (POSIX, pax)
_CHECKSUM = re.compile(rb"[ 0-7]{6,7}[\x00 ]"), 148  # digits and offset of what all tar archives have
_DAMAGED = (
    OSError, EOFError, ValueError, LookupError, RuntimeError, NotImplementedError,
    zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile,
)  # fmt: skip

# Returns the kinds of misplaced file that a member is, given its path and its content.
Judge = Callable[[str, bytes], list[str]]


class _TooMuchError(Exception):
    """The archive goes beyond a bound."""


class _Budget:
    """How much may still be read of an archive and of the archives in it."""

    def __init__(self) -> None:
        self.bytes, self.members = AT_MOST, MEMBERS_AT_MOST

    def read(self, stream: IO[bytes], at_most: int) -> bytes:
        data = stream.read(min(at_most, self.bytes + 1))
        self.bytes -= len(data)
        if self.bytes < 0:
            raise _TooMuchError
        return data

    def member(self) -> None:
        self.members -= 1
        if self.members < 0:
            raise _TooMuchError


def is_archive(head: bytes) -> bool:
    """Whether a file that begins so is an archive or packed, or may have an archive behind it. Names do not count."""
    return head.startswith((_ZIP, *_PACKED)) or _is_tar(head) or _ZIP_BEHIND.search(head) is not None


def _is_tar(head: bytes) -> bool:
    """Whether a tar archive's header begins a file: by its magic, or as before POSIX by its checksum alone."""
    if head.startswith(*_USTAR):
        return True
    digits, at = _CHECKSUM
    if digits.match(head, at) is not None:  # which few other files have
        with contextlib.suppress(tarfile.HeaderError):
            tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
            return True
    return False


def _is_behind(data: bytes) -> bool:
    """Whether a file does not begin as an archive. Then its end decides whether it is one."""
    return not data.startswith((_ZIP, *_PACKED)) and not _is_tar(data)


def _is_whole_archive(data: bytes) -> bool:
    return is_archive(data) and (not _is_behind(data) or zipfile.is_zipfile(io.BytesIO(data)))


def look_into(head: bytes, rest: IO[bytes], judge: Judge) -> list[tuple[str, str]]:
    """Return (kind, path within the archive) for each misplaced file in an archive that begins with ``head``.

    A member that is damaged, encrypted or packed in an unknown way is reported as not looked through. The rest of a zip
    archive is read all the same, and so are the members before the damage in any other archive.
    """
    budget = _Budget()
    found: list[tuple[str, str]] = []
    seen = set[str]()
    try:
        data = head + budget.read(rest, AT_MOST + 1)
        for path, beginning in _members(data, "", budget, DEEPEST):
            for above in {*itertools.accumulate(path.split("/")[:-1], "{}/{}".format)} - seen:
                seen.add(above)  # a directory need not have an entry of its own
                found += [(kind, above) for kind in judge(above, b"")]
            if beginning is None:
                found.append((NOT_LOOKED_THROUGH, f"{path} (not looked through: it cannot be unpacked)"))
            else:
                found += [(kind, path) for kind in judge(path, beginning)]
    except _TooMuchError:
        found.append((NOT_LOOKED_THROUGH, " (not looked through: too much in it)"))
    return sorted(set(found))


def _members(data: bytes, path: str, budget: _Budget, depth: int) -> Iterator[tuple[str, bytes | None]]:
    """Yield path and content of each member, also of archives among them; None for one that cannot be unpacked."""
    if depth == 0:
        raise _TooMuchError
    try:
        for name, content in _opened(data, budget):
            inner = f"{path}!/{name}" if name else path
            if content is not None and _is_whole_archive(content):
                yield from _members(content, inner, budget, depth - 1)
            if content is None or not is_archive(content) or _is_behind(content):
                yield inner, content
    except _DAMAGED:
        if not _is_behind(data):  # such a file need not have an archive behind it
            yield path, None


def _opened(data: bytes, budget: _Budget) -> Iterator[tuple[str, bytes | None]]:
    if data.startswith(_ZIP) or _is_behind(data):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for zipped in archive.infolist():
                budget.member()
                if not zipped.is_dir():
                    content = None
                    with contextlib.suppress(*_DAMAGED), archive.open(zipped) as stream:
                        content = budget.read(stream, AT_MOST)
                    yield zipped.filename, content
    elif _is_tar(data):
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:", ignore_zeros=True) as tar:
            for member in tar:
                budget.member()
                tar_stream = tar.extractfile(member) if member.isreg() else None
                if tar_stream is not None:
                    yield member.name, budget.read(tar_stream, AT_MOST)
    else:
        magic = next(magic for magic in _PACKED if data.startswith(magic))
        with _PACKED[magic](io.BytesIO(data)) as stream:
            yield "", budget.read(stream, AT_MOST)
