"""Reads a bbolt file (go.etcd.io/bbolt, format 2): buckets of keys and values, which may be buckets.

Why not a library: none reads it in Python. bbolt never writes over a page that its last commit refers to, so a file can
be read beside the process that writes it.
"""

import struct
from dataclasses import dataclass, field
from pathlib import Path

TRIES = 5  # at reading a file while nothing is committed
MAGIC, VERSION, BRANCH, LEAF = 0xED0CDAED, 2, 1, 2
PAGE = struct.Struct("<QHHI")  # number, kind, elements, pages that follow it
META = struct.Struct("<4I6Q")  # magic, version, page size, flags; root, sequence, free list, pages, commit, checksum
META_PLACES = (0, *(1 << power for power in range(10, 17)))  # the second is one page behind the first
BRANCH_ELEMENT = struct.Struct("<2IQ")  # place of the key and its length, page
LEAF_ELEMENT = struct.Struct("<4I")  # whether it is a bucket, place of the key from here, lengths of key and value
BUCKET = struct.Struct("<2Q")  # root page, 0 if the page itself follows; sequence
FNV_OFFSET, FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3  # FNV-1a, 64 bits

Bucket = dict[bytes, "bytes | Bucket"]


class Damaged(Exception):
    """The file is no bbolt file, or it was changed during every try at reading it."""


def read(path: Path) -> Bucket:
    """Return the outermost bucket of a file as of its last commit.

    Raises:
        OSError: the file cannot be read.
        Damaged: it is of another kind.

    """
    for _ in range(TRIES):
        data = path.read_bytes()
        before = _last_commit(data)
        with path.open("rb") as file:
            after = _last_commit(file.read(META_PLACES[-1] + PAGE.size + META.size))
        if before == after:
            try:
                return _File(data, before.page_size).bucket(before.root)
            except (struct.error, OverflowError, RecursionError) as error:
                raise Damaged(f"{path}: {error}") from error
    raise Damaged(f"{path} was written while it was read")


@dataclass(frozen=True, order=True)
class _Commit:
    number: int
    root: int
    page_size: int


def _last_commit(data: bytes) -> _Commit:
    found = []
    for place in META_PLACES:
        if len(data) >= place + PAGE.size + META.size:
            magic, version, page_size, _, root, _, _, _, number, checksum = META.unpack_from(data, place + PAGE.size)
            written = data[place + PAGE.size :][: META.size - 8]
            if (magic, version, checksum) == (MAGIC, VERSION, _fnv(written)):
                found.append(_Commit(number, root, page_size))
    if not found:
        raise Damaged("no commit")
    return max(found)


def _fnv(data: bytes) -> int:
    value = FNV_OFFSET
    for byte in data:
        value = (value ^ byte) * FNV_PRIME & (1 << 64) - 1
    return value


@dataclass
class _File:
    data: bytes
    page_size: int
    seen: set[int] = field(default_factory=set)  # pages: in a damaged file they may lead in a circle

    def bucket(self, root: int) -> Bucket:
        found, pending = Bucket(), [root]
        while pending:
            page = pending.pop()
            if page in self.seen:
                raise Damaged(f"page {page} is met twice")
            self.seen.add(page)
            pending += self._take(found, self.data, page * self.page_size)
        return found

    def _take(self, bucket: Bucket, data: bytes, start: int) -> list[int]:
        """Take what a page holds into a bucket; returns the pages below it."""
        _, kind, count, _ = PAGE.unpack_from(data, start)
        places = range(start + PAGE.size, start + PAGE.size + 16 * count, 16)
        if kind == BRANCH:
            return [BRANCH_ELEMENT.unpack_from(data, place)[2] for place in places]
        if kind != LEAF:
            raise Damaged(f"a page of kind {kind}")
        for place in places:
            is_bucket, key_place, key_length, length = LEAF_ELEMENT.unpack_from(data, place)
            key, value = struct.unpack_from(f"{key_length}s{length}s", data, place + key_place)
            bucket[key] = self._nested(value) if is_bucket & 1 else value
        return []

    def _nested(self, value: bytes) -> Bucket:
        root, _ = BUCKET.unpack_from(value)
        if root:
            return self.bucket(root)
        found = Bucket()
        self._take(found, value, BUCKET.size)
        return found
