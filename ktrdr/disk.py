"""Files that last and files that do not: what is stored outlives a power failure, what was begun and left is found."""

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

UNSUPPORTED: Final = (errno.EBADF, errno.EINVAL)
"""What a file system says that has no such thing, as some network ones have none for directories."""

ABANDONED_AFTER_S: Final = 3600.0
"""Several backends may share a data directory: what is younger may be another one's upload."""


def flush(path: Path) -> None:
    """Wait until a file's content, or a directory's names, are on the disk; OSError where it does not take them."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    finally:
        os.close(handle)


def abandoned(root: Path, prefix: str) -> Iterator[Path]:
    """Yield what begins with `prefix` and was not changed for an hour: what uploads left when their process died."""
    for path in root.glob(prefix + "*"):
        with contextlib.suppress(FileNotFoundError):  # its upload has just ended
            if time.time() - path.lstat().st_mtime > ABANDONED_AFTER_S:
                yield path
