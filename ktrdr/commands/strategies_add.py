"""`ktrdr strategies add`: a strategy from a file."""

import argparse
from pathlib import Path
from typing import Final

from ktrdr.commands.client import Client, named
from ktrdr.commands.parts import add_backend, add_json
from ktrdr.commands.tables import print_json

MEDIA_TYPE: Final = "application/yaml"
EXAMPLES: Final = """\
examples:
  ktrdr strategies add mine.yaml                under the name that is in it
  ktrdr strategies add mine.yaml --replace      in place of one that is there
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("file", help="the strategy's YAML file")
    parser.add_argument("--replace", action="store_true", help="replace a strategy of that name; shipped ones stay")
    add_backend(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Store a strategy at the backend, if it is valid."""
    text, client = Path(options.file).read_bytes(), Client(options.backend)
    method, path = ("PUT", named("strategies", _name(text))) if options.replace else ("POST", "/strategies")
    answer = client.ask(method, path, text, MEDIA_TYPE)
    if options.json:
        print_json({key: answer[key] for key in ("strategy_name", "replaced", "models")})
        return 0
    print(f"{answer['strategy_name']} is {'replaced' if answer['replaced'] else 'stored'}")
    if answer["models"]:
        print(f"models that keep the earlier version: {answer['models']}")
    return 0


def _name(text: bytes) -> str:
    from ktrdr.strategy.document import BadDocument, read  # noqa: PLC0415  not needed for `--help`

    try:
        document = read(text.decode(errors="replace"))
    except BadDocument as error:
        raise ValueError(f"The strategy {error}") from None
    name = document.get("name") if isinstance(document, dict) else None
    if not isinstance(name, str):
        raise ValueError("The strategy has no text as its name: the key name is missing, or something else")  # noqa: TRY004
    return name
