"""`ktrdr api`: the backend."""

import argparse
from typing import Final

from ktrdr.commands.parts import whole

SHUTDOWN_S: Final = 5
"""Seconds that requests have to end when the backend stops; an engine kills after 10."""
EXAMPLES: Final = """\
examples:
  ktrdr api                             http://127.0.0.1:8000, for this machine
  ktrdr api --host 0.0.0.0 --port 8080  every machine that can reach this one

settings (environment): KTRDR_DATA_DIR, KTRDR_DATABASE_URL,
KTRDR_DATABASE_PASSWORD_FILE, KTRDR_ALLOWED_HOSTS, KTRDR_WORKER_SECRET_FILE,
KTRDR_CLIENT_SECRET_FILE, KTRDR_KEEP_DAYS,
KTRDR_KEEP_OPERATIONS, KTRDR_RETRY_ON_SHUTDOWN
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=whole(0, 65535, "a port"), default=8000, help="port to listen on (default: %(default)s)"
    )


def run(options: argparse.Namespace) -> int:
    """Serve the API until it is stopped."""
    from ktrdr.settings import Settings  # noqa: PLC0415  not needed for `--help`

    Settings.from_environment()
    import uvicorn  # noqa: PLC0415  a wrong setting is reported without loading it

    uvicorn.run(
        "ktrdr.api.main:app",
        host=options.host,
        port=options.port,
        http="ktrdr.api.connections:Connection",
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    return 0
