"""`ktrdr backup`: all that the backend keeps, in one file."""

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

EXAMPLES: Final = """\
examples:
  ktrdr backup /mnt/ktrdr.tar            from KTRDR_DATA_DIR, beside the backend
  docker compose -f deploy/compose.yaml exec -T backend \\
    ktrdr backup - >ktrdr.tar

The file holds the database, the bars, the models, the records of backtests and
the strategies as they stood at one moment. `ktrdr restore` puts them back. The
SQLite file has to lie in the data directory; a PostgreSQL database has tools
of its own.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("file", metavar="FILE", help="the file to write, or - for standard output")


def run(options: argparse.Namespace) -> int:
    """Write a backup, whole or not at all; say what it holds."""
    from ktrdr.backup.make import backup  # noqa: PLC0415  not needed for `--help`
    from ktrdr.backup.report import said  # noqa: PLC0415
    from ktrdr.settings import Settings  # noqa: PLC0415

    settings = Settings.from_environment()
    if options.file == "-":
        if sys.stdout.isatty():
            raise ValueError("standard output is a terminal: name a file, or send it into one with >ktrdr.tar")
        contents, where = backup(settings, sys.stdout.buffer), "standard output"
        sys.stdout.buffer.flush()
    else:
        where = options.file
        with _whole(Path(options.file)) as file:
            contents = backup(settings, file, Path(options.file))
    print(f"backup written to {where}: {said(contents)}", file=sys.stderr)
    return 0


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """Open a new file that gets its name when all of it is on the disk; after an error there is none."""
    handle, name = tempfile.mkstemp(prefix=".backup-", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
