"""Leaves routine requests out of the server's access log: programs send them every few seconds."""

import logging
import re
from typing import Final

ROUTINE: Final = re.compile(
    r"(GET|HEAD) (/api/v1/health|/metrics)|POST /api/v1/workers/[^/]+/heartbeat|PUT /api/v1/operations/[^/]+/checkpoint"
)
ARGUMENTS: Final = 5
ERRORS_FROM: Final = 400


def install() -> None:
    """Drop successful routine requests from uvicorn's access log; failures stay."""
    logging.getLogger("uvicorn.access").addFilter(is_worth_a_line)


def is_worth_a_line(record: logging.LogRecord) -> bool:
    """Return whether an access record (client, method, path, HTTP version, status) is worth a line."""
    if not isinstance(record.args, tuple) or len(record.args) != ARGUMENTS:
        return True
    _client, method, path, _version, status = record.args
    is_routine = ROUTINE.fullmatch(f"{method} {path}") is not None
    return not (is_routine and isinstance(status, int) and status < ERRORS_FROM)
