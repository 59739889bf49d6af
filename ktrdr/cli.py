"""The command line. It loads a command's module for that command's help and run, and no module for `--help`."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final, Protocol, cast

from ktrdr.commands import COMMANDS, GROUPS, Command

FAILED: Final = 1
WRONG: Final = 2
INTERRUPTED: Final = 130
HINTS: Final = 3

EXAMPLES: Final = """\
from nothing to a tested model, on one machine:
  ktrdr api                                  the backend, in one terminal
  KTRDR_WORKER_TYPE=training ktrdr worker    a worker (needs torch), in another
  KTRDR_WORKER_TYPE=backtest KTRDR_WORKER_PORT=5004 ktrdr worker
  ktrdr data sample --upload                 a year of bars to learn from
  ktrdr train mlp_fx_hourly --end-date 2023-10-31
  ktrdr backtest mlp_fx_hourly EURUSD-SAMPLE 1h --start-date 2023-11-01

KTRDR_API_URL names the backend, KTRDR_CLIENT_SECRET_FILE a file with the
secret of its clients. Results go to standard output, progress and warnings to
standard error.

exit status: 0, 1 for a failure that the message explains, 2 for a wrong call
or setting, 130 after Ctrl-C
"""


class _Module(Protocol):
    """What the module of a command holds."""

    EXAMPLES: str

    def arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, options: argparse.Namespace) -> int: ...


class _CommandParser(argparse.ArgumentParser):
    """The parser of one command, which gets its arguments from the command's module when it is used."""

    def __init__(self, *, command: Command | None = None, **more: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=_formatter, **more)
        self._command = command

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._command is not None:
            module = cast("_Module", import_module(self._command.module))
            self._command, self.epilog = None, module.EXAMPLES
            module.arguments(self)
            self.set_defaults(run=module.run)
        return super().parse_known_args(args, namespace)


def _formatter(prog: str) -> argparse.HelpFormatter:
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=18)


class _Version(argparse.Action):
    """Prints the version and ends."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from ktrdr.settings import version  # noqa: PLC0415  not needed for `--help`

        print(f"ktrdr {version()}")
        parser.exit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status: 0, 1 for a failure that the message explains, 130 after Ctrl-C.

    The status is 2 for a wrong setting. A wrong call raises SystemExit with 2.
    """
    typed = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser()
    if hint := _hint(typed):
        parser.error(hint)
    options = parser.parse_args(typed)
    from ktrdr.errors import KtrdrError, SettingError  # noqa: PLC0415  not needed for `--help`

    try:
        return int(options.run(options))
    except BrokenPipeError:
        # The reader has closed the pipe: nothing may be flushed into it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"ktrdr: {where}{error.strerror or error}", file=sys.stderr)
    except SettingError as error:
        print(f"ktrdr: {error}", file=sys.stderr)
        return WRONG
    except (KtrdrError, ValueError) as error:
        print(f"ktrdr: {error}", file=sys.stderr)
    return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = _CommandParser(
        prog="ktrdr",
        description="Neuro-fuzzy trading: indicators, fuzzy memberships, a small network.",
        epilog=EXAMPLES,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=_CommandParser)
    kinds: dict[str, Any] = {}
    for command in COMMANDS:
        group, _, rest = command.name.rpartition(" ")
        if group and group not in kinds:
            what = GROUPS[group]
            listed = ", ".join(
                one.name.removeprefix(f"{group} ") for one in COMMANDS if one.name.startswith(f"{group} ")
            )
            above = commands.add_parser(group, help=f"{what}: {listed}", description=f"{what[0].upper()}{what[1:]}.")
            kinds[group] = above.add_subparsers(
                title="commands", required=True, metavar="COMMAND", parser_class=_CommandParser
            )
        described = f"{command.what[0].upper()}{command.what[1:]}."
        place = kinds[group] if group else commands
        place.add_parser(rest, help=command.what, description=described, command=command)
    return parser


def _hint(typed: Sequence[str]) -> str | None:
    """Return what to say of words that name no command, with the commands that may be meant; None if they name one."""
    words = [word for word in typed[:2] if not word.startswith("-")]
    first, *rest = words or [""]
    names = {command.name for command in COMMANDS}
    if not words or first in names or (first in GROUPS and (not rest or f"{first} {rest[0]}" in names)):
        return None
    near = _near(words, names)
    meant = f"; did you mean {' or '.join(near[:HINTS])}?" if near else "; ktrdr --help lists the commands"
    return f"no command is named {' '.join(words[: 1 + (first in GROUPS)])!r}{meant}"


def _near(words: list[str], names: set[str]) -> list[str]:
    """Return commands that are written much like these words, or have their words in another place."""
    from difflib import get_close_matches  # noqa: PLC0415  for a mistake alone

    first, *rest = words
    if first in GROUPS:
        kinds = [name.removeprefix(f"{first} ") for name in sorted(names) if name.startswith(f"{first} ")]
        return [f"{first} {kind}" for kind in get_close_matches(rest[0], kinds, HINTS)]
    found = [" ".join([*rest, first])]
    for near in get_close_matches(first, {name.partition(" ")[0] for name in names}, HINTS):
        found += [" ".join([near, *rest]), near]
    found += [name for name in sorted(names) if name.endswith(f" {first}")]
    known = [name for name in dict.fromkeys(found) if name in names or name in GROUPS]
    return known[:1] if known and known[0] in names else known


if __name__ == "__main__":
    sys.exit(main())
