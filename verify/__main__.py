"""``python -m verify``: verify images; summarize, explain, describe, baseline, lazy-imports, e2e."""

import argparse
import difflib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from deploy.errors import Exit, Problem, outside

try:
    from rich.console import Console

    from deploy import signals
    from deploy.artifacts import UnreadableArtifact
    from deploy.contract import Contract, Image
    from deploy.project import Project, read_project
    from deploy.publish import options
    from verify.commands import summarize, verify
except ImportError as error:
    outside("verify", error)

ROLES = ("ROLE", "roles of the contract; all where none is named")
# word -> what it does, what it takes: the name of its arguments, and their meaning
COMMANDS = {
    "": ("Tells whether ktrdr's images are what their roles demand.", ROLES),
    "summarize": (
        "Writes table and reports from artifacts; those of several jobs are merged.",
        ("DIR", "directories of artifacts; artifacts/ where none is named"),
    ),
    "explain": (
        "Tells what a check is for, what it saw of an image, and what to do.",
        ("ROLE CHECK", "a role or e2e, and one of its checks: backend lazy-import, e2e training/smoke"),
    ),
    "describe": ("Prints the contract's table for a built image, as TOML, from the image itself.", ROLES),
    "import-cst": (
        "Prints a configuration of container-structure-test as checks of a contract's own, as TOML.",
        ("FILE", "a configuration in YAML or JSON, schemaVersion 2.0.0"),
    ),
    "baseline": ("Keeps the last verification's figures in deploy/docker/baseline.json, for comparison.", ROLES),
    "lazy-imports": (
        "Checks the lazy-import rules on this checkout and on the server at KTRDR_API_PORT; no Docker needed.",
        None,
    ),
    "e2e": ("Runs the verified images together: train, backtest, cancel, kill, restart.", None),
}
DESCRIBING = """\
how to bring a new image, or another content, into the contract:
  1. In deploy/docker/images.toml, write [images.ROLE] with the keys that no image tells. Its other keys may be wrong.
  2. ./noxw -s build -- ROLE
  3. python -m verify describe ROLE >table.toml
  4. Put the table in the place of [images.ROLE] and all below it. Read the comments.
  5. Write a reason for each file, or remove it from the image: the contract refuses an empty reason.
  6. ./noxw -s build verify -- ROLE

A line that the contract has for every image is not repeated. Secrets are hidden. docs/contract.md explains the keys."""
OPTIONS = (  # that take a value
    "--artifacts", "--history", "--contract", "--published", "--key", "--most-days", "--image", "--role", "--base",
)  # fmt: skip


def parser(word: str = "") -> argparse.ArgumentParser:
    """Return the grammar of the command with this word, of a verification where there is none."""
    description, arguments = COMMANDS[word]
    others = "\n".join(f"  python -m verify {name:<12}  {about}" for name, (about, _) in COMMANDS.items() if name)
    top = argparse.ArgumentParser(
        allow_abbrev=False, prog=f"python -m verify {word}".rstrip(),
        description=f"{description} Exit codes: docs/commands.md.",
        epilog=DESCRIBING if word == "describe" else None if word else f"other commands, each with --help:\n{others}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [-h] [--artifacts DIR] ROLE CHECK" if word == "explain" else None,
    )  # fmt: skip
    top.set_defaults(command=word, gpu=False, history=None, artifacts=None, published=None)
    top.set_defaults(image=None, role=None, base=None)
    if arguments is None:
        top.set_defaults(words=[])
    else:
        top.add_argument("words", nargs="*", metavar=arguments[0], help=arguments[1])
    if not word:
        top.add_argument("--gpu", action="store_true", help="check on a GPU host that the GPU is really used")
        _add_published(top)
        top.add_argument("--image", metavar="NAME", help="an image that nobody here built, in place of the role's")
        top.add_argument("--role", metavar="ROLE", help="the role whose contract judges --image")
        top.add_argument("--base", metavar="NAME", help="the base of --image (default: what its OCI labels say)")
    if word == "import-cst":
        top.add_argument("--role", metavar="ROLE", help="whose checks they become (default: every image's)")
    if word == "summarize":
        top.add_argument(
            "--history",
            type=Path,
            metavar="DIR",
            help="draw sizes and times as history.html instead, over the runs in DIR: one directory of artifacts a run",
        )
    top.add_argument(
        "--contract", type=Path, metavar="FILE", help="the contract (default: KTRDR_CONTRACT, or found from here)"
    )
    if word not in ("lazy-imports", "import-cst"):
        top.add_argument("--artifacts", type=Path, metavar="DIR", help="where records lie (default: artifacts/)")
    return top


def _add_published(top: argparse.ArgumentParser) -> None:
    group = top.add_argument_group("a published image, in place of roles")
    about = "tell who verified this image in a registry, when, by which contract, and what came of it"
    group.add_argument("--published", metavar="REF", help=about)
    group.add_argument("--again", action="store_true", help="then check all that is checked of a built image")
    group.add_argument("--plain-http", action="store_true", help="the registry does not use HTTPS")
    options.add_examination(group)


def read_command_line(words: list[str]) -> argparse.Namespace:
    """Return what a command line asks for; options may stand before and after the command's word."""
    behind = {at + 1 for at, word in enumerate(words) if word in OPTIONS}
    first = next((at for at, word in enumerate(words) if not word.startswith("-") and at not in behind), None)
    if first is None or words[first] not in COMMANDS:
        return parser().parse_intermixed_args(words)
    return parser(words[first]).parse_intermixed_args([*words[:first], *words[first + 1 :]])


