"""Whether compiled bytecode is its source's, by the header that Python goes by (PEP 552).

It imports the standard library only, as all that :mod:`verify.contents.in_place` does. The images' Python is this one's
release, on which the magic number depends.
"""

import struct
from importlib.util import MAGIC_NUMBER, source_hash

_HEADER = struct.Struct("<4sI8s")  # magic number, flags, and hash or time and size
_HASHED = 1  # the flag of bytecode that goes by the hash of its source, whether or not that is compared


def header(path: str, data: bytes, modified: int) -> str | None:
    """Return what bytecode says of its source, or what a source's bytecode has to say; None for any other file.

    Of a source it is both: its hash, then its time and its size. ``modified``: seconds (stat(2), st_mtime).
    """
    if path.endswith(".pyc"):
        return data[: _HEADER.size].hex()
    if not path.endswith(".py"):
        return None
    time_and_size = struct.pack("<II", modified & 0xFFFFFFFF, len(data) & 0xFFFFFFFF)
    return (source_hash(data) + time_and_size).hex()


def fault(bytecode: str | None, source: str | None, *, empty: bool = False) -> str:
    """Return what is wrong with bytecode beside a source, given both headers; "" where it is that source's.

    An ``empty`` source may be a hard link of any empty file, of which no header was read: then any time is its own.
    """
    data = bytes.fromhex(bytecode or "")
    if len(data) != _HEADER.size or data[:4] != MAGIC_NUMBER:
        return "no bytecode of this Python"
    _, flags, said = _HEADER.unpack(data)
    if empty and source is None:
        source = header(".py", b"", int.from_bytes(said[:4], "little"))
    due = bytes.fromhex(source or "")
    return "" if due and said == (due[:8] if flags & _HASHED else due[8:]) else "bytecode of another source"
