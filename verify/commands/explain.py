"""``python -m verify explain ROLE CHECK``: what a check is for, what it saw, what to do; from the artifacts."""

import difflib

from rich.console import Console
from rich.text import Text

from deploy.artifacts import E2E, GPU, VERDICT, Artifacts, UnreadableArtifact
from deploy.errors import Exit, Problem
from verify.judge.checks import CHECKS, END_TO_END_CHECKS, GPU_CHECKS, PURPOSES, Check
from verify.judge.reading import read_end_to_end, read_verdict
from verify.judge.verdict import Finding
from verify.report.text import evidence_lines, one_line

EXPLAINING = "explaining a check"
MOST_LINES, MOST_CHARACTERS, MOST_FIELD = 400, 40_000, 4_000  # of the evidence, of one field
# What a category says of where to look (verify/README.md, outcomes).
MEANT = {
    "CODE_BUG": "ktrdr or a Dockerfile is wrong",
    "CONFIGURATION": "contract, lock, sources or settings are wrong",
    "ENVIRONMENT": "engine, host, network or GPU are in the way",
}


def explain(words: list[str], roles: list[str], artifacts: Artifacts, console: Console) -> Exit:
    """Print everything known about one check of one image.

    Raises:
        Problem: a name is wrong (it lists those that exist), or a verdict cannot be read (exit 2).

    """
    known = [*roles, E2E]
    usage = f"python -m verify explain ROLE CHECK; ROLE is one of {', '.join(known)}"
    if not words or len(words) > 2:  # noqa: PLR2004 - a role and a check
        raise Problem(EXPLAINING, "name a role and a check", usage, Exit.USAGE)
    role, *rest = words
    if role not in known:
        raise Problem(EXPLAINING, f"no such role: {role}", usage, Exit.USAGE)
    checks = END_TO_END_CHECKS if role == E2E else CHECKS | GPU_CHECKS
    names = f"one of: {', '.join(checks)}"
    if not rest:
        raise Problem(EXPLAINING, f"name a check of {role}", names, Exit.USAGE)
    if rest[0] not in checks:
        close = difflib.get_close_matches(rest[0], checks, n=1)
        next_step = f"did you mean {close[0]}? " if close else ""
        if rest[0] in END_TO_END_CHECKS:
            next_step = f"did you mean python -m verify explain {E2E} {rest[0]}? "
        raise Problem(EXPLAINING, f"{role} has no check {rest[0]}", f"{next_step}{names}", Exit.USAGE)
    check = checks[rest[0]]
    gpu = check.name in GPU_CHECKS
    session = "e2e" if role == E2E else f"{'verify-gpu' if gpu else 'build verify'} -- {role}"
    findings, when = _findings(Artifacts(artifacts.root / GPU) if gpu else artifacts, role, session)
    seen = next((finding for finding in findings if finding.check == check.name), None)
    for line in lines(role, when, seen) if seen else unseen(role, check, session):
        console.print(Text(line), soft_wrap=not console.is_terminal)
    return Exit.OK


def unseen(role: str, check: Check, session: str) -> list[str]:
    """Return the lines on a check that did not run in this state."""
    fields = {
        "is for": check.purpose,
        "outcome": "none: not verified in this state",
        "category": f"where it fails, {check.category}: {MEANT[check.category]}",
        "next": f"./noxw -s {session}",
    }
    return [f"{role}: {check.name}", *(f"  {name:<9} {text}" for name, text in fields.items())]


def lines(role: str, when: str, finding: Finding) -> list[str]:
    """Return the lines on a finding."""
    category = f"{finding.category}: {MEANT[finding.category]}" if finding.category else ""
    fields = {
        "is for": PURPOSES.get(finding.check, ""),
        "outcome": f"{finding.outcome} in the verification of {when}" if when else finding.outcome,
        "expected": one_line(finding.expected, MOST_FIELD),
        "found": one_line(finding.found, MOST_FIELD),
        "category": category,
        "next": one_line(finding.action, MOST_FIELD),
        "see": f"python -m verify explain {role} {one_line(finding.because, 60)}" if finding.because else "",
    }
    shown = [f"{one_line(role, 60)}: {one_line(finding.check, 60)}"]
    shown += [f"  {name:<9} {text}" for name, text in fields.items() if text]
    evidence = evidence_lines(finding.evidence, MOST_LINES, MOST_LINES, MOST_CHARACTERS)
    return shown + ["  evidence"] * bool(evidence) + [f"    {line}" for line in evidence]


def _findings(artifacts: Artifacts, role: str, session: str) -> tuple[list[Finding], str]:
    """Return a role's findings and when its verification began; none where there was none in this state."""
    try:
        if role == E2E:
            all_at_work = read_end_to_end(artifacts.path(role, VERDICT))
            return all_at_work.findings, all_at_work.started
        verdict = read_verdict(artifacts.path(role, VERDICT))
    except FileNotFoundError:
        return [], ""
    except UnreadableArtifact as error:
        raise Problem(EXPLAINING, str(error), f"./noxw -s {session}", Exit.USAGE) from None
    return verdict.findings, verdict.started
