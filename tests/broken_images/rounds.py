"""The good images again and again, under what a machine does to a verification: whatever is found is a false alarm."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Literal

from rich.console import Console

from deploy.artifacts import BUILD, VERDICT, Artifacts
from deploy.build_record import BuildRecord
from deploy.engine.connection import Engine
from deploy.project import Project
from tests.broken_images.report import round_line
from tests.broken_images.result import Round, wrong
from verify.commands import verify
from verify.judge.verdict import Outcome, Verdict

Variation = Literal["as they are", "in other order", "one at a time", "on a loaded machine", "contents never seen"]

# Twenty, most of them as people run them.
ROUNDS: tuple[Variation, ...] = (
    "contents never seen", "on a loaded machine", "in other order", "one at a time",
    "on a loaded machine", "in other order", "one at a time",
    *("as they are",) * 13,
)  # fmt: skip
BURNERS = 2 * (os.cpu_count() or 1)


def rounds(project: Project, engine: Engine, variations: Sequence[Variation], console: Console) -> list[Round]:
    """Verify all images of the contract once for each variation, telling each as it ends; needs the build records."""
    done = []
    for number, variation in enumerate(variations, 1):
        done.append(_round(project, engine, number, variation))
        console.print(round_line(done[-1], len(variations)), soft_wrap=True)
    return done


def _round(project: Project, engine: Engine, number: int, variation: Variation) -> Round:
    began, contract, built = time.monotonic(), project.contract, project.artifacts
    with tempfile.TemporaryDirectory(prefix="ktrdr-round-") as directory, contextlib.ExitStack() as stack:
        artifacts = Artifacts(Path(directory) / "artifacts")
        for role in contract.roles:
            artifacts.write(role, BUILD, built.read(role, BUILD, BuildRecord))
        if variation == "on a loaded machine":
            stack.enter_context(loaded(BURNERS))
        if variation == "contents never seen":
            project = replace(project, cache=Path(directory) / "cache")
        for roles in _turns(contract.roles, variation):
            verify.verify(replace(project, artifacts=artifacts), roles, engine, Console(file=StringIO()))
        verdicts = [artifacts.read(role, VERDICT, Verdict) for role in contract.roles]
    outcomes: dict[str, Outcome] = {one.role: one.outcome for one in verdicts}
    alarms = [
        line for one in verdicts for line in (wrong(one) or [f"{one.role}: {one.outcome}"] * (one.outcome != "PASS"))
    ]
    seconds = round(time.monotonic() - began, 1)
    return Round(number=number, variation=variation, seconds=seconds, outcomes=outcomes, alarms=alarms)


def _turns(roles: list[str], variation: Variation) -> list[list[str]]:
    if variation == "one at a time":
        return [[role] for role in reversed(roles)]
    return [list(reversed(roles)) if variation == "in other order" else roles]


@contextlib.contextmanager
def loaded(burners: int) -> Iterator[None]:
    """Keep the processors busy with this many processes."""
    with contextlib.ExitStack() as stack:
        for _ in range(burners):
            burner = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(burner.kill)
        yield
