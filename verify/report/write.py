"""Prints a summary and writes it as reports: JSON, Markdown, JUnit XML and a page."""

import os
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from deploy.artifacts import REPORTS, write_model, write_text
from deploy.errors import Exit, Problem
from verify.report.artifacts import read_all_artifacts
from verify.report.console import show
from verify.report.junit import junit
from verify.report.markdown import markdown
from verify.report.model import Summary
from verify.report.page import page as html

JSON, MARKDOWN, JUNIT, PAGE = REPORTS


def write(summary: Summary, root: Path, environ: Mapping[str, str], places: Mapping[str, Path] | None = None) -> None:
    """Write the reports into the artifacts' root; append the Markdown to the CI job's page where there is one.

    ``places``: the directory of each role's artifacts; below the root where they are not given.

    Raises:
        Problem: a file cannot be written.

    """
    where = {row.role: root / row.role for row in summary.rows} | dict(places or {})
    text = markdown(summary)
    page = environ.get("GITHUB_STEP_SUMMARY")
    try:
        write_model(root / JSON, summary)
        write_text(root / MARKDOWN, text)
        write_text(root / JUNIT, junit(summary))
        write_text(root / PAGE, html(summary, read_all_artifacts(where)))
        if page:
            with Path(page).open("a", encoding="utf-8") as file:
                file.write(f"{text}\n")
    except OSError as error:
        next_step = f"make room in {root} or make it writable, or name another directory with --artifacts"
        raise Problem("writing the summary", str(error), next_step) from None


def publish(
    summary: Summary,
    root: Path,
    console: Console,
    places: Mapping[str, Path] | None = None,
    *,
    explained: bool = True,
) -> Exit:
    """Print the table and the findings, write the reports as ``write`` does, and return the exit code.

    ``explained``: whether the command ``explain`` knows these findings.

    Raises:
        Problem: a report cannot be written; its content has been printed.

    """
    show(summary, console, explained=explained)
    write(summary, root, os.environ, places)
    console.print(f"{', '.join(REPORTS)} in {root}", markup=False, highlight=False, soft_wrap=True)
    return Exit(summary.exit_code)
