"""Takes the first screen of a report, as the README shows it."""

import argparse
import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import Error

from deploy.errors import Exit, Problem
from tests.browser.chromium import find_or_install, running
from tests.browser.visit import Visit
from tests.support.checkout import ROOT, project

PICTURE: Final = ROOT / "docs" / "report.png"
MOST_BYTES: Final = 300_000


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = argparse.ArgumentParser(allow_abbrev=False, prog="python -m tests.browser.screenshot", description=__doc__)
    top.add_argument("report", nargs="?", type=Path, metavar="REPORT", help="default: report.html of the last run")
    top.add_argument("--output", type=Path, metavar="PNG", default=PICTURE, help="default: docs/report.png")
    return top


def main(words: list[str] | None = None) -> int:
    """Run the command line."""
    arguments = parser().parse_args(words)
    report = arguments.report or project().artifacts.root / "report.html"
    try:
        picture = first_screen(report)
        arguments.output.write_bytes(picture)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return problem.code
    print(f"{arguments.output}: {len(picture) / 1000:.0f} kB, from {report}")
    return Exit.OK


def first_screen(report: Path) -> bytes:
    """Return what a reader of the report sees first, as a PNG.

    Raises:
        Problem: there is no such report, it does not open without an error, or the picture is too large.

    """
    doing = f"taking a picture of {report}"
    if not report.is_file():
        raise Problem(doing, "there is no such report", "./noxw -s build verify", Exit.UNAVAILABLE)
    with running(find_or_install()) as browser:
        visit = Visit(browser)
        try:
            visit.page.goto(report.resolve().as_uri())
            picture = visit.page.screenshot()
        except Error as error:
            raise Problem(doing, error.message, "open the report in a browser of your own") from None
        finally:
            visit.close()
        if visit.problems:
            raise Problem(doing, "; ".join(visit.problems), "mend the page: verify/report/page.py")
    if len(picture) > MOST_BYTES:
        raise Problem(doing, f"{len(picture):,} bytes are more than {MOST_BYTES:,}", "make its first screen plainer")
    return picture


if __name__ == "__main__":
    sys.exit(main())
