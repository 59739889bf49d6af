"""`ktrdr operations retry`: the same request again."""

import argparse
from typing import Final

from ktrdr.commands.client import Client, named
from ktrdr.commands.parts import add_backend, add_json
from ktrdr.commands.tables import print_json

EXAMPLES: Final = """\
examples:
  ktrdr operations retry op_training_20260101_120000_0123abcd
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("operation", help="the id of an operation that has failed or was cancelled")
    add_backend(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Queue the request of an operation again; print the new operation's id."""
    answer = Client(options.backend).post(named("operations", options.operation, "retry"))
    if options.json:
        print_json({key: answer[key] for key in ("operation_id", "retry_of", "status")})
    else:
        print(answer["operation_id"])
    return 0
