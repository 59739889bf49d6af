"""What a suite says of itself: lines while it runs, a table and two figures at its end, ``faults.md``."""

from collections import Counter

from rich.table import Table
from rich.text import Text

from tests.broken_images.result import RIGHT, Result, Round, Suite
from verify.judge.checks import CHECKS

STYLES = {
    "caught": "green", "missed": "bold red", "caught for the wrong reason": "red",
    "passed": "green", "false alarm": "bold red",
}  # fmt: skip


def line(number: int, of: int, one: Result) -> Text:
    """Return the line about a fault that has just been judged."""
    why = "" if one.how in RIGHT else f"\n           {_got(one)}: {one.got.found}"
    return Text.assemble(f"{number:4}/{of}  {one.seconds:5.1f} s  ", (one.how, STYLES[one.how]), f"  {one.name}{why}")


def round_line(one: Round, of: int) -> Text:
    """Return the line about a round that has just ended."""
    how = Text("; ".join(one.alarms), "bold red") if one.alarms else Text("no alarm", "green")
    return Text.assemble(f"{one.number:4}/{of}  {one.seconds:5.1f} s  ", how, f"  the good images, {one.variation}")


def _due(one: Result) -> str:
    return f"{one.check} {one.expected.outcome} {one.expected.category or ''}".strip()


def _got(one: Result) -> str:
    return f"{one.got.outcome} {one.got.category or ''}".strip()


def table(suite: Suite) -> Table:
    """Return fault, what was due, what came, and how that is taken."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Fault", "Expected", "Got", ""):
        grid.add_column(name, overflow="fold")
    for one in suite.faults:
        grid.add_row(Text(one.name), Text(_due(one)), Text(_got(one)), Text(one.how, STYLES[one.how]))
    return grid


def figures(suite: Suite) -> list[str]:
    """Return the totals: what was caught and missed, and the false alarms beside it."""
    counts = suite.counts
    missed = f"{counts['missed']} missed, {counts['caught for the wrong reason']} for the wrong reason"
    good = counts["passed"] + counts["false alarm"]
    lines = [f"faults        {len(suite.faults) - good}: {counts['caught']} caught, {missed}"]
    if good:
        lines.append(f"good images   {good}: {counts['passed']} passed, {counts['false alarm']} false alarms")
    if suite.rounds:
        varied = ", ".join(f"{count} {name}" for name, count in Counter(one.variation for one in suite.rounds).items())
        images = len(suite.rounds[0].outcomes)
        lines.append(f"false alarms  {len(suite.alarms)} in {len(suite.rounds)} rounds of {images} images: {varied}")
    if len(suite.faults) >= len(CHECKS):
        checks = f"no fault: {', '.join(suite.without)}" if suite.without else "each is the reason of a fault's end"
        lines.append(f"checks        {checks}")
    lines.append(f"left behind   {'; '.join(suite.left) or 'nothing'}")
    return [*lines, f"took          {suite.seconds:,.0f} s"]


def troubles(suite: Suite) -> list[str]:
    """Return everything that keeps a suite from being good, a line each, with what a reader needs to correct it."""
    lines = []
    for one in suite.faults:
        if one.how not in RIGHT:
            lines += [
                f"{one.how}: {one.name}",
                f"  due: {_due(one)}, saying {one.expected.found or 'anything'}",
                f"  got: {_got(one)}: {one.got.found}",
                f"  others: {', '.join(one.others) or 'none'}",
            ]
    lines += [f"false alarm: {alarm}" for alarm in suite.alarms]
    lines += [f"no fault fails the check {check}" for check in suite.without]
    return lines + [f"left behind: {one}" for one in suite.left]


def markdown(suite: Suite) -> str:
    """Return ``faults.md``."""
    rows = [f"| {_cell(one.name)} | {_cell(_due(one))} | {_cell(_got(one))} | {one.how} |" for one in suite.faults]
    rounds = [
        f"| {one.number} | {one.variation} | {one.seconds} s | {_cell('; '.join(one.alarms)) or 'none'} |"
        for one in suite.rounds
    ]
    parts = ["# Broken images", "", "```text", *figures(suite), "```", ""]
    parts += ["| fault | expected | got | |", "|---|---|---|---|", *rows, ""]
    if rounds:
        parts += ["| round | the good images | took | false alarms |", "|---|---|---|---|", *rounds, ""]
    return "\n".join(parts)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())
