"""The command line. It loads `ktrdr.commands` when a command runs, and nothing for `--help`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

DEFAULT_API: Final = "http://127.0.0.1:8000"
WRONG: Final = 2
INTERRUPTED: Final = 130

EXAMPLES: Final = """\
from nothing to a trained model, on one machine:
  ktrdr api                                     the backend, in one terminal
  KTRDR_WORKER_TYPE=training ktrdr worker       a worker (needs torch), in another
  ktrdr data sample --upload                    a year of bars to learn from
  ktrdr train mlp_fx_hourly                     train on it and follow the progress

exit status: 0, 1 for a failure that the message explains, 2 for a wrong call or setting, 130 after Ctrl-C
"""
API_EXAMPLES: Final = """\
examples:
  ktrdr api                                     http://127.0.0.1:8000, for this machine only
  ktrdr api --host 0.0.0.0 --port 8080          for every machine that can reach this one

settings (environment): KTRDR_DATA_DIR, KTRDR_DATABASE_URL, KTRDR_DATABASE_PASSWORD_FILE, KTRDR_ALLOWED_HOSTS,
KTRDR_WORKER_SECRET_FILE, KTRDR_CLIENT_SECRET_FILE
"""
WORKER_EXAMPLES: Final = """\
examples:
  KTRDR_WORKER_TYPE=training ktrdr worker
  KTRDR_WORKER_TYPE=backtest KTRDR_WORKER_PORT=5004 KTRDR_API_URL=http://backend:8000 ktrdr worker

settings (environment): KTRDR_WORKER_TYPE, KTRDR_API_URL, KTRDR_WORKER_PORT, KTRDR_WORKER_ID,
KTRDR_WORKER_PUBLIC_BASE_URL, KTRDR_WORKER_SECRET_FILE
"""
SAMPLE_EXAMPLES: Final = """\
examples:
  ktrdr data sample                             CSV on standard output
  ktrdr data sample --output EURUSD_1h.csv      into a file
  ktrdr data sample --upload                    to the backend on this machine
  ktrdr data sample --year 2024 --seed 11 --upload http://backend:8000
"""
SCHEMA_EXAMPLES: Final = """\
examples:
  ktrdr strategies schema                       JSON schema on standard output

Save it as strategy.schema.json. Editors then check a strategy that begins with this line:
  # yaml-language-server: $schema=strategy.schema.json
"""
TRAIN_EXAMPLES: Final = """\
examples:
  ktrdr train mlp_fx_hourly                     on a worker of the backend on this machine
  ktrdr train mlp_fx_hourly --backend http://backend:8000 --start-date 2023-01-01 --end-date 2023-10-31
  ktrdr train mlp_fx_hourly --here my-model     in this process, from KTRDR_DATA_DIR (needs torch)
"""
BACKTEST_EXAMPLES: Final = """\
examples:
  ktrdr backtest mlp_fx_hourly EURUSD 1h --start-date 2023-11-01

Let the range begin after the training's: a model shines on bars that it has seen.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status: 0, 1 for a failure that the message explains, 130 after Ctrl-C.

    The status is 2 for a wrong setting. A wrong call raises SystemExit with 2.
    """
    options = _parser().parse_args(arguments)
    from ktrdr import commands  # noqa: PLC0415  not needed for `--help`
    from ktrdr.errors import KtrdrError, SettingError  # noqa: PLC0415

    try:
        return int(getattr(commands, options.run)(options))
    except BrokenPipeError:
        # The reader has closed the pipe: nothing may be flushed into it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
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
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog="ktrdr",
        description="Neuro-fuzzy trading: bars, indicators, fuzzy memberships, a small network, decisions.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    api = _command(commands, "api", "start the backend", API_EXAMPLES)
    api.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    api.add_argument("--port", type=_port, default=8000, help="port to listen on (default: %(default)s)")

    _command(commands, "worker", "start the worker that KTRDR_WORKER_TYPE names: training or backtest", WORKER_EXAMPLES)

    _add_data(commands)

    strategies = commands.add_parser("strategies", allow_abbrev=False, help="strategies", description="Strategies.")
    kinds = strategies.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _command(kinds, "schema", "print the JSON schema of a strategy's YAML file, for editors", SCHEMA_EXAMPLES)

    train = _command(commands, "train", "train a strategy and follow its progress", TRAIN_EXAMPLES)
    train.add_argument("strategy", help="the strategy's name, such as mlp_fx_hourly")
    place = train.add_mutually_exclusive_group()
    place.add_argument("--backend", type=_url, metavar="URL", default=DEFAULT_API,
                       help="the backend whose workers train (default: %(default)s)")  # fmt: skip
    place.add_argument(
        "--here", type=Path, metavar="DIR", help="train in this process and write the model to a new DIR"
    )
    test = _command(commands, "backtest", "backtest a strategy's model and follow the progress", BACKTEST_EXAMPLES)
    test.add_argument("strategy", help="the strategy's name, such as mlp_fx_hourly")
    test.add_argument("symbol", help="the bars' symbol, such as EURUSD")
    test.add_argument("timeframe", help="the model's finest timeframe, such as 1h")
    test.add_argument("--model", metavar="NAME", help="the model (default: the strategy's newest)")
    test.add_argument("--backend", type=_url, metavar="URL", default=DEFAULT_API,
                      help="the backend whose workers compute (default: %(default)s)")  # fmt: skip
    for command in (train, test):
        command.add_argument(
            "--start-date", type=_date, metavar="DATE", help="the first day, such as 2023-01-01 (default: all)"
        )
        command.add_argument("--end-date", type=_date, metavar="DATE", help="the last day (default: all)")
    return parser


def _add_data(commands: Any) -> None:
    data = commands.add_parser("data", allow_abbrev=False, help="price bars", description="Price bars.")
    kinds = data.add_subparsers(title="commands", required=True, metavar="COMMAND")
    sample = _command(kinds, "sample", "make a year of hourly EURUSD-like bars (about 6,200)", SAMPLE_EXAMPLES)
    sample.add_argument("--year", type=_year, default=2023, help="the year (default: %(default)s)")
    sample.add_argument("--seed", type=int, default=7, help="the same seed, the same bars (default: %(default)s)")
    where = sample.add_mutually_exclusive_group()
    where.add_argument("--output", type=Path, metavar="FILE", help="the CSV file to write")
    where.add_argument("--upload", type=_url, metavar="URL", nargs="?", const=DEFAULT_API,
                       help=f"the backend to upload to ({DEFAULT_API} if none is named)")  # fmt: skip


def _command(commands: Any, name: str, what: str, examples: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        allow_abbrev=False,
        help=what,
        description=f"{what[0].upper()}{what[1:]}.",
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=name)
    return parser


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address; write it like {DEFAULT_API}")
    return text


def _date(text: str) -> str:
    from ktrdr.data.bars import parse_time  # noqa: PLC0415  not needed for `--help`

    try:
        parse_time(text)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is not a date; write it like 2023-01-01") from None
    return text


def _year(text: str) -> int:
    from ktrdr.data.rows import YEARS  # noqa: PLC0415  not needed for `--help`

    if not text.isdecimal() or int(text) not in YEARS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a year from {YEARS[0]} to {YEARS[-1]}")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65535:  # noqa: PLR2004  TCP
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
