"""A backup's file: a tar archive of plain files, and at its end a list of them with sizes and digests.

It is written and read in one go, so it may come from a pipe and go into one.
"""

import hashlib
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, Final, Literal, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from ktrdr.errors import InvalidError

LIST: Final = "backup.json"
LIST_LIMIT: Final = 64 << 20
BLOCK: Final = 1 << 20


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class File(_Model):
    """A file of a backup: bytes, SHA-256, and when it was changed (ns since the epoch)."""

    size: int
    sha256: str
    changed_ns: int


class Contents(_Model):
    """What a backup holds. Paths are relative; `directories` says when each was changed (ns since the epoch)."""

    backup: Literal[1] = 1
    version: str
    made_at: str
    database: str
    files: dict[str, File]
    directories: dict[str, int]


@dataclass(frozen=True)
class Member:
    """A file that is to be kept: where it lies, its path in the backup, and when it was changed."""

    path: Path
    name: str
    changed_ns: int


class _Hashing:
    """A stream that hashes what passes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self.digest.update(block)
        return block


def write(file: BinaryIO, members: Iterable[Member], *, about: Contents) -> Contents:
    """Write members, then the list; return it. `about` says all but the files."""
    files: dict[str, File] = {}
    with tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            with member.path.open("rb") as content:
                info = tarfile.TarInfo(member.name)
                info.size = size = member.path.stat().st_size
                info.mtime = member.changed_ns // 10**9
                hashing = _Hashing(content)
                tar.addfile(info, hashing)
            files[member.name] = File(
                size=size, sha256=hashing.digest.hexdigest(), changed_ns=member.changed_ns
            )  # fmt: skip
        contents = about.model_copy(update={"files": files})
        text = contents.model_dump_json(indent=1).encode()
        info = tarfile.TarInfo(LIST)
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    return contents


def unpack(file: BinaryIO, directory: Path) -> Contents:
    """Write a backup's files into a directory and return its list; InvalidError if it is damaged or no backup."""
    found: dict[str, tuple[int, str]] = {}
    text: bytes | None = None
    try:
        with tarfile.open(fileobj=file, mode="r|") as tar:
            for info in tar:
                name = info.name
                if text is not None or name in found or not (info.isfile() and _is_inside(name)):
                    raise _damaged(f"{name[:100]!r} has no place in it")
                content = cast("IO[bytes]", tar.extractfile(info))  # a plain file has some
                if name == LIST:
                    text = content.read(LIST_LIMIT)
                else:
                    found[name] = _copy(content, directory / name)
    except (tarfile.TarError, EOFError) as error:
        raise _damaged(str(error) or "it ends too early") from None
    if text is None:
        raise _damaged("its end is missing")
    try:
        contents = Contents.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors()[0]
        raise _damaged(f"{LIST}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}") from None
    _compare(contents, found)
    return contents


def _copy(content: IO[bytes], target: Path) -> tuple[int, str]:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with target.open("xb") as file:
        while block := content.read(BLOCK):
            digest.update(block)
            size += len(block)
            file.write(block)
    target.chmod(0o644)
    return size, digest.hexdigest()


def _compare(contents: Contents, found: dict[str, tuple[int, str]]) -> None:
    listed = {name: (one.size, one.sha256) for name, one in contents.files.items()}
    for name in sorted({*listed, *found}):
        if listed.get(name) != found.get(name):
            what = "is missing" if name not in found else "is not listed" if name not in listed else "was changed"
            raise _damaged(f"{name[:100]} {what}")
    if contents.database not in listed or "/" in contents.database:
        raise _damaged("it has no database")
    if wrong := [name for name in contents.directories if not _is_inside(name)]:
        raise _damaged(f"{wrong[0][:100]!r} has no place in it")


def _is_inside(name: str) -> bool:
    """Return whether a path stays in a directory, and is none that ktrdr uses for itself."""
    parts = PurePosixPath(name).parts
    return bool(parts) and str(PurePosixPath(name)) == name and not any(part.startswith((".", "/")) for part in parts)


def _damaged(reason: str) -> InvalidError:
    return InvalidError("bad_backup", f"This is no whole backup of ktrdr's: {reason}. Nothing was changed.")
