"""``ktrdr-images WORD …``: the commands of ``python -m deploy`` and ``python -m verify`` under one name."""

import sys

from deploy import __main__ as making
from deploy import signals
from verify import __main__ as verifying

VERIFY = "verify"
USAGE = "usage: ktrdr-images COMMAND …, each with --help"


def main() -> int:
    """Run the command that the first word names; without one, or with --help, list all. Returns the exit code."""
    return signals.program(lambda: run(sys.argv[1:]))


def run(words: list[str]) -> int:
    """Carry out one command line; returns its exit code."""
    word = next(iter(words), "--help")
    if word in ("-h", "--help"):
        print("\n".join([USAGE, "", *(f"  {name:<12}  {about}" for name, about in commands().items())]))
        return 0
    if word in making.COMMANDS:
        return making.main(words)
    return verifying.main(words[1:] if word == VERIFY else words)


def commands() -> dict[str, str]:
    """Return word -> what it does, of every command."""
    found = {word: about for word, (about, _) in making.COMMANDS.items()}
    return found | {word or VERIFY: about for word, (about, _) in verifying.COMMANDS.items()}
