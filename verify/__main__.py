"""``python -m verify``: verify images, summarize verdicts, examine the checkout's lazy imports."""

import argparse
import difflib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from deploy.environment import outside

try:
    from deploy import interruption
    from deploy.artifacts import Artifacts, UnreadableArtifact
    from deploy.contract import Contract, Image, read_contract
    from deploy.errors import Exit, Problem
    from verify import session, summarize
except ImportError as error:
    outside("verify", error)

WORDS = ("summarize", "baseline", "explain", "lazy-imports", "e2e")


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar: roles, or one of these words with arguments of its own."""
    top = argparse.ArgumentParser(
        allow_abbrev=False,
        prog="python -m verify",
        description="Tells whether ktrdr's images are what their roles demand. Exit codes: README.md.",
        epilog="python -m verify summarize [DIR ...]: table and reports from artifacts, merging those of several jobs. "
        "python -m verify lazy-imports: the lazy-import specification on this checkout, without Docker. "
        "python -m verify e2e: the verified images at work together. "
        "python -m verify explain ROLE CHECK: what a check is for, what it saw, what to do. "
        "python -m verify baseline [ROLE ...]: keep the last figures as the baseline.",
    )
    top.add_argument("words", nargs="*", metavar="ROLE", help="roles of the contract; all where none is named")
    top.add_argument("--gpu", action="store_true", help="the GPU contract: the device is really used")
    top.add_argument("--history", type=Path, metavar="DIR", help="with summarize: sizes and times over DIR's runs")
    top.add_argument("--artifacts", type=Path, metavar="DIR", help="where records lie (default: artifacts/)")
    return top


def run(arguments: argparse.Namespace) -> int:
    """Carry out one command; returns its exit code."""
    contract, artifacts = read_contract(), Artifacts(arguments.artifacts)
    console = interruption.Screen()
    word, *rest = arguments.words or [""]
    if word in WORDS and (arguments.gpu or (rest and word in ("lazy-imports", "e2e"))):
        wrong = f"{word} takes no {'--gpu' if arguments.gpu else ' '.join(rest)}"
        raise Problem("reading the command line", wrong, "see python -m verify --help", Exit.USAGE)
    if arguments.history:
        if word != "summarize" or rest:
            wrong = "--history DIR goes with summarize, and with nothing else"
            raise Problem("reading the command line", wrong, "see python -m verify --help", Exit.USAGE)
        from verify import history  # noqa: PLC0415

        return history.history(arguments.history, artifacts.root, contract.roles, console)
    if word == "summarize":
        return summarize.command([Path(one) for one in rest], artifacts, contract.roles, console)
    if word == "explain":
        from verify import explain  # noqa: PLC0415

        return explain.explain(rest, contract.roles, artifacts, console)
    if word == "baseline":
        from verify import baseline  # noqa: PLC0415

        return baseline.keep(contract, rest, artifacts, console)
    if word == "lazy-imports":
        from verify import lazy_imports  # noqa: PLC0415 - the other commands need nothing of it

        return lazy_imports.lazy_imports(contract, console, os.environ)
    from deploy import engine  # noqa: PLC0415

    if word == "e2e":
        from verify.e2e.session import end_to_end  # noqa: PLC0415 - the other commands need nothing of it

        return end_to_end(contract, engine.find_engine(), artifacts, console)
    if word not in contract.roles and (close := difflib.get_close_matches(word, WORDS, n=1)):
        raise Problem("reading the command line", f"no such role: {word}", f"did you mean {close[0]}?", Exit.USAGE)
    images = contract.select(arguments.words)
    if arguments.gpu and arguments.words:
        _hold_cuda(images, contract)
    return session.verify(contract, arguments.words, engine.find_engine(), artifacts, console, gpu=arguments.gpu)


def _hold_cuda(images: Iterable[Image], contract: Contract) -> None:
    """Raise Problem (exit 2) for images in which there is nothing to try on a GPU."""
    if others := [one.role for one in images if one.torch != "cuda"]:
        wrong = f"no CUDA PyTorch is demanded of {', '.join(others)}: there is nothing to try on a GPU"
        able = ", ".join(one.role for one in contract.images.values() if one.torch == "cuda")
        raise Problem("reading the command line", wrong, f"name roles of: {able}", Exit.USAGE)


def main() -> int:
    """Run the command line; every problem is told without a traceback."""
    arguments = parser().parse_intermixed_args()
    try:
        return run(arguments)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return problem.code
    except UnreadableArtifact as error:
        print(error, file=sys.stderr)
        return Exit.USAGE
    except ImportError as error:
        outside("verify", error)
    except KeyboardInterrupt:
        return interruption.interrupted()


if __name__ == "__main__":
    sys.exit(interruption.program(main))
