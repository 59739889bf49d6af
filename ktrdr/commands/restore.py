"""`ktrdr restore`: a backup, put back."""

import argparse
import sys
from pathlib import Path
from typing import Final

EXAMPLES: Final = """\
examples:
  ktrdr restore /mnt/ktrdr.tar           into KTRDR_DATA_DIR, without a backend
  docker compose -f deploy/compose.yaml stop backend
  docker compose -f deploy/compose.yaml run --rm -T --no-deps backend \\
    ktrdr restore - --replace <ktrdr.tar
  docker compose -f deploy/compose.yaml start backend

The whole backup is unpacked and checked before anything is replaced: the disk
needs room for both. If it fails or is killed, what was there is there, or the
backup is, whole.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("file", metavar="FILE", help="the file that `ktrdr backup` wrote, or - for standard input")
    parser.add_argument("--replace", action="store_true", help="replace, and so remove, what the data directory holds")


def run(options: argparse.Namespace) -> int:
    """Restore a backup; say what it holds."""
    from ktrdr.backup.report import said  # noqa: PLC0415  not needed for `--help`
    from ktrdr.backup.restore import restore  # noqa: PLC0415
    from ktrdr.settings import Settings  # noqa: PLC0415

    settings = Settings.from_environment()
    if options.file == "-":
        contents = restore(settings, sys.stdin.buffer, replace=options.replace)
    else:
        with Path(options.file).open("rb") as file:
            contents = restore(settings, file, replace=options.replace)
    print(f"restored the backup of {contents.made_at}: {said(contents)}", file=sys.stderr)
    return 0
