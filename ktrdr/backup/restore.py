"""Puts a backup in the place of what a data directory holds: checked before, whole or not at all."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import BinaryIO, Final

from ktrdr.api.store.migrations import MIGRATIONS
from ktrdr.api.store.sqlite import examine
from ktrdr.backup.archive import Contents, unpack
from ktrdr.backup.place import NEW, READY, WORK, alone, database_of, entries, settle, undo
from ktrdr.disk import flush, held
from ktrdr.errors import ConflictError, InvalidError
from ktrdr.settings import Settings

USED: Final = "SELECT 1 FROM operations UNION SELECT 1 FROM workers"


def restore(settings: Settings, file: BinaryIO, *, replace: bool = False) -> Contents:
    """Restore a backup; return what it holds.

    ConflictError if a backend uses the data directory, or if it holds something and `replace` is not set. InvalidError
    for a damaged backup, or one of a newer ktrdr. After any error, and after a kill, what was there is there, or else
    the backup is, whole.
    """
    root, database = settings.data_dir, database_of(settings)
    with alone(root):
        settle(root, database)
        if not replace and (held_already := _found(root, database)):
            message = (
                f"{root} holds {held_already} already: name an empty directory in KTRDR_DATA_DIR, or add --replace,"
                " which removes what is there."
            )
            raise ConflictError("not_empty", message)
        work = Path(tempfile.mkdtemp(prefix=WORK, dir=root))
        handle = held(work)
        try:
            contents = _prepared(file, work, database)
            os.sync()  # thousands of files: one wait for all of them
            work.rename(root / READY)
            flush(root)
            _swap(root, database)
        finally:
            shutil.rmtree(work, ignore_errors=True)
            os.close(handle)
    return contents


def _swap(root: Path, database: Path) -> None:
    try:
        settle(root, database)
    except BaseException:
        undo(root, database)
        raise


def _prepared(file: BinaryIO, work: Path, database: Path) -> Contents:
    """Unpack a backup below `work` and check all of it."""
    new = work / NEW
    new.mkdir()
    contents = unpack(file, new)
    (new / contents.database).rename(new / database.name)
    if damage := examine(new / database.name):
        raise InvalidError("bad_backup", f"The backup's {damage.partition(';')[0]}. Nothing was changed.")
    with contextlib.closing(sqlite3.connect(new / database.name)) as db:
        (schema,) = db.execute("PRAGMA user_version").fetchone()
    if schema > len(MIGRATIONS):
        message = f"The backup is of ktrdr {contents.version}, which is newer; restore it with that one or a later one."
        raise InvalidError("newer_backup", message)
    for name in contents.directories:
        (new / name).mkdir(parents=True, exist_ok=True)
        (new / name).chmod(0o755)
    times = {name: one.changed_ns for name, one in contents.files.items() if name != contents.database}
    for name, changed_ns in {**times, **dict(sorted(contents.directories.items(), reverse=True))}.items():
        os.utime(new / name, ns=(changed_ns, changed_ns))
    return contents


def _found(root: Path, database: Path) -> str:
    """Say what a data directory holds; empty if it holds nothing that anybody could miss."""
    found = [path.name for path in entries(root, database) if path.is_file() or any(path.iterdir())]
    if database.exists():
        try:
            with contextlib.closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as db:
                (tables,) = db.execute("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table'").fetchone()
                used = tables and db.execute(USED).fetchone()
            found += [database.name] if used else []
        except sqlite3.Error:
            found.append(f"{database.name}, which cannot be read")
    return ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")  # noqa: PLR2004  shown
