"""The summary for people: a table as wide as the terminal allows, a block an image where it is narrow.

Elsewhere than on a terminal it is plain text for pipes: a line an image, nothing wrapped.
"""

import io

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from deploy.progress import STYLES
from verify.judge.verdict import Finding
from verify.report.model import CHANGES, COLUMNS, NUMBERS, UNITS, Part, Row, Summary, column
from verify.report.text import evidence_lines, one_line

MOST_EACH, MOST_LINES, MOST_CHARACTERS = 8, 24, 2_000  # of one item of a finding's evidence, of all of it
MOST_FIELD, MOST_NAME = 600, 60
UNBOUNDED = 10_000

# Where a narrow table divides a cell into two lines: before this character; a space gives way
DIVIDED = {"Image": ":", "Expected": " ", "Actual": " ", "torch version": "+"}


def show(summary: Summary, console: Console, *, explained: bool = True) -> None:
    """Print the table, and below it each finding that is not PASS.

    ``explained``: whether the command ``explain`` knows these findings.
    """
    _show_table(summary, console)
    _say(console, Text(f"\n{UNITS}\n{summary.duration}\n{summary.end_to_end}"))
    _show_changes(summary, console)
    for part in summary.parts:
        show_findings(part, console)
    if explained and (wrong := next((row for row in summary.rows if _cause(row)), None)):
        _say(console, Text(f"\nmore on a finding: `./noxw -s explain -- {wrong.role} {_cause(wrong)}`"))
    overall = Text(f"\n{summary.outcome}", STYLES[summary.outcome])
    _say(console, overall.append(f": {one_line(summary.meaning, MOST_FIELD)}", "default not bold"))


def _show_table(summary: Summary, console: Console) -> None:
    wide, folded = _table(summary, folded=False), _table(summary, folded=True)
    if not console.is_terminal:
        page = Console(file=io.StringIO(), width=_width(wide, console))
        with page.capture() as lines:
            page.print(wide)
        _say(console, Text("\n".join(line.rstrip() for line in lines.get().splitlines())))
    elif _width(wide, console) <= console.width:
        console.print(wide)
    elif _width(folded, console) <= console.width:
        console.print(folded)
    else:
        for row in summary.rows:
            console.print(_block(row))


def _width(table: Table, console: Console) -> int:
    """Return the width of a table in which nothing is wrapped."""
    return Measurement.get(console, console.options.update(max_width=UNBOUNDED), table).maximum


def _table(summary: Summary, *, folded: bool) -> Table:
    """Return the table; folded, a row takes two lines and the columns are as narrow as their words."""
    table = Table(box=None, padding=(0, 1 if folded else 2, 0, 0), pad_edge=False, header_style="bold")
    for heading in COLUMNS:
        heading_text = heading.replace(" ", "\n") if folded else heading
        table.add_column(heading_text, justify="right" if heading in NUMBERS else "left", overflow="fold")
    for row in summary.rows:
        cells = dict(zip(COLUMNS, (one_line(cell, MOST_NAME) for cell in row.cells), strict=False))
        for heading, sign in DIVIDED.items() if folded else ():
            first, found, rest = cells[heading].partition(sign)
            cells[heading] = f"{first}\n{found.strip()}{rest}" if found else first
        table.add_row(*map(Text, cells.values()), _outcome(row, "\n" if folded else ", "))
    return table


def _block(row: Row) -> Text:
    """Return an image's columns one below the other."""
    figures = row.figures
    lines = [
        f"  Torch {row.torch}, CUDA {one_line(row.cuda, MOST_NAME)}",
        f"  Expected {row.expected}",
        f"  Actual   {row.actual}",
        f"  {column(figures.unpacked_bytes)} MB unpacked, {column(figures.added_bytes)} added",
        f"  torch version {one_line(row.torch_version, MOST_NAME)}",
    ]
    title = Text.assemble((one_line(row.image, MOST_NAME), "bold"), "\n  Outcome ")
    return title.append_text(_outcome(row, ", ")).append("\n" + "\n".join(lines) + "\n")


