"""``summarize --history DIR``: sizes and times over many runs' artifacts, as a page and as text."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.artifacts import BUILD, VERDICT, write_text
from deploy.build_record import BuildRecord
from deploy.errors import Exit, Problem
from verify.judge.difference import MB, signed
from verify.judge.verdict import Verdict
from verify.report.artifacts import read_or_none
from verify.report.boxes import LINE, Box, Chart, Rectangle, fitted
from verify.report.collect import collect
from verify.report.page import anchor, render

PAGE = "history.html"
READING = "reading the history"
WIDE, NARROW, HEIGHT = 500.0, 340.0, 120.0
THICKEST = 60.0  # units of a column
STEPS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Measure:
    """One figure that is followed over the runs."""

    name: str
    unit: str
    of: Callable[["Point"], float | None]

    def words(self, value: float | None) -> str:
        """A value for a table."""
        return "not seen" if value is None else f"{value:,.1f}" if self.unit == "MB" else f"{value:,.2f}"


@dataclass(frozen=True)
class Point:
    """One image in one run."""

    run: str  # the directory's name
    verdict: Verdict
    build_seconds: float | None

    @property
    def added(self) -> float | None:
        """MB above the base image."""
        size = self.verdict.figures.added_bytes
        return None if size is None else size / MB


MEASURES = (
    Measure("added", "MB", lambda point: point.added),
    Measure("healthy", "s", lambda point: point.verdict.figures.seconds_to_healthy),
    Measure("import", "s", lambda point: point.verdict.figures.import_seconds),
    Measure("build", "s", lambda point: point.build_seconds),
)


def history(directory: Path, root: Path, roles: list[str], console: Console) -> Exit:
    """Draw the runs in a directory, each a directory of artifacts, as ``history.html`` in the artifacts' root.

    Raises:
        Problem: no run can be read there (exit 3), or the page cannot be written (exit 3).

    """
    points, left_out = read_runs(directory, roles)
    try:
        write_text(root / PAGE, page(points, left_out))
    except OSError as error:
        raise Problem("writing the history", str(error), f"make {root} writable, or name another directory") from None
    for role, some in points.items():
        console.print(_table(role, some), soft_wrap=not console.is_terminal)
    for line in [f"left out: {line}" for line in left_out] + [f"{PAGE} in {root}"]:
        console.print(Text(line), soft_wrap=True)
    return Exit.OK


def read_runs(directory: Path, roles: list[str]) -> tuple[dict[str, list[Point]], list[str]]:
    """Return each role's points, the oldest first, and the runs that were left out, with reasons.

    Raises:
        Problem: there is no run that can be read (exit 3), or no such directory (exit 2).

    """
    try:
        found = sorted(path for path in directory.iterdir() if path.is_dir())
    except OSError as error:
        raise Problem(READING, f"{directory}: {error.strerror}", "name a directory of artifacts", Exit.USAGE) from None
    if any((directory / role / VERDICT).exists() for role in roles):
        found = [directory]
    points, left_out = list[tuple[str, Point]](), list[str]()
    for place in found:
        try:
            for verdict in collect([place], roles):
                record = read_or_none(place / verdict.role / BUILD, BuildRecord)
                points.append((verdict.role, Point(place.name, verdict, record.seconds if record else None)))
        except Problem as problem:
            left_out.append(f"{place.name}: {problem.wrong}")
    if not points:
        wrong = f"no run in {directory} can be read" + "".join(f"\n  {line}" for line in left_out[:10])
        raise Problem(READING, wrong, "keep each run's artifacts in a directory of its own there")
    points.sort(key=lambda point: (point[1].verdict.started, point[1].run))
    seen = {role: [point for name, point in points if name == role] for role in roles}
    return {role: some for role, some in seen.items() if some}, left_out


def spark(values: list[float | None]) -> str:
    """Return values as one character each, from the smallest to the largest; a space for a missing one."""
    known = [value for value in values if value is not None]
    least, most = min(known, default=0.0), max(known, default=0.0)
    width, last = (most - least) or 1.0, len(STEPS) - 1  # divided by first: what one over it is may be infinite
    return "".join(" " if value is None else STEPS[round((value - least) / width * last)] for value in values)


def span(values: list[float | None], measure: Measure) -> tuple[str, str]:
    """Return the least and the largest value for a table."""
    known = [value for value in values if value is not None]
    return (measure.words(min(known)), measure.words(max(known))) if known else ("", "")


def change(values: list[float | None], unit: str) -> str:
    """Return the change from the first value to the last."""
    known = [value for value in values if value is not None]
    if len(known) < 2:  # noqa: PLR2004 - a change needs two
        return ""
    return signed(round((known[-1] - known[0]) * MB)) if unit == "MB" else f"{known[-1] - known[0]:+.2f} s"


def _table(role: str, points: list[Point]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, title=role, title_justify="left")
    for heading in ("figure", "first", "last", "change", "least ▁", "most █", "runs"):
        table.add_column(heading, justify="left" if heading in ("figure", "runs") else "right")
    for measure in MEASURES:
        values = [measure.of(point) for point in points]
        first, last = measure.words(values[0]), measure.words(values[-1])
        scale = span(values, measure)
        table.add_row(
            f"{measure.name} {measure.unit}", first, last, change(values, measure.unit), *scale, spark(values)
        )
    outcomes = "".join(point.verdict.outcome[0] for point in points)
    table.add_row("outcome", points[0].verdict.outcome, points[-1].verdict.outcome, "", "", "", outcomes)
    return table


def columns(role: str, measure: Measure, points: list[Point], form: str) -> Chart:
    """Return a figure over the runs: a column a run, its height the value, from zero."""
    width = WIDE if form == "wide" else NARROW
    values = [measure.of(point) for point in points]
    most = max((value for value in values if value is not None), default=0.0)
    step = min(width / max(len(points), 1), THICKEST)
    boxes = list[Box]()
    for number, (point, value) in enumerate(zip(points, values, strict=True)):
        height = HEIGHT * value / most if value and most else 0.0
        place = Rectangle(number * step, LINE + 4 + HEIGHT - height, step, height)
        title = f"{point.run}, {point.verdict.started}: {measure.words(value)} {measure.unit}, {point.verdict.outcome}"
        kind = "everywhere" if point.verdict.outcome == "PASS" else "only"
        boxes.append(Box(place, f"tile {kind}", title))
        above = Rectangle(place.x, place.y - LINE - 4, step, LINE + 4)
        words = fitted(above, measure.words(value))
        if value is not None and words == (measure.words(value),):  # a number that is cut short is another number
            boxes.append(Box(above, "label", title, words))
    label = f"{role}: {measure.name} in {measure.unit} over {len(points)} runs. The table below holds the figures."
    return Chart(width, HEIGHT + LINE + 5, label, tuple(boxes), form)


def page(points: dict[str, list[Point]], left_out: list[str]) -> str:
    """Return the page."""
    figures = {role: [_figure(role, measure, some) for measure in MEASURES] for role, some in points.items()}
    runs = len({point.run for some in points.values() for point in some})
    values = {"points": points, "runs": runs, "measures": MEASURES, "figures": figures, "left_out": left_out}
    return render("history.html", {**values, "anchor": anchor})


def _figure(role: str, measure: Measure, points: list[Point]) -> dict[str, Any]:
    values = [measure.of(point) for point in points]
    charts = [columns(role, measure, points, form) for form in ("wide", "narrow")]
    least, most = span(values, measure)
    return {"measure": measure, "charts": charts, "change": change(values, measure.unit), "least": least, "most": most}
