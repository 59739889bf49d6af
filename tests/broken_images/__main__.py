"""Judges every broken image, then the good images twenty times."""

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from deploy import signals
from deploy.artifacts import BUILD, Artifacts, UnreadableArtifact, write_model, write_text
from deploy.build_record import BuildRecord
from deploy.contract import Contract
from deploy.engine import connection as engines
from deploy.engine.connection import Engine, find_engine
from deploy.engine.runs import new_run
from deploy.errors import Exit, Problem
from deploy.project import Project, read_project
from tests.broken_images import report
from tests.broken_images.catalogue import FAULTS
from tests.broken_images.fault import Fault
from tests.broken_images.remains import look, remains
from tests.broken_images.result import Result, Round, Suite, taken, unbuilt, unreasoned
from tests.broken_images.rounds import ROUNDS, rounds
from tests.broken_images.workshop import Good, Workshop
from tests.support.checkout import CONTRACT_FILE
from verify.judge.checks import CHECKS

FILE = "faults.json"
AT_ONCE = 2 + (os.cpu_count() or 1)  # most of them wait for a server most of the time


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = argparse.ArgumentParser(allow_abbrev=False, prog="python -m tests.broken_images", description=__doc__)
    top.add_argument("names", nargs="*", metavar="NAME", help="a check, or words of a fault's name; all where none is")
    top.add_argument("--list", action="store_true", help="list the faults and end")
    top.add_argument(
        "--glance", action="store_true", help="look only where each fault's check does: a third of the time"
    )
    top.add_argument(
        "--rounds", type=int, default=len(ROUNDS), metavar="N", help="rounds of the good images (default: 20)"
    )
    top.add_argument(
        "--artifacts",
        type=Path,
        metavar="DIR",
        help="where build records lie, and faults.json and faults.md go (default: artifacts/)",
    )
    return top


def selected(names: Sequence[str]) -> list[Fault]:
    """Return the faults of these checks or with these words in their names; all where none is named.

    Raises:
        Problem: a name selects none.

    """
    chosen: list[Fault] = []
    for name in names:
        found = [one for one in FAULTS if name == one.check or name.lower() in one.name.lower()]
        if not found:
            raise Problem(
                "reading the command line", f"no fault is called {name!r}", "`-- --list` lists them", Exit.USAGE
            )
        chosen += found
    return [one for one in FAULTS if not names or one in chosen]


def goods(contract: Contract, artifacts: Artifacts, roles: set[str]) -> dict[str, Good]:
    """Return the good images that faults start from.

    Raises:
        Problem: one of them was not built in this state.

    """
    try:
        return {role: Good(contract.images[role], artifacts.read(role, BUILD, BuildRecord)) for role in sorted(roles)}
    except (FileNotFoundError, UnreadableArtifact) as error:
        raise Problem("looking for the good images", f"no build record: {error}", "run `./noxw -s build`") from None


def judge_all(workshop: Workshop, faults: Sequence[Fault], console: Console) -> list[Result]:
    """Judge the faults a few at a time, the longest first, telling each as it ends; returned in their own order."""

    def one(fault: Fault) -> Result:
        began = time.monotonic()
        try:
            seen = workshop.judge_faulty(FAULTS.index(fault), fault)
        except Exception as trouble:  # noqa: BLE001 - of one fault: the others are judged all the same
            return unbuilt(fault, trouble, time.monotonic() - began)
        return taken(fault, seen, time.monotonic() - began)

    done: dict[str, Result] = {}
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        for ended in as_completed([pool.submit(one, fault) for fault in sorted(faults, key=lambda fault: fault.begun)]):
            result = ended.result()
            done[result.name] = result
            console.print(report.line(len(done), len(faults), result), soft_wrap=True)
    finally:
        pool.shutdown(cancel_futures=True)
    return [done[fault.name] for fault in faults]


@contextlib.contextmanager
def contents_kept_apart(project: Project) -> Iterator[Project]:
    """Let what is read of faulty images be forgotten at the end, and what is known of good ones be known."""
    with tempfile.TemporaryDirectory(prefix="ktrdr-faults-cache-") as directory:
        if (project.cache / "contents").is_dir():
            shutil.copytree(project.cache / "contents", Path(directory) / "contents")
        yield replace(project, cache=Path(directory))


def run(arguments: argparse.Namespace, console: Console) -> Suite:
    """Carry out the suite, or what was selected of it."""
    faults = selected(arguments.names)
    project = read_project(CONTRACT_FILE, arguments.artifacts, environ=os.environ, directory=Path.cwd())
    contract, artifacts, engine = project.contract, project.artifacts, find_engine()
    variations = () if arguments.names else ROUNDS[: arguments.rounds]
    roles = set(contract.roles) if variations else {"backend", *(fault.base for fault in faults)}
    found = goods(contract, artifacts, roles)
    began, started = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    with contextlib.closing(engines.sdk(engine)) as client:
        before = look(client, (image.name for image in contract.images.values()))
        repository, results = _faults(project, engine, found, faults, console, whole=not arguments.glance)

        def suite(varied: list[Round]) -> Suite:
            return Suite(
                started=started,
                seconds=round(time.monotonic() - began, 1),
                whole=not (arguments.names or arguments.glance) and len(varied) == len(ROUNDS),
                faults=results,
                without=[] if arguments.names else unreasoned(CHECKS, results),
                rounds=varied,
                left=remains(client, before, repository, os.getpid()),
            )

        write_model(artifacts.root / FILE, suite([]))  # whatever comes of the rounds
        return suite(rounds(project, engine, variations, console))


def _faults(
    project: Project,
    engine: Engine,
    found: dict[str, Good],
    faults: Sequence[Fault],
    console: Console,
    *,
    whole: bool,
) -> tuple[str, list[Result]]:
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ktrdr-faults-")))
        project = stack.enter_context(contents_kept_apart(project))
        with new_run(engine) as run:
            workshop = Workshop(engine, project, run, found, directory=directory, whole=whole)
            stack.callback(workshop.close)  # after the run's end: none of its containers is left to need an image
            workshop.judge_good()
            return workshop.repository, judge_all(workshop, faults, console)


def main() -> int:
    """Run the command line; every problem is told without a traceback."""
    arguments, console = parser().parse_args(), signals.Screen()
    if arguments.list:
        for fault in FAULTS:
            console.print(f"{fault.check:<22} {fault.outcome:<6} {fault.name}", soft_wrap=True)
        return Exit.OK
    try:
        suite = run(arguments, console)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return problem.code
    except KeyboardInterrupt:
        return signals.interrupted()
    root = Artifacts(arguments.artifacts).root
    write_model(root / FILE, suite)
    write_text(root / "faults.md", report.markdown(suite))
    console.print(report.table(suite))
    for text in ("", *report.troubles(suite), "", *report.figures(suite)):
        console.print(Text(text), soft_wrap=True)
    return Exit.OK if suite.good else Exit.FAILED


if __name__ == "__main__":
    sys.exit(signals.program(main))
