"""``summarize``: one summary of the artifacts of one run or of many jobs."""

from pathlib import Path

from rich.console import Console

from deploy.artifacts import Artifacts
from deploy.errors import Exit
from verify.report.collect import collect, collect_e2e, verdict_files
from verify.report.summary import summarize
from verify.report.write import publish


def command(directories: list[Path], artifacts: Artifacts, roles: list[str], console: Console) -> Exit:
    """Summarize the artifacts in these directories, in the artifacts' own root where none is named.

    Raises:
        Problem: as collect and write do.

    """
    where = directories or [artifacts.root]
    places = {path.parent.name: path.parent for directory in where for path in verdict_files(directory, roles)}
    return publish(summarize(collect(where, roles), roles, collect_e2e(where)), artifacts.root, console, places)
