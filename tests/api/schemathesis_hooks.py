"""Loaded by schemathesis: the media types of the API that it cannot write by itself."""

from typing import Any

import schemathesis


@schemathesis.serializer("application/zip", "application/gzip")
def archive(_context: Any, value: Any) -> bytes:
    """Send bytes as they are."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")
