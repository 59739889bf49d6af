"""`ktrdr operations watch`: an operation's progress until it has ended."""

import argparse
import sys
from typing import Final

from ktrdr.commands.client import Client, follow
from ktrdr.commands.parts import add_backend, add_json
from ktrdr.commands.tables import print_json

EXAMPLES: Final = """\
examples:
  ktrdr operations watch op_training_20260101_120000_0123abcd

If the operation's worker is told to end, the operation that is queued in its
place is followed.
exit status: 0 if the operation has completed, 1 if it failed or was cancelled
Ctrl-C ends the watching; the operation goes on.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("operation", help="the operation's id, as `ktrdr operations list` shows it")
    add_backend(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Follow an operation; say how it ended."""
    operation = follow(Client(options.backend), options.operation)
    if options.json:
        print_json(operation)
    else:
        print(f"{operation['operation_id']} {operation['status']}")
    if operation["error_message"]:
        print(f"ktrdr: {operation['error_message']}", file=sys.stderr)
    return 0 if operation["status"] == "completed" else 1
