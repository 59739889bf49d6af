"""What the server's access log leaves out: asked every few seconds by programs, and answered well."""

import logging
import re
from typing import Final

ROUTINE: Final = re.compile(r"(GET|HEAD) (/api/v1/health|/metrics)|POST /api/v1/workers/[^/]+/heartbeat")
ARGUMENTS: Final = 5
ERRORS_FROM: Final = 400


def install() -> None:
    """Leave out of uvicorn's access log what nobody looks for there; what fails stays."""
    logging.getLogger("uvicorn.access").addFilter(is_worth_a_line)


def is_worth_a_line(record: logging.LogRecord) -> bool:
    """Tell whether an access record (client, method, path, HTTP version, status) is not routine."""
    if not isinstance(record.args, tuple) or len(record.args) != ARGUMENTS:
        return True
    _client, method, path, _version, status = record.args
    is_routine = ROUTINE.fullmatch(f"{method} {path}") is not None
    return not (is_routine and isinstance(status, int) and status < ERRORS_FROM)
