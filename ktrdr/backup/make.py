"""Makes a backup while backends work: the database and the files as they stood at one moment."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from ktrdr.api.store.sqlite import examine
from ktrdr.backup.archive import Contents, Member, write
from ktrdr.backup.place import SNAPSHOT, database_of, entries
from ktrdr.disk import held
from ktrdr.errors import InvalidError, NotFoundError
from ktrdr.settings import Settings, version

WAIT_S: Final = 30.0


@dataclass
class _Snapshot:
    """The files as they stood at one moment, under names of our own, and when each directory was changed."""

    members: list[Member] = field(default_factory=list)
    directories: dict[str, int] = field(default_factory=dict)


def backup(settings: Settings, file: BinaryIO, beside: Path | None = None) -> Contents:
    """Write a backup; return what it holds. `beside` is the file's place, where that lies in the data directory.

    NotFoundError if there is no database, InvalidError if it is damaged, OSError if a disk is full.
    """
    database = database_of(settings)
    if not database.is_file():
        message = f"No {database.name} in {settings.data_dir}: name the backend's data directory in KTRDR_DATA_DIR."
        raise NotFoundError("no_database", message)
    with _folder(settings.data_dir) as folder:
        snapshot = _taken(settings.data_dir, database, folder, beside)
        copy = folder / database.name
        if damage := examine(copy):
            raise InvalidError("damaged", f"No backup was made: {damage}")
        members = [Member(copy, database.name, copy.stat().st_mtime_ns), *snapshot.members]
        about = Contents(
            version=version(),
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            database=database.name,
            files={},
            directories=snapshot.directories,
        )
        return write(file, members, about=about)


@contextlib.contextmanager
def _folder(root: Path) -> Iterator[Path]:
    """Make a directory that a backend's sweep leaves alone while this process lives."""
    folder = Path(tempfile.mkdtemp(prefix=SNAPSHOT, dir=root))
    handle = held(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _taken(root: Path, database: Path, folder: Path, beside: Path | None) -> _Snapshot:
    """Link the files while nobody can change the database, then copy the database as it stood at that moment.

    Backends put whole files into their place and never change them there, so a second name keeps a file's content. A
    backend waits with its next change until all files are linked, a fraction of a second.
    """
    snapshot = _Snapshot()
    with (
        contextlib.closing(sqlite3.connect(database, timeout=WAIT_S, isolation_level=None)) as writer,
        contextlib.closing(sqlite3.connect(database, timeout=WAIT_S, isolation_level=None)) as reader,
        contextlib.closing(sqlite3.connect(folder / database.name)) as copy,
    ):
        try:
            writer.execute("BEGIN IMMEDIATE")
            reader.execute("BEGIN")
            reader.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()  # from here on it sees this moment
            for path in entries(root, database):
                if beside is None or path not in beside.absolute().parents:
                    _link(path, root, folder, snapshot)
            writer.execute("ROLLBACK")
            reader.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
        except sqlite3.Error as error:
            raise InvalidError("damaged", f"No backup was made: {database.name}: {error}.") from error
    return snapshot


def _link(path: Path, root: Path, folder: Path, snapshot: _Snapshot) -> None:
    """Link a file, or all files below a directory, but for those that are still arriving, and links."""
    name = path.relative_to(root)
    if path.name.startswith(".") or path.is_symlink():
        return
    if path.is_dir():
        snapshot.directories[name.as_posix()] = path.stat().st_mtime_ns
        for below in sorted(path.iterdir()):
            _link(below, root, folder, snapshot)
        return
    target = folder / "files" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):  # it has just been removed: it is not of this moment
        try:
            os.link(path, target, follow_symlinks=False)
        except FileNotFoundError:
            raise
        except OSError:  # a file system without links
            shutil.copy2(path, target)
        snapshot.members.append(Member(target, name.as_posix(), target.stat().st_mtime_ns))