def _show_changes(summary: Summary, console: Console) -> None:
    if summary.changes:
        _say(console, Text(f"\n{CHANGES}"))
    for role, words in summary.changes.items():
        _say(console, Text(f"  {one_line(role, MOST_NAME):<12} {one_line(words, MOST_FIELD)}"))


def _outcome(row: Row, separator: str) -> Text:
    first, *beside = row.outcome_words
    styled = [(separator + word, "yellow" if "UNVERIFIED" in word else "dim") for word in beside]
    return Text.assemble((first, STYLES[first]), *styled)


def show_findings(row: Part, console: Console) -> None:
    """Print each finding of an image, or of all together, that is not PASS."""
    shown = [finding for finding in row.findings if finding.outcome not in ("PASS", "SKIP") and not finding.because]
    followed = [finding for finding in row.findings if finding.because]
    skipped = [finding for finding in row.findings if finding.outcome == "SKIP"]
    if not shown and not followed and not skipped:
        return
    image = "" if row.image == row.role else f"  {one_line(row.image, MOST_NAME)}"
    _say(console, Text.assemble("\n", (one_line(row.role, MOST_NAME), "bold"), image))
    for alike in _alike(shown):
        _show_finding(alike, console)
    for because in dict.fromkeys(finding.because for finding in followed):
        names = ", ".join(one_line(finding.check, MOST_NAME) for finding in followed if finding.because == because)
        cause = f"  not seen, see {one_line(because, MOST_NAME)}: {names}"
        _say(console, Text.assemble("  ", ("ERROR", STYLES["ERROR"]), cause))
    if skipped:
        line = Text.assemble("  ", ("SKIP", STYLES["SKIP"]), f"  {_reasons(skipped)}")
        _say(console, line)


def _cause(row: Row) -> str:
    """Return an image's first failed check that is not the result of another; "" where there is none."""
    names = (finding.check for finding in row.findings if finding.outcome in ("FAIL", "ERROR") and not finding.because)
    return one_line(next(names, ""), MOST_NAME)


def _reasons(skipped: list[Finding]) -> str:
    """Return each reason once, with the checks that it holds for."""
    checks: dict[str, list[str]] = {}
    for finding in skipped:
        checks.setdefault(one_line(finding.found, MOST_NAME), []).append(one_line(finding.check, MOST_NAME))
    return "; ".join(f"{reason}: {', '.join(names)}" for reason, names in checks.items())


def _alike(findings: list[Finding]) -> list[list[Finding]]:
    """Return findings in groups of the same outcome and words; one with evidence is a group of its own."""
    groups: dict[object, list[Finding]] = {}
    for finding in findings:
        same = (finding.outcome, finding.found, finding.category, finding.action)
        groups.setdefault(finding.check if finding.evidence else same, []).append(finding)
    return list(groups.values())


def _show_finding(alike: list[Finding], console: Console) -> None:
    finding, names = alike[0], ", ".join(one_line(finding.check, MOST_NAME) for finding in alike)
    _say(console, Text.assemble("  ", (finding.outcome, STYLES[finding.outcome]), f"  {names}"))
    fields: dict[str, list[str]] = {
        "expected": [one_line(finding.expected, MOST_FIELD) for finding in alike],
        "found": [one_line(finding.found, MOST_FIELD)],
        "category": [finding.category or ""],
        "next": [one_line(finding.action, MOST_FIELD)],
        "evidence": evidence_lines(finding.evidence, MOST_EACH, MOST_LINES, MOST_CHARACTERS),
    }
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, lines in fields.items():
        if any(lines):
            style = "dim" if label == "evidence" else ""
            grid.add_row(Text(f"    {label}", "dim"), Text("\n".join(lines), style))
            if not console.is_terminal:
                _say(console, Text(f"    {label:<9}" + ("\n" + " " * 13).join(lines)))
    if console.is_terminal:
        console.print(grid)


def _say(console: Console, text: Text) -> None:
    """Print lines, wrapped on a terminal only."""
    console.print(text, soft_wrap=not console.is_terminal)
