"""What has been stored outlives a power failure: contents are on the disk before they get a name, and then the name."""

import errno
import os
from pathlib import Path
from typing import Final

UNSUPPORTED: Final = (errno.EBADF, errno.EINVAL)
"""What a file system says that has no such thing, as some network ones have none for directories."""


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