def run(arguments: argparse.Namespace) -> int:
    """Carry out one command; returns its exit code."""
    if arguments.command == "import-cst":
        from verify.commands.import_cst import import_cst  # noqa: PLC0415 - the other commands need nothing of it

        if len(arguments.words) != 1:
            raise Problem("reading the command line", "name one file", "see --help", Exit.USAGE)
        return import_cst(Path(arguments.words[0]), arguments.role)
    if not arguments.published:
        names = ("again", *options.EXAMINATION)
        options.hold_none(arguments, names, "only of use with --published REF", "name the image, or leave it out")
    project = read_project(arguments.contract, arguments.artifacts, environ=os.environ, directory=Path.cwd())
    contract, artifacts = project.contract, project.artifacts
    console, word, words = signals.Screen(), arguments.command, arguments.words
    if arguments.history:
        from verify.commands import history  # noqa: PLC0415

        if words:
            wrong = f"--history DIR takes no {' '.join(words)} beside it"
            raise Problem("reading the command line", wrong, "see ./noxw -s summarize -- --help", Exit.USAGE)
        return history.history(arguments.history, artifacts.root, contract.roles, console)
    if word == "summarize":
        return summarize.command([Path(word) for word in words], artifacts, contract.roles, console)
    if word == "explain":
        from verify.commands import explain  # noqa: PLC0415

        return explain.explain(words, contract, artifacts, console)
    if word == "baseline":
        from verify.commands import baseline  # noqa: PLC0415

        return baseline.keep(project, words, console)
    if word == "lazy-imports":
        from verify.commands import lazy_imports  # noqa: PLC0415 - the other commands need nothing of it

        return lazy_imports.lazy_imports(project, console, os.environ)
    from deploy.engine import connection  # noqa: PLC0415

    if word == "describe":
        from verify.commands.describe import describe  # noqa: PLC0415 - the other commands need nothing of it

        return describe(project, contract.select(words), connection.find_engine())
    if arguments.published:
        return _published(arguments, project, console)
    if word == "e2e":
        from verify.commands.end_to_end import end_to_end  # noqa: PLC0415 - the other commands need nothing of it

        return end_to_end(contract, connection.find_engine(), artifacts, console)
    return _verify(arguments, project, console)


def _verify(arguments: argparse.Namespace, project: Project, console: Console) -> int:
    from deploy.engine import connection  # noqa: PLC0415

    contract = project.contract
    first = next(iter(arguments.words), "")
    if first not in contract.roles and (close := difflib.get_close_matches(first, COMMANDS, n=1)) and first:
        raise Problem("reading the command line", f"no such role: {first}", f"did you mean {close[0]}?", Exit.USAGE)
    other = _other(arguments, contract)
    roles = [arguments.role] if other else arguments.words
    images = contract.select(roles)
    if arguments.gpu and arguments.words:
        _hold_cuda(images, contract)
    return verify.verify(project, roles, connection.find_engine(), console, gpu=arguments.gpu, other=other)


def _other(arguments: argparse.Namespace, contract: Contract) -> verify.Other | None:
    """Return the image of --image; Problem (exit 2) where an option lacks the other, or contradicts a word."""
    if not (arguments.image or arguments.role or arguments.base):
        return None
    if not (arguments.image and arguments.role) or arguments.words or arguments.gpu:
        wrong = "--image NAME and --role ROLE belong together, without roles beside them and without --gpu"
        raise Problem("reading the command line", wrong, f"name a role of: {', '.join(contract.roles)}", Exit.USAGE)
    return verify.Other(arguments.image, arguments.base or "")


def _published(arguments: argparse.Namespace, project: Project, console: Console) -> int:
    from deploy.engine import connection  # noqa: PLC0415
    from deploy.publish.commands import expected  # noqa: PLC0415 - the other commands need nothing of it
    from deploy.publish.reference import Reference  # noqa: PLC0415
    from deploy.publish.registry import Repository  # noqa: PLC0415
    from verify.commands.published import Asked, published  # noqa: PLC0415

    if arguments.words or arguments.gpu:
        wrong = f"--published takes no {' '.join(arguments.words) or '--gpu'} beside it"
        raise Problem("reading the command line", wrong, "see ./noxw -s verify -- --help", Exit.USAGE)
    options.hold_none(arguments, ("image", "role", "base"), "not of use with --published", "leave one of them out")
    repository = Repository(Reference.read(arguments.published), plain_http=arguments.plain_http)
    asked = Asked(repository, expected(arguments, project.contract), arguments.again)
    return published(asked, project, connection.find_engine(), console)


def _hold_cuda(images: Iterable[Image], contract: Contract) -> None:
    """Raise Problem (exit 2) for images in which there is nothing to try on a GPU."""
    if others := [image.role for image in images if image.torch != "cuda"]:
        wrong = f"no CUDA PyTorch is demanded of {', '.join(others)}: there is nothing to try on a GPU"
        able = ", ".join(image.role for image in contract.images.values() if image.torch == "cuda")
        raise Problem("reading the command line", wrong, f"name roles of: {able}", Exit.USAGE)


def main(words: list[str] | None = None) -> int:
    """Run the command line; every problem is reported without a traceback."""
    arguments = read_command_line(sys.argv[1:] if words is None else words)
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
        return signals.interrupted()


if __name__ == "__main__":
    sys.exit(signals.program(main))
