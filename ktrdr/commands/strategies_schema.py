"""`ktrdr strategies schema`: the JSON schema of a strategy's file."""

import argparse
from typing import Final

from ktrdr.commands.tables import print_json

EXAMPLES: Final = """\
examples:
  ktrdr strategies schema                       JSON schema on standard output

Save it as strategy.schema.json. Editors then check a strategy that begins with
this line:
  # yaml-language-server: $schema=strategy.schema.json
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(_options: argparse.Namespace) -> int:
    """Print the JSON schema of a strategy's file."""
    from ktrdr.strategy.checks import json_schema  # noqa: PLC0415  not needed for `--help`

    print_json(json_schema())
    return 0
