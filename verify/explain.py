"""``python -m verify explain ROLE CHECK``: what a check is for, what it saw, what to do; from the artifacts."""

import difflib

from rich.console import Console
from rich.text import Text

from deploy.artifacts import E2E, VERDICT, Artifacts, UnreadableArtifact
from deploy.errors import Exit, Problem
from verify.purposes import PURPOSES
from verify.report.text import evidence_lines, one_line
from verify.trust import read_end_to_end, read_verdict
from verify.verdict import Finding

EXPLAINING = "explaining a check"
MOST_LINES, MOST_CHARACTERS, MOST_FIELD = 400, 40_000, 4_000  # of the evidence, of one field
# What a category says of where to look (README, outcomes).
MEANT = {
    "CODE_BUG": "ktrdr or a Dockerfile is wrong",
    "CONFIGURATION": "contract, lock, sources or settings are wrong",
    "ENVIRONMENT": "engine, host, network or GPU are in the way",
}


def explain(words: list[str], roles: list[str], artifacts: Artifacts, console: Console) -> Exit:
    """Print all that is known of one check of one image.

    Raises:
        Problem: a name is wrong (exit 2; it lists those that exist), or nothing was verified yet (exit 3).

    """
    known = [*roles, E2E]
    usage = f"python -m verify explain ROLE CHECK; ROLE is one of {', '.join(known)}"
    if not words or len(words) > 2:  # noqa: PLR2004 - a role and a check
        raise Problem(EXPLAINING, "name a role and a check", usage, Exit.USAGE)
    role, *rest = words
    if role not in known:
        raise Problem(EXPLAINING, f"no such role: {role}", usage, Exit.USAGE)
    findings, when = _findings(artifacts, role)
    by_name = {finding.check: finding for finding in findings}
    if not rest:
        raise Problem(EXPLAINING, f"name a check of {role}", f"one of: {', '.join(by_name)}", Exit.USAGE)
    if rest[0] not in by_name:
        close = difflib.get_close_matches(rest[0], by_name, n=1)
        mend = f"did you mean {close[0]}? " if close else ""
        raise Problem(EXPLAINING, f"{role} has no check {rest[0]}", f"{mend}one of: {', '.join(by_name)}", Exit.USAGE)
    for line in lines(role, when, by_name[rest[0]]):
        console.print(Text(line), soft_wrap=not console.is_terminal)
    return Exit.OK


def lines(role: str, when: str, finding: Finding) -> list[str]:
    """Return what is told, line by line."""
    category = f"{finding.category}: {MEANT[finding.category]}" if finding.category else ""
    told = {
        "is for": PURPOSES.get(finding.check, ""),
        "outcome": f"{finding.outcome} in the verification of {when}" if when else finding.outcome,
        "expected": one_line(finding.expected, MOST_FIELD),
        "found": one_line(finding.found, MOST_FIELD),
        "category": category,
        "next": one_line(finding.action, MOST_FIELD),
        "see": f"python -m verify explain {role} {one_line(finding.because, 60)}" if finding.because else "",
    }
    shown = [f"{one_line(role, 60)}: {one_line(finding.check, 60)}"]
    shown += [f"  {name:<9} {text}" for name, text in told.items() if text]
    evidence = evidence_lines(finding.evidence, MOST_LINES, MOST_LINES, MOST_CHARACTERS)
    return shown + ["  evidence"] * bool(evidence) + [f"    {line}" for line in evidence]


def _findings(artifacts: Artifacts, role: str) -> tuple[list[Finding], str]:
    """Return a role's findings and when its verification began."""
    session = "e2e" if role == E2E else f"build verify -- {role}"
    try:
        if role == E2E:
            together = read_end_to_end(artifacts.path(role, VERDICT))
            return together.findings, together.started
        verdict = read_verdict(artifacts.path(role, VERDICT))
    except FileNotFoundError:
        wrong = f"no {VERDICT} of {role} in {artifacts.root}: nothing was verified in this state"
        raise Problem(EXPLAINING, wrong, f"./noxw -s {session}") from None
    except UnreadableArtifact as error:
        raise Problem(EXPLAINING, str(error), f"./noxw -s {session}", Exit.USAGE) from None
    return verdict.findings, verdict.started
