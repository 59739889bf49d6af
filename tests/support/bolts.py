"""bbolt files (go.etcd.io/bbolt, format 2) made in memory, for the tests of what reads them."""

import struct
from collections.abc import Mapping
from typing import Any

PAGE_SIZE = 4096
Tree = Mapping[bytes, Any]  # bytes, or a tree: a bucket


def bolt(tree: Tree, commit: int = 7, page_size: int = PAGE_SIZE, per_page: int = 3, inline: int = 2) -> bytes:
    """A file with this outermost bucket. Leaf pages hold ``per_page`` keys, buckets up to ``inline`` have no page."""
    writer = _Writer(page_size, per_page, inline)
    root = writer.bucket(tree)
    pages = bytearray(page_size * (writer.free + 1))
    for number, data in writer.pages.items():
        pages[number * page_size : number * page_size + len(data)] = data
    for number in (0, 1):
        meta = _meta(number, root if number == commit % 2 else 99, commit - (number != commit % 2), page_size)
        pages[number * page_size : number * page_size + len(meta)] = meta
    return bytes(pages)


def _meta(number: int, root: int, commit: int, page_size: int) -> bytes:
    meta = struct.pack("<4I5Q", 0xED0CDAED, 2, page_size, 0, root, 0, 2, 100, commit)
    return struct.pack("<QHHI", number, 4, 0, 0) + meta + struct.pack("<Q", fnv(meta))


def fnv(data: bytes) -> int:
    """FNV-1a of 64 bits."""
    value = 14695981039346656037
    for byte in data:
        value = ((value ^ byte) * 1099511628211) % 2**64
    return value


class _Writer:
    def __init__(self, page_size: int, per_page: int, inline: int) -> None:
        self.page_size, self.per_page, self.inline = page_size, per_page, inline
        self.pages: dict[int, bytes] = {}
        self.free = 3  # after two metas and the list of free pages

    def bucket(self, tree: Tree) -> int:
        """Write a bucket's pages and return its root."""
        keys = sorted(tree)
        parts = [keys[start : start + self.per_page] for start in range(0, len(keys), self.per_page)] or [[]]
        leaves = [self.write(self.leaf({key: tree[key] for key in part})) for part in parts]
        return leaves[0] if len(leaves) == 1 else self.write(self.branch(parts, leaves))

    def write(self, data: bytes) -> int:
        number, self.free = self.free, self.free + -(-len(data) // self.page_size)
        self.pages[number] = data
        return number

    def leaf(self, tree: Tree) -> bytes:
        elements, rest = b"", b""
        for number, (key, value) in enumerate(tree.items()):
            is_bucket = isinstance(value, Mapping)
            data = self.nested(value) if is_bucket else value
            place = 16 * (len(tree) - number) + len(rest)
            elements += struct.pack("<4I", is_bucket, place, len(key), len(data))
            rest += key + data
        return struct.pack("<QHHI", self.free, 2, len(tree), 0) + elements + rest

    def branch(self, parts: list[list[bytes]], leaves: list[int]) -> bytes:
        elements, rest = b"", b""
        for number, (part, leaf) in enumerate(zip(parts, leaves, strict=True)):
            elements += struct.pack("<2IQ", 16 * (len(parts) - number) + len(rest), len(part[0]), leaf)
            rest += part[0]
        return struct.pack("<QHHI", self.free, 1, len(parts), 0) + elements + rest

    def nested(self, tree: Tree) -> bytes:
        if len(tree) > self.inline or any(isinstance(value, Mapping) for value in tree.values()):
            return struct.pack("<2Q", self.bucket(tree), 0)
        return struct.pack("<2Q", 0, 0) + self.leaf(tree)
