"""The options of the commands that publish, or use what is published."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from deploy.errors import Exit, Problem

MOST_DAYS = 90.0  # between verification and use, unless another number is named
EXAMINATION = ("plain_http", "key", "most_days")  # options by which what a registry holds is examined


def add_publishing(command: argparse.ArgumentParser) -> None:
    """Add the options of `publish`."""
    add_registry(command, required=True)
    command.add_argument("--key", type=Path, metavar="FILE", help="sign with this private key: see `key`")
    command.add_argument(
        "--verifier", metavar="URI", help="who verified (default: urn:ktrdr:verifier: and this host's name)"
    )


def add_deployment(command: argparse.ArgumentParser, *, required: bool) -> None:
    """Add the options by which published images are found and examined."""
    add_registry(command, required=required)
    add_examination(command)
    command.add_argument(
        "--unattested", action="store_true", help="take images although their attestations are missing or do not hold"
    )


def add_registry(command: argparse.ArgumentParser, *, required: bool) -> None:
    """Add the options that name a registry."""
    about = "where the images lie: a host, and what stands before their names there"
    command.add_argument("--registry", required=required, default="", metavar="R", help=about)
    command.add_argument("--plain-http", action="store_true", help="the registry does not use HTTPS")


def add_examination(command: argparse._ActionsContainer) -> None:
    """Add what attestations have to fulfil."""
    command.add_argument("--key", type=Path, metavar="FILE", help="the public key that has to have signed")
    command.add_argument(
        "--most-days",
        type=days,
        metavar="N",
        help=f"how old a verification may be (default: {MOST_DAYS:g})",
    )


def hold_none(arguments: argparse.Namespace, names: Iterable[str], why: str, next_step: str) -> None:
    """Raise Problem (exit 2) where one of the options is given, which would be passed over."""
    if given := [f"--{name.replace('_', '-')}" for name in names if getattr(arguments, name, None)]:
        raise Problem("reading the command line", f"{', '.join(given)}: {why}", next_step, Exit.USAGE)


def days(text: str) -> float:
    """Read a positive number of days; raises ArgumentTypeError."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e5:  # noqa: PLR2004 - three centuries; more is a slip
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days above 0")
    return number
