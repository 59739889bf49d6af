"""The summary as GitHub-flavoured Markdown: for a job's summary page, a comment, a file."""

import re
from html import escape

from verify.e2e.verdict import EndToEnd
from verify.report.model import CHANGES, UNITS, Row, Summary, megabytes
from verify.report.text import evidence_lines, one_line
from verify.verdict import Finding

LIMIT = 65_000  # characters: a comment takes 65,536
EVIDENCE_BOUNDS = (4_000, 1_500, 500, 0)  # characters a finding, tried in this order until the document fits
MOST_LINES, MOST_EACH = 100, 40  # of one finding's evidence, of one item of it
MOST_FIELD = 1_000  # characters of one expectation or one thing found
MOST_NAME = 120
CUT = "Evidence is shortened, to keep this page within its limit: `summary.json` has all of it."

COLUMNS = ("Image", "Torch", "CUDA", "Expected", "Actual", "unpacked MB", "added MB", "torch version", "Outcome")
NUMBERS = ("unpacked MB", "added MB")

# What could be structure in CommonMark, in GitHub's extensions or in HTML, and what begins an address that becomes a
# link by itself: as an entity it is text everywhere. No such text ever begins a line.
_STRUCTURE = re.compile(r"[\\`*_{}\[\]()<>#!|~&$@]|(?<=www)\.|(?<=ftp|ttp|tps):", re.IGNORECASE)


def markdown(summary: Summary) -> str:
    """Return the whole document, shorter than LIMIT whatever the verdicts hold: evidence is cut first."""
    for bound in EVIDENCE_BOUNDS:
        text = "".join(_blocks(summary, bound))
        if len(text) < LIMIT:
            return text
    return _cut(_blocks(summary, 0))


def _cut(blocks: list[str]) -> str:
    """Return the first blocks that fit, and a line that says how many did not."""
    room = LIMIT - 200
    kept: list[str] = []
    for block in blocks:
        room -= len(block)
        if room <= 0:
            break
        kept.append(block)
    left_out = len(blocks) - len(kept)
    return "".join(kept) + f"\n\n**{left_out} of {len(blocks)} parts are left out: `summary.json` has all of them.**\n"


def _blocks(summary: Summary, bound: int) -> list[str]:
    """Return the document in parts, none of which is ever divided: title, table rows, findings."""
    title = f"# Images: {summary.outcome}\n\n{_text(summary.meaning)} (exit code {summary.exit_code})\n\n"
    rule = " | ".join("---:" if column in NUMBERS else "---" for column in COLUMNS)
    blocks = [title, f"| {' | '.join(COLUMNS)} |\n| {rule} |\n", *(_row(row) for row in summary.rows)]
    blocks.append(f"\n{_text(UNITS)}. {_text(summary.duration)}.\n\n{_text(summary.end_to_end)}.\n")
    if summary.changes:
        blocks.append(f"\n{_text(CHANGES)}:\n\n")
        blocks += [f"- {_name(role)}: {_text(words)}\n" for role, words in summary.changes.items()]
    if bound < EVIDENCE_BOUNDS[0]:
        blocks.append(f"\n{CUT}\n")
    return blocks + [text for part in summary.parts for text in _section(part, bound)]


def _row(row: Row) -> str:
    cells = [
        _name(row.image),
        row.torch,
        _name(row.cuda),
        _name(row.expected),
        _name(row.actual),
        megabytes(row.figures.unpacked_bytes),
        megabytes(row.figures.added_bytes),
        _name(row.torch_version),
        f"**{row.outcome}**" + "".join(f", {word}" for word in row.outcome_words[1:]),
    ]
    return f"| {' | '.join(cells)} |\n"


def _section(row: Row | EndToEnd, bound: int) -> list[str]:
    shown = [finding for finding in row.findings if finding.outcome not in ("PASS", "SKIP")]
    skipped = [finding for finding in row.findings if finding.outcome == "SKIP"]
    if not shown and not skipped:
        return []
    parts = [f"\n## {_name(row.role)}: {', '.join(row.outcome_words)}\n"]
    parts += [_finding(finding, bound) for finding in shown if not finding.because]
    followed = [finding for finding in shown if finding.because]
    parts += [f"- **ERROR** {_name(one.check)}: not seen, see {_name(one.because)}\n" for one in followed]
    if skipped:
        parts.append("\n")
    return parts + [f"- **SKIP** {_name(finding.check)}: {_text(finding.found)}\n" for finding in skipped]


def _finding(finding: Finding, bound: int) -> str:
    lines = [
        f"\n### {finding.outcome} {_name(finding.check)}\n",
        f"- **expected**: {_text(finding.expected)}",
        f"- **found**: {_text(finding.found)}",
        f"- **category**: {_text(finding.category or 'none')}",
    ]
    lines += [f"- **next**: {_text(finding.action)}"] if finding.action else []
    return "\n".join(lines) + "\n" + _evidence(finding, bound)


def _evidence(finding: Finding, bound: int) -> str:
    lines = evidence_lines(finding.evidence, MOST_EACH, MOST_LINES, bound)
    if not lines:
        return ""
    # Inside <pre> nothing is Markdown, and an empty line ends nothing; so HTML's own escapes are enough.
    body = escape("\n".join(lines), quote=False)
    return f"\n<details><summary>evidence</summary>\n\n<pre>\n{body}\n</pre>\n\n</details>\n"


def _name(text: str) -> str:
    return _text(text, MOST_NAME) or "-"


def _text(text: str, most: int = MOST_FIELD) -> str:
    """Return text as one line that Markdown shows as it stands and finds no structure in."""
    return _STRUCTURE.sub(_entity, one_line(text, most))


def _entity(match: re.Match[str]) -> str:
    # A word joiner keeps "@name" from becoming a mention once the page is put together.
    return f"&#{ord(match[0])};" + ("&#8288;" if match[0] == "@" else "")
