"""The table of commands in ktrdr/README.md is that of the command line."""

import argparse
from importlib import import_module

import pytest

from ktrdr.commands import COMMANDS, Command
from tests.support.checkout import ROOT
from tests.support.documents import text

OF_CLIENTS = {"--backend", "--json"}
WITHOUT = {"api", "worker", "data sample", "strategies schema", "strategies convert", "backup", "restore"}


def arguments(command: Command) -> list[argparse.Action]:
    parser = argparse.ArgumentParser(add_help=False)
    import_module(command.module).arguments(parser)
    return parser._actions


def row(command: Command) -> str:
    found = arguments(command)
    words = [command.name, *(one.dest.upper() for one in found if not one.option_strings)]
    options = [f"`{one.option_strings[0]}`" for one in found if {*one.option_strings} - OF_CLIENTS]
    return f"| `{' '.join(words)}` | {command.what} | {', '.join(options) or '-'} |"


def test_the_table_of_commands_is_that_of_the_command_line() -> None:
    _, _, section = text(ROOT / "ktrdr" / "README.md").partition("| command | does | options |")
    table = section.partition("\n\n")[0].strip().splitlines()[1:]
    assert table == [row(command) for command in COMMANDS]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_every_command_that_asks_a_backend_lets_its_caller_name_it_and_prints_json(command: Command) -> None:
    options = {name for one in arguments(command) for name in one.option_strings}
    assert options >= OF_CLIENTS or (command.name in WITHOUT and not OF_CLIENTS & options)
