"""The summary and the observations as one page, ``report.html``: self-contained, without a script.

Everything that a template shows goes through ``harmless`` and jinja2's escaping: text of an image is never markup.
The page's content security policy allows its own style and nothing else.
"""

import base64
import functools
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from verify.judge.checks import PURPOSES
from verify.judge.difference import NO_DISTRIBUTION, signed
from verify.judge.rulings.application import place
from verify.judge.verdict import Finding
from verify.observe.probe_reports import ApplicationReport
from verify.report import seconds, weight
from verify.report.artifacts import AllArtifacts
from verify.report.model import CHANGES, UNITS, Row, Summary, column
from verify.report.text import evidence_lines, one_line, plain

FORMS = ("wide", "narrow")
LIMIT = 5_000_000  # bytes; a longer page is shortened, evidence first
ROOM_FOR_EVIDENCE = 800_000  # characters, all findings together
# Characters of one finding's evidence, of one of its fields
BOUNDS = ((20_000, 4_000), (2_000, 1_000), (300, 300), (0, 120), (0, 40))
CUT = "Text is shortened, to keep this page within its limit: summary.json has all of it."
MANY = 8  # images: of more, those that are not on the screen are laid out when they come there
SLOWEST, CHAINS = 25, 40  # modules and attempts in a table
TEMPLATES = Path(__file__).parent / "templates"


def page(summary: Summary, artifacts: AllArtifacts | None = None) -> str:
    """Return the whole document."""
    known = artifacts or AllArtifacts()
    drawn = _drawn(summary, known)
    findings = sum(len(part.findings) for part in summary.parts)
    text = ""
    for evidence, field in BOUNDS:
        bound = min(evidence, ROOM_FOR_EVIDENCE // max(findings, 1))
        shown = [_part(part, bound, field) for part in summary.parts]
        text = render("report.html", drawn | {"parts": shown, "cut": CUT if field < BOUNDS[0][1] else ""})
        if len(text.encode()) < LIMIT:
            break
    return text


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return a template of this package with its values, and the style and policy that all pages share."""
    # What carries the policy is hashed as the browser sees it: between the tags, to the letter.
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'"
    own = Markup(style)  # noqa: S704 - this package's own file
    return _environment().get_template(template).render(**values, style=own, policy=policy)


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=harmless,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def harmless(value: Any) -> Any:
    """Return a value for a template: text without control and invisible characters, numbers as they are."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return plain(value, "\ufffd")


def marked(text: str) -> Markup:
    """Return text as it stands, with what it has between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(harmless(text)))))  # noqa: S704 - escaped before


@dataclass(frozen=True)
class Shown:
    """One finding, shortened for the page."""

    id: str
    check: str
    purpose: str
    finding: Finding
    expected: str
    found: str
    action: str
    evidence: str


def _part(part: Any, evidence: int, field: int) -> dict[str, Any]:
    """Return one part's findings in groups, as the page shows them."""
    shown = [_shown(part.role, number, finding, evidence, field) for number, finding in enumerate(part.findings)]
    return {
        "part": part,
        "id": anchor(part.role),
        "words": part.outcome_words,
        "by_check": {item.finding.check: item for item in shown},
        "open": [item for item in shown if item.finding.outcome not in ("PASS", "SKIP") and not item.finding.because],
        "followed": [item for item in shown if item.finding.because],
        "skipped": [item for item in shown if item.finding.outcome == "SKIP"],
        "passed": [item for item in shown if item.finding.outcome == "PASS"],
    }


def _shown(role: str, number: int, finding: Finding, evidence: int, field: int) -> Shown:
    lines = evidence_lines(finding.evidence, evidence, evidence, evidence) if evidence else []
    return Shown(
        id=f"{anchor(role)}-{number}",
        check=one_line(finding.check, 120),
        purpose=PURPOSES.get(finding.check, ""),
        finding=finding,
        expected=one_line(finding.expected, field),
        found=one_line(finding.found, field),
        action=one_line(finding.action, field),
        evidence="\n".join(lines),
    )


def anchor(role: str) -> str:
    """Return an id for a role that HTML and CSS accept, always the same for the same role."""
    return "of-" + "".join(letter if letter.isascii() and letter.isalnum() else f"-{ord(letter):x}" for letter in role)


def _drawn(summary: Summary, known: AllArtifacts) -> dict[str, Any]:
    """Return everything on the page but the findings."""
    return {
        "summary": summary,
        "checks": list(dict.fromkeys(finding.check for row in summary.rows for finding in row.findings)),
        "purposes": PURPOSES,
        "units": UNITS,
        "changes_title": CHANGES,
        "no_distribution": NO_DISTRIBUTION,
        "bytes": _bytes(known),
        "builds": _builds(known),
        "imports": {role: _imports(role, report) for role, report in known.applications.items()},
        "chains": CHAINS,
        "place": place,
        "starts": _starts(summary.rows),
        "known": known,
        "anchor": anchor,
        "marked": marked,
        "many": MANY,
        "column": column,
        "megabytes": weight.short_size,
        "milliseconds": seconds.milliseconds,
        "signed": signed,
    }


def _bytes(known: AllArtifacts) -> dict[str, Any]:
    held = known.contents
    images = {role: weight.parts(role, held, known.base_layers(role)) for role in held}
    return {
        "images": images,
        "maps": {role: [weight.treemap(role, layers, form) for form in FORMS] for role, layers in images.items()},
        "bars": [weight.bars(images, form) for form in FORMS],
        "table": weight.table(images),
    }


def _builds(known: AllArtifacts) -> dict[str, Any]:
    steps = {role: seconds.stretches(record) for role, record in known.records.items()}
    most = max((stretch.start + stretch.seconds for some in steps.values() for stretch in some), default=0.0)
    return {
        "steps": steps,
        "lines": {role: [seconds.timeline(role, some, most, form) for form in FORMS] for role, some in steps.items()},
    }


def _imports(role: str, report: ApplicationReport) -> dict[str, Any]:
    roots = seconds.tree(report.imports)
    return {
        "seen": report,
        "charts": [seconds.icicle(role, report, form) for form in FORMS] if report.imports else [],
        "slowest": seconds.slowest(roots, SLOWEST),
        "packages": seconds.by_package(roots)[:SLOWEST],
    }


def _starts(rows: list[Row]) -> list[dict[str, Any]]:
    """Return each image's seconds to healthy and to import the API, with their shares of the longest."""
    durations = [(row.figures.seconds_to_healthy or 0.0, row.figures.import_seconds or 0.0) for row in rows]
    most = max(map(max, durations), default=0.0)
    return [
        {"row": row, "healthy": _share(healthy, most), "import": _share(imported, most)}
        for row, (healthy, imported) in zip(rows, durations, strict=True)
    ]


def _share(part: float, whole: float) -> float:
    return round(100 * part / whole, 2) if whole else 0.0
