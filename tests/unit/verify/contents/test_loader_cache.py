"""A loader's cache leads to the loader's own directories, or says where else it leads."""

import struct
import subprocess
from pathlib import Path

import pytest

from verify.contents.loader_cache import OWN, foreign

MAGIC = b"glibc-ld.so.cache1.1"
HERE = "/lib/x86_64-linux-gnu"


def cache(*entries: tuple[str, str], magic: bytes = MAGIC, count: int | None = None) -> bytes:
    """What ldconfig writes: a header, the entries, and the texts that they lead to."""
    texts, rows = b"", []
    start = 48 + 24 * len(entries)
    for name, path in entries:
        at = start + len(texts)
        texts += name.encode() + b"\0" + path.encode() + b"\0"
        rows.append(struct.pack("<iIIIQ", 0x303, at, at + len(name) + 1, 0, 0))
    return magic + struct.pack("<I24x", len(entries) if count is None else count) + b"".join(rows) + texts


@pytest.mark.parametrize(
    "directory",
    ["/lib", "/usr/lib", "/lib64", "/usr/lib64", HERE, f"/usr{HERE}", "/usr/local/lib", f"/usr/local{HERE}",
     "/usr/lib/aarch64-linux-gnu"],
)  # fmt: skip
def test_the_loader_s_own_directories_are_no_news(directory: str) -> None:
    assert foreign(cache(("libz.so.1", f"{directory}/libz.so.1"), ("libm.so.6", f"{HERE}/libm.so.6"))) == OWN


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("libz.so.1", "/opt/lib/libz.so.1"),
        ("libz.so.1", f"{HERE}/x/libz.so.1"),
        ("libz.so.1", f"{HERE}/../../opt/libz.so.1"),
        ("libz.so.1", "lib/libz.so.1"),
        ("libz.so.1", f"{HERE}/libm.so.6"),
        ("libz.so.1", "/home/lib/libz.so.1"),
        ("libz.so.1", "/srv/lib/x86_64-linux-gnu/libz.so.1"),
    ],
)
def test_any_other_place_or_name_is_told(name: str, path: str) -> None:
    assert foreign(cache(("libm.so.6", f"{HERE}/libm.so.6"), (name, path))) == f"{name} => {path}"


@pytest.mark.parametrize(
    "data", [b"", b"broken", MAGIC, cache(magic=b"glibc-ld.so.cache1.2"), cache(("a", "/lib/a"), count=9000)]
)
def test_what_cannot_be_read_is_told(data: bytes) -> None:
    assert foreign(data) == "unreadable"


def test_this_machine_s_own_cache_is_read() -> None:
    path = Path("/etc/ld.so.cache")
    if not path.is_file():
        pytest.skip("there is no /etc/ld.so.cache here")
    known = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    said = {line.partition(" => ")[2] for line in known.splitlines() if " => " in line}
    told = foreign(path.read_bytes())
    assert told == OWN or {line.partition(" => ")[2] for line in told.splitlines()} <= said
