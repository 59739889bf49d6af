"""`ktrdr operations cancel`: end operations before they are done."""

import argparse
from typing import Final

from ktrdr.commands.client import Client, named
from ktrdr.commands.parts import add_backend, add_json
from ktrdr.commands.tables import print_json

EXAMPLES: Final = """\
examples:
  ktrdr operations cancel op_training_20260101_120000_0123abcd
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("operation", help="the operation's id, as `ktrdr operations list` shows it")
    add_backend(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Cancel an operation: at once if it waits, otherwise through its worker."""
    answer = Client(options.backend).ask("DELETE", named("operations", options.operation))
    if options.json:
        print_json({key: answer[key] for key in ("operation_id", "status", "cancel_requested")})
    elif answer["status"] == "cancelled":
        print(f"{options.operation} is cancelled")
    else:
        print(f"{options.operation} is told to stop; its worker takes up to 2 seconds")
    return 0
