"""`ktrdr strategies validate`: the mistakes of a strategy, in a file here or at the backend."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from ktrdr.commands.client import Client, named
from ktrdr.commands.parts import add_backend, add_json
from ktrdr.commands.tables import print_json

ENDINGS: Final = (".yaml", ".yml")
EXAMPLES: Final = """\
examples:
  ktrdr strategies validate mine.yaml           a file, without a backend
  ktrdr strategies validate mlp_fx_hourly       a strategy of the backend

exit status: 0 for a valid strategy, 1 for another
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("strategy", help="a file that ends in .yaml, or the name of a strategy")
    add_backend(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the issues of a strategy."""
    found = _of_file(Path(options.strategy)) if options.strategy.endswith(ENDINGS) else _of_backend(options)
    if options.json:
        print_json(found)
    else:
        for issue in found["issues"]:
            print(f"{issue['severity']}: {issue['message']}")
        print(f"{options.strategy} is {'valid' if found['valid'] else 'not valid'}")
    return 0 if found["valid"] else 1


def _of_backend(options: argparse.Namespace) -> dict[str, Any]:
    answer = Client(options.backend).post(named("strategies", "validate", options.strategy))
    return {key: answer[key] for key in ("valid", "issues")}


def _of_file(path: Path) -> dict[str, Any]:
    from ktrdr.strategy.files import StrategyDirectory  # noqa: PLC0415  not needed for `--help`

    path.stat()  # an OSError says better than the directory why the file cannot be read
    strategy, issues = StrategyDirectory(path.parent).check(path.stem)
    return {"valid": strategy is not None, "issues": [asdict(issue) for issue in issues]}
