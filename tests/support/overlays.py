"""Layers as directories, as overlay file systems keep them, and what Docker exports of one."""

import base64
import gzip
import json
import os
import stat
import struct
import tarfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.archives import SITE, Member, emptied, removed

OPAQUE = "trusted.overlay.opaque"
CAPABILITY = "security.capability"
# The owner, a user by number, the group, the mask and all others, in the second version of the form in acl(5)
ACL = struct.pack(
    "<I" + 5 * "HHI",
    2,
    *(1, 6, 2**32 - 1),
    *(2, 7, 10001),
    *(4, 4, 2**32 - 1),
    *(16, 7, 2**32 - 1),
    *(32, 4, 2**32 - 1),
)
# The right to bind ports below 1024, in the second revision of the form that capabilities(7) describes
CAPABLE = bytes.fromhex("0100000200040000000000000000000000000000")
NO_UTF_8 = os.fsdecode(b"caf\xe9")


def oddities(top: Path, secret: bytes) -> Path:
    """Make a layer's directory with everything that one may hold; ``secret`` is the content of a file that is one."""
    site = top / SITE
    site.mkdir(parents=True)
    (site / "b.py").write_text("b = 1\n", encoding="utf-8")
    os.link(site / "b.py", site / "a.py")
    os.link(site / "b.py", top / "opt/late.py")
    info = site / "one-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: one\nVersion: 1.0\n\n", encoding="utf-8")
    (top / "opt/.env").write_bytes(secret)
    (top / "opt/a.pem").write_bytes(secret)
    os.link(top / "opt/a.pem", top / "opt/A.pem")
    (top / "etc").mkdir()
    (top / "etc/shadow").write_text("root:$6$abcdefghijklmnop:1:2:3:\n", encoding="utf-8")
    (top / "etc/shadow").chmod(0o640)
    os.chown(top / "etc/shadow", 0, 42)
    os.mknod(top / "etc/gone", stat.S_IFCHR, 0)
    os.link(top / "etc/gone", top / "etc/gone as well")  # kernels share one whiteout between names
    os.mknod(top / "etc/null", stat.S_IFCHR, os.makedev(1, 3))
    os.mkfifo(top / "etc/id_rsa")
    (top / "srv/new").mkdir(parents=True)
    os.setxattr(top / "srv/new", OPAQUE, b"y")
    (top / "srv/old").mkdir()
    os.setxattr(top / "srv/old", OPAQUE, b"x")  # of a directory that only holds whiteouts of another kind
    (top / "srv/new" / NO_UTF_8).write_bytes(b"x" * 3)
    (top / "srv/new/link").symlink_to(NO_UTF_8)
    os.link(top / "srv/new/link", top / "srv/new/link again", follow_symlinks=False)
    (top / "usr/bin").mkdir(parents=True)
    (top / "usr/bin/python3").write_bytes(b"\x7fELF\x02\x01")
    (top / "usr/bin/su").write_bytes(b"s")
    (top / "usr/bin/su").chmod(0o4755)
    (top / "usr/bin/ping").write_bytes(b"p")
    os.setxattr(top / "usr/bin/ping", CAPABILITY, CAPABLE)
    os.setxattr(top / "usr/bin/su", "system.posix_acl_access", ACL)
    os.setxattr(top / "usr/bin", "system.posix_acl_default", ACL)
    (top / "tmp").mkdir()
    (top / "tmp").chmod(0o1777)
    (top / "tmp/left").write_bytes(gzip.compress(b"left"))
    os.chown(top / "tmp/left", 1000, 1000)
    return top


def exported(top: Path) -> list[Member]:
    """What Docker's export holds of a layer's directory, in a walk by name; the root is left out."""
    first: dict[int, str] = {}
    return [member for path in _walk(top) for member in _members(top, path, first)]


def _walk(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.iterdir(), key=lambda path: os.fsencode(path.name)):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)


def _members(top: Path, path: Path, first: dict[int, str]) -> Iterator[Member]:
    status, name = path.lstat(), str(path.relative_to(top))
    if stat.S_ISSOCK(status.st_mode):
        return
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
        yield removed(str(path.relative_to(top)))
        return
    kind, data, target = tarfile.REGTYPE, b"", ""
    if stat.S_ISDIR(status.st_mode):
        kind = tarfile.DIRTYPE
    elif status.st_ino in first:
        kind, target = tarfile.LNKTYPE, first[status.st_ino]
    elif stat.S_ISLNK(status.st_mode):
        kind, target = tarfile.SYMTYPE, str(path.readlink())
    elif stat.S_ISREG(status.st_mode):
        data = path.read_bytes()
    else:
        kind = tarfile.FIFOTYPE if stat.S_ISFIFO(status.st_mode) else tarfile.CHRTYPE
    attributes = os.listxattr(path, follow_symlinks=False)
    time = ("mtime", f"{status.st_mtime_ns // 10**9}.{status.st_mtime_ns % 10**9:09}")
    headers = [time] if kind in (tarfile.DIRTYPE, tarfile.REGTYPE, tarfile.LNKTYPE) else []
    headers += [("SCHILY.xattr.security.capability", "x")] if CAPABILITY in attributes else []
    headers += [(f"SCHILY.xattr.{name}", "x") for name in attributes if name.startswith("system.posix_acl_")]
    first.setdefault(status.st_ino, name)
    owner = status.st_uid, status.st_gid
    yield Member(name, data, kind, target, stat.S_IMODE(status.st_mode), owner, tuple(headers))
    if OPAQUE in attributes and os.getxattr(path, OPAQUE) == b"y":
        yield emptied(name)


def untimed(top: Path) -> Path:
    """Give everything below a directory the time of members that archives of the tests have."""
    for path in sorted(top.rglob("*"), reverse=True):
        os.utime(path, (0, 0), follow_symlinks=False)
    return top


def notes(path: Path, members: list[Member]) -> Path:
    """What Docker keeps of an archive: a line for each of its entries, and for what lies between them."""
    lines: list[dict[str, object]] = [{"type": 2, "payload": "AAAA", "position": 0}]
    for member in members:
        name = os.fsencode(member.path)
        try:
            named = {"name": name.decode()}
        except UnicodeDecodeError:
            named = {"name_raw": base64.b64encode(name).decode()}
        lines.append({"type": 1, **named, "payload": None, "position": len(lines)})
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("".join(f"{json.dumps(line)}\n" for line in lines))
    return path
