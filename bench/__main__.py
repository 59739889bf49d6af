"""``python -m bench``: take the figures side by side in one run; writes ``bench.json`` and ``bench.md``."""

import argparse
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from deploy.errors import Exit, Problem, outside

try:
    from bench.checkout import CONTRACT, ROOT
    from bench.groups import GROUPS
    from bench.groups.verification import TOOL, tool_version
    from bench.machine import describe
    from bench.measure import SHOWN
    from bench.model import Report
    from bench.table import table
    from bench.workplace import Workplace, workplace
    from deploy import signals
    from deploy.artifacts import write_model, write_text
    from deploy.project import read_project
except ImportError as error:
    outside("bench", error)

JSON, MARKDOWN = "bench.json", "bench.md"


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = argparse.ArgumentParser(
        allow_abbrev=False,
        prog="python -m bench",
        description="Takes the figures from the verified images, beside others that do the same; on a quiet machine.",
    )
    top.add_argument("groups", nargs="*", metavar="NAME", help=f"groups to take: {', '.join(GROUPS)}; all by default")
    top.add_argument("--quick", action="store_true", help="one round of one image: only shows that it runs")
    top.add_argument("--artifacts", type=Path, metavar="DIR", help="where records lie (default: artifacts/)")
    return top


def main() -> int:
    """Run the command line; reports a group that cannot be measured, and measures the others."""
    arguments = parser().parse_args()
    project = read_project(CONTRACT, arguments.artifacts, environ=os.environ, directory=Path.cwd())
    artifacts, console = project.artifacts, signals.Screen()
    try:
        groups = _known(arguments.groups)
        with workplace(project.contract, artifacts, console, quick=arguments.quick) as place:
            report = measure(place, groups, quick=arguments.quick)
        console.print(table(report), soft_wrap=True)
        with artifacts.writing():
            write_text(artifacts.root / MARKDOWN, table(report))
    except Problem as problem:
        print(problem, file=sys.stderr)
        return problem.code
    except KeyboardInterrupt:
        return signals.interrupted()
    return Exit.UNAVAILABLE if report.not_measured else Exit.OK


def _known(names: list[str]) -> list[str]:
    if unknown := [name for name in names if name not in GROUPS]:
        next_step = f"name some of: {', '.join(GROUPS)}"
        raise Problem("reading the command line", f"no such group: {', '.join(unknown)}", next_step, Exit.USAGE)
    return names or list(GROUPS)


def measure(place: Workplace, groups: list[str], *, quick: bool) -> Report:
    """Take the groups' figures, one group after another, and write ``bench.json`` after each."""
    began = time.monotonic()
    report = Report(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=0.0,
        revision=_revision(),
        quick=quick,
        machine=describe(place.engine),
        tools={name: version(name) for name in ("python-on-whales", "docker", "uv")},
        figures=[],
        not_measured={},
    )
    for name in groups:
        try:
            _take(place, name, report)
        except Problem as problem:
            report.not_measured[name] = str(problem)
        except Exception as error:  # noqa: BLE001 - a group that fails costs no other group its figures
            report.not_measured[name] = _told(error)
        if name in report.not_measured:
            place.say(f"  not measured: {report.not_measured[name]}")
        report = report.model_copy(update={"seconds": round(time.monotonic() - began, 1)})
        with place.artifacts.writing():
            write_model(place.artifacts.root / JSON, report)
    return report


def _take(place: Workplace, name: str, report: Report) -> None:
    """Add a group's figures to the report, each as soon as it is taken."""
    if name == "verification":
        report.tools[TOOL] = tool_version()
    for figure in GROUPS[name](place):
        place.say(f"  {figure.name}: {figure.ours.median:,.2f} {figure.unit}")
        report.figures.append(figure)


def _told(error: Exception) -> str:
    """Return an error in words, with what a command that failed has printed."""
    printed = getattr(error, "stderr", None) or ""
    text = printed.decode("utf-8", "replace") if isinstance(printed, bytes) else str(printed)
    return f"{type(error).__name__}: {error} {text[-SHOWN:]}".strip()


def _revision() -> str:
    command = ["git", "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        next_step = "run it in a git checkout: bench copies the files that git knows"
        raise Problem("reading the checkout's revision", _told(error), next_step) from None


if __name__ == "__main__":
    sys.exit(signals.program(main))
