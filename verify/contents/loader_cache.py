"""What the loader's cache (ldconfig(8)) says beyond the directories that the loader searches by itself.

It imports the standard library only, as all that :mod:`verify.contents.in_place` does.
"""

import posixpath
import re
import struct

PATH = "/etc/ld.so.cache"
OWN = "the loader's own directories"  # what is said of a cache that holds nothing else
_MAGIC = b"glibc-ld.so.cache1.1"
_HEADER = 48  # bytes (glibc, sysdeps/generic/dl-cache.h): magic, count, and what is not needed here
_ENTRY = struct.Struct("<iIIIQ")  # flags, name, path, two for the processor's kind
_SEARCHED = re.compile(r"(?:/usr(?:/local)?)?/lib(?:64|/[\w-]+-linux-gnu)?")  # as Debian's ld.so.conf.d has them


def foreign(data: bytes) -> str:
    """Return each entry of a cache that lies in another directory or under another name, a line each; else OWN."""
    try:
        (count,) = struct.unpack_from("<I", data, len(_MAGIC))
        entries = [_ENTRY.unpack_from(data, _HEADER + number * _ENTRY.size) for number in range(count)]
    except struct.error:
        return "unreadable"
    if not data.startswith(_MAGIC):
        return "unreadable"
    named = ((_text(data, name), _text(data, path)) for _, name, path, *_ in entries)
    found = [
        f"{name} => {path}"
        for name, path in named
        if posixpath.basename(path) != name or not _SEARCHED.fullmatch(posixpath.dirname(path))
    ]
    return "\n".join(found) or OWN


def _text(data: bytes, start: int) -> str:
    return data[start : data.find(b"\0", start)].decode("utf-8", "backslashreplace")
