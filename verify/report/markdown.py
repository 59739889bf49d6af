"""The summary as GitHub-flavoured Markdown: for a job's summary page, a comment, a file."""

import re
from collections import Counter
from dataclasses import dataclass
from html import escape

from verify.judge.verdict import Finding
from verify.report.model import CHANGES, COLUMNS, NUMBERS, UNITS, Part, Row, Summary
from verify.report.text import evidence_lines, one_line

LIMIT = 65_000  # characters: a comment takes 65,536
ROOM_FOR_LEFT_OUT = 2_000  # characters that say what did not fit
EVIDENCE_BOUNDS = (4_000, 1_500, 500, 0)  # characters a finding, tried in this order until the document fits
MOST_LINES, MOST_EACH = 100, 40  # of one finding's evidence, of one item of it
MOST_FIELD = 1_000  # characters of one expectation or one thing found
MOST_NAME = 120
CUT = "Evidence is shortened, to keep this page within its limit: `summary.json` has all of it."

# Characters that could be structure in CommonMark, in GitHub's extensions or in HTML, or begin an address that becomes
# a link by itself. As entities they are text everywhere. No such text ever begins a line.
_STRUCTURE = re.compile(r"[\\`*_{}\[\]()<>#!|~&$@]|(?<=www)\.|(?<=ftp|ttp|tps):", re.IGNORECASE)


@dataclass(frozen=True)
class Block:
    """A part of the document that is shown whole or not at all; ``rank``: the lower, the longer it is kept."""

    text: str
    rank: int = -1
    role: str = ""
    findings: int = 0


def markdown(summary: Summary) -> str:
    """Return the whole document, shorter than LIMIT whatever the verdicts hold: evidence is cut first."""
    for bound in EVIDENCE_BOUNDS:
        text = "".join(block.text for block in _blocks(summary, bound))
        if len(text) < LIMIT:
            return text
    return _cut(_blocks(summary, 0))


def _cut(blocks: list[Block]) -> str:
    """Return the blocks that fit, each image's first findings before any image's later ones, and a note on the rest."""
    room = LIMIT - ROOM_FOR_LEFT_OUT
    kept = set[int]()
    for number in sorted(range(len(blocks)), key=lambda number: blocks[number].rank):
        room -= len(blocks[number].text)
        if room <= 0:
            break
        kept.add(number)
    left_out: Counter[str] = Counter()
    for number, block in enumerate(blocks):
        if number not in kept:
            left_out[block.role] += block.findings
    whole = "".join(block.text for number, block in enumerate(blocks) if number in kept)
    return whole + _left_out(left_out, sum(block.findings for block in blocks))


def _left_out(count: Counter[str], findings: int) -> str:
    """Return the note on findings that are left out: how many, of which images, and where all of them are."""
    where = "`summary.json` and `report.html` have all of them"
    text = f"\n\n**{count.total():,} of {findings:,} findings are left out: {where}.**\n\n"
    for role, number in count.items():
        line = f"- {_name(role)}: {number:,} left out\n"
        if len(text) + len(line) > ROOM_FOR_LEFT_OUT - 10:
            return f"{text}- …\n"
        text += line if number else ""
    return text


def _blocks(summary: Summary, bound: int) -> list[Block]:
    """Return the document in parts, none of which is ever divided: title, table rows, findings."""
    title = f"# Images: {summary.outcome}\n\n{_text(summary.meaning)} (exit code {summary.exit_code})\n\n"
    rule = " | ".join("---:" if column in NUMBERS else "---" for column in COLUMNS)
    texts = [title, f"| {' | '.join(COLUMNS)} |\n| {rule} |\n", *(_row(row) for row in summary.rows)]
    texts.append(f"\n{_text(UNITS)}. {_text(summary.duration)}.\n\n{_text(summary.end_to_end)}.\n")
    if summary.changes:
        texts.append(f"\n{_text(CHANGES)}:\n\n")
        texts += [f"- {_name(role)}: {_text(words)}\n" for role, words in summary.changes.items()]
    if bound < EVIDENCE_BOUNDS[0]:
        texts.append(f"\n{CUT}\n")
    return [*map(Block, texts), *(block for part in summary.parts for block in _section(part, bound))]


def _row(row: Row) -> str:
    first, *beside = row.outcome_words
    return f"| {' | '.join(map(_name, row.cells))} | {', '.join([f'**{first}**', *beside])} |\n"


def _section(row: Part, bound: int) -> list[Block]:
    shown = [finding for finding in row.findings if finding.outcome not in ("PASS", "SKIP")]
    followed = [finding for finding in shown if finding.because]
    skipped = [finding for finding in row.findings if finding.outcome == "SKIP"]
    if not shown and not skipped:
        return []
    blocks = [Block(f"\n## {_name(row.role)}: {', '.join(row.outcome_words)}\n", 0, row.role)]
    causes = [finding for finding in shown if not finding.because]
    blocks += [Block(_finding(finding, bound), rank, row.role, 1) for rank, finding in enumerate(causes)]
    unseen = [f"- **ERROR** {_name(finding.check)}: not seen, see {_name(finding.because)}\n" for finding in followed]
    blocks += _folded("not seen, because another check failed", unseen, len(causes), row.role)
    skips = [f"- **SKIP** {_name(finding.check)}: {_text(finding.found)}\n" for finding in skipped]
    return blocks + _folded("not applicable here", skips, len(causes) + 1, row.role)


def _folded(title: str, lines: list[str], rank: int, role: str) -> list[Block]:
    """Return lines under a title that unfolds them; nothing where there are none."""
    if not lines:
        return []
    head = f"\n<details><summary>{len(lines)} {'check' if len(lines) == 1 else 'checks'}: {title}</summary>\n\n"
    return [Block(f"{head}{''.join(lines)}\n</details>\n", rank, role, len(lines))]


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
