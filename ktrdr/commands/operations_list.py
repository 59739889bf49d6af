"""`ktrdr operations list`: trainings, backtests, predictions and uploads."""

import argparse
from typing import Any, Final

from ktrdr.commands.client import Client
from ktrdr.commands.parts import add_backend, add_json, whole
from ktrdr.commands.tables import print_json, print_table

NEWEST: Final = 20
STATUSES: Final = ("pending", "running", "completed", "failed", "cancelled")
TYPES: Final = ("training", "backtesting", "prediction", "data_load")
SORTS: Final = ("newest", "oldest", "status", "type")
EXAMPLES: Final = """\
examples:
  ktrdr operations list --sort status
  ktrdr operations list --status failed --type training --limit 100 --json
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--status", choices=STATUSES, metavar="STATUS", help=f"only these: {', '.join(STATUSES)}")
    parser.add_argument("--type", choices=TYPES, metavar="TYPE", help=f"only these: {', '.join(TYPES)}")
    parser.add_argument("--sort", choices=SORTS, metavar="BY", help=f"by {', '.join(SORTS)} (default: newest)")
    parser.add_argument(
        "--limit", type=whole(1, 500, "a number"), default=NEWEST, help="how many (default: %(default)s)"
    )
    add_backend(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """List operations."""
    answer = Client(options.backend).get(
        "/operations",
        status=options.status,
        operation_type=options.type,
        sort=options.sort,
        limit=options.limit,
        brief="true",
    )
    found = answer["operations"]
    if options.json:
        print_json(found)
        return 0
    rows = [
        (
            one["operation_id"],
            f"{one['status']}: {one['error_code']}" if one["error_code"] else one["status"],
            f"{one['progress']['percentage']:.0f} %",
            _subject(one["metadata"]["request"]),
        )
        for one in found
    ]
    print_table(("OPERATION", "STATUS", "DONE", "OF"), rows)
    return 0


def _subject(request: dict[str, Any]) -> str:
    """Return what an operation is about: a strategy, or a series."""
    words = (request.get("strategy_name"), request.get("symbol"), request.get("timeframe"))
    return " ".join(word for word in words if word)
