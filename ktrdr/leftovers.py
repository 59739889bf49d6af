"""What uploads left behind when their process died, told from uploads that go on: nobody touches it any more."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ABANDONED_AFTER_S: Final = 3600.0
"""Several backends may share a data directory: what is younger may be another one's upload."""


def abandoned(root: Path, prefix: str) -> Iterator[Path]:
    """Yield what begins with `prefix` and was not changed for an hour."""
    for path in root.glob(prefix + "*"):
        with contextlib.suppress(FileNotFoundError):  # its upload has just ended
            if time.time() - path.lstat().st_mtime > ABANDONED_AFTER_S:
                yield path
