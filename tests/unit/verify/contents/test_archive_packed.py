"""Layers in the forms in which builders and registries pack them: gzip and zstd, as one piece or as several."""

import gzip
import hashlib
from dataclasses import replace

import pytest
from backports import zstd

from tests.support.archives import Member, chunks, diff_id, directory, file, layer, symlink
from verify.contents.archive import read_layers
from verify.contents.raw_layer import RawLayer, UnreadableArchive

LAYER = layer(file("etc/passwd", b"root" * 3000), file("usr/bin/python", hashlib.shake_128(b"x").digest(70_000)))
HALVES = LAYER[:40_000], LAYER[40_000:]
NOTE = b"\x50\x2a\x4d\x18\x04\x00\x00\x00note"  # a frame that readers skip (RFC 8878, 3.1.2)
OTHER_NOTE = b"\x5f" + NOTE[1:]
FRAMES = [zstd.compress(half) for half in HALVES]
WITH_CHECKSUM = zstd.compress(LAYER, options={zstd.CompressionParameter.checksum_flag: 1})


def read(blob: bytes) -> dict[str, RawLayer]:
    return read_layers(chunks(layer(file("blobs/sha256/a", blob)), 1000))


PLAIN = read(LAYER)


@pytest.mark.parametrize(
    "blob",
    [
        gzip.compress(LAYER),
        gzip.compress(HALVES[0]) + gzip.compress(HALVES[1]),
        zstd.compress(LAYER, 1),
        zstd.compress(LAYER, 19),
        WITH_CHECKSUM,
        b"".join(FRAMES),
        NOTE + FRAMES[0] + NOTE + FRAMES[1],
        OTHER_NOTE + NOTE + b"".join(FRAMES),
        FRAMES[0] + zstd.compress(b"") + FRAMES[1] + NOTE,
    ],
    ids=[
        "gzip", "gzip of two members", "zstd, fast", "zstd, small", "zstd with a checksum", "two frames",
        "notes before frames", "notes first", "an empty frame, and a note at the end",
    ],
)  # fmt: skip
def test_a_packed_layer_is_the_layer(blob: bytes) -> None:
    assert read(blob) == PLAIN
    assert list(PLAIN) == [diff_id(LAYER)]


@pytest.mark.parametrize("whole", [gzip.compress(LAYER), zstd.compress(LAYER), WITH_CHECKSUM, NOTE + WITH_CHECKSUM])
@pytest.mark.parametrize("end", [5, 18, 1000, 30_000, -1])
def test_a_packed_layer_that_is_cut_off_is_unreadable(whole: bytes, end: int) -> None:
    with pytest.raises(UnreadableArchive, match="the exported archive is unreadable"):
        read(whole[:end])


def test_a_layer_without_its_last_frame_is_unreadable() -> None:
    with pytest.raises(UnreadableArchive, match="unexpected end of data"):
        read(FRAMES[0])


@pytest.mark.parametrize("at", [100, 20_000, len(WITH_CHECKSUM) - 2])
def test_a_damaged_frame_is_unreadable(at: int) -> None:
    damaged = bytearray(WITH_CHECKSUM)
    damaged[at] ^= 1
    with pytest.raises(UnreadableArchive):
        read(bytes(damaged))


@pytest.mark.parametrize("rest", [b"\0" * 512, b"rubbish", FRAMES[0][:20]])
def test_bytes_behind_the_last_frame_are_unreadable(rest: bytes) -> None:
    with pytest.raises(UnreadableArchive):
        read(zstd.compress(LAYER) + rest)


def test_a_frame_that_asks_for_more_memory_than_a_reader_grants_is_unreadable() -> None:
    """At most 128 MiB, which is zstd's own limit."""
    huge: dict[int, int] = {
        zstd.CompressionParameter.window_log: 30,
        zstd.CompressionParameter.enable_long_distance_matching: 1,
    }
    packer = zstd.ZstdCompressor(options=huge)
    with pytest.raises(UnreadableArchive, match="memory"):
        read(packer.compress(LAYER) + packer.flush())


ENTRIES = (
    directory("opt/ktrdr"),
    file("opt/ktrdr/main.py", "x = 1"),
    directory("opt/ktrdr-1.0.dist-info"),
    file("opt/ktrdr-1.0.dist-info/METADATA", "Name: ktrdr"),
    symlink("opt/link", "ktrdr"),
)


def listing(*entries: Member) -> str:
    (found,) = read(layer(*entries)).values()
    return found.listing


def test_a_listing_is_the_same_in_every_order_of_the_entries() -> None:
    by_path = sorted(ENTRIES, key=lambda entry: entry.path)
    assert list(ENTRIES) != by_path
    assert diff_id(layer(*ENTRIES)) != diff_id(layer(*by_path))
    assert listing(*ENTRIES) == listing(*by_path) == listing(*reversed(ENTRIES))


@pytest.mark.parametrize(
    "other",
    [
        file("opt/ktrdr/main.py", "x = 12"),
        file("opt/ktrdr/main.pyc", "x = 1"),
        replace(ENTRIES[1], mode=0o640),
        replace(ENTRIES[1], mode=0o755),
        replace(ENTRIES[1], owner=(10001, 0)),
        replace(ENTRIES[1], headers=(("mtime", "1"),)),
        symlink("opt/ktrdr/main.py", "x"),
        directory("opt/ktrdr/main.py"),
    ],
    ids=["content", "name", "mode", "executable", "owner", "time", "link", "kind"],
)
def test_a_listing_is_another_for_an_entry_that_differs(other: Member) -> None:
    assert listing(*ENTRIES) != listing(ENTRIES[0], other, *ENTRIES[2:])
