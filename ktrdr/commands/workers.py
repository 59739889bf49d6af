"""`ktrdr workers`: the workers and what they do."""

import argparse
from typing import Final

from ktrdr.commands.client import Client
from ktrdr.commands.parts import add_backend, add_json
from ktrdr.commands.tables import print_json, print_table

EXAMPLES: Final = """\
examples:
  ktrdr workers
  ktrdr workers --json
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_backend(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """List the workers."""
    found = Client(options.backend).get("/workers")["workers"]
    if options.json:
        print_json(found)
        return 0
    rows = [
        (
            one["worker_id"],
            one["type"],
            one["status"],
            one["capabilities"]["gpu_type"] if one["capabilities"]["gpu"] else None,
            one["current_operation_id"],
        )
        for one in found
    ]
    print_table(("WORKER", "TYPE", "STATUS", "GPU", "OPERATION"), rows)
    return 0
