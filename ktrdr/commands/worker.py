"""`ktrdr worker`: a worker."""

import argparse
from typing import Final

EXAMPLES: Final = """\
examples:
  KTRDR_WORKER_TYPE=training ktrdr worker
  KTRDR_WORKER_TYPE=backtest KTRDR_API_URL=http://backend:8000 ktrdr worker

settings (environment): KTRDR_WORKER_TYPE, KTRDR_API_URL, KTRDR_WORKER_PORT,
KTRDR_WORKER_ID, KTRDR_WORKER_PUBLIC_BASE_URL, KTRDR_WORKER_SECRET_FILE
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments: the environment names them all."""


def run(_options: argparse.Namespace) -> int:
    """Serve as the worker that the environment names until it is stopped."""
    from ktrdr.worker.__main__ import main as start  # noqa: PLC0415  not needed for `--help`

    return start()
