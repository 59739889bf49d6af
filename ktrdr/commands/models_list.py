"""`ktrdr models list`: the models, the newest first."""

import argparse
from typing import Final

from ktrdr.commands.client import Client
from ktrdr.commands.figures import in_percent
from ktrdr.commands.parts import add_backend, add_json
from ktrdr.commands.tables import print_json, print_table

EXAMPLES: Final = """\
examples:
  ktrdr models list
  ktrdr models list --json
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_backend(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """List the models with the accuracy of each beside its majority share."""
    found = Client(options.backend).every("/models", "models")
    if options.json:
        print_json(found)
        return 0
    rows = []
    for one in found:
        test, about = one["metrics"].get("test_metrics", {}), one["metadata"]
        rows.append(
            (
                one["name"],
                in_percent(test.get("test_accuracy")),
                in_percent(test.get("majority_share")),
                ", ".join(about.get("symbols", [])),
                ", ".join(about.get("timeframes", [])),
            )
        )
    print_table(("MODEL", "ACCURACY", "MAJORITY", "SYMBOLS", "TIMEFRAMES"), rows)
    return 0
