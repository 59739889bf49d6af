"""``explain ROLE CHECK``: what a check is for, what it saw, what to do; from the artifacts."""

import difflib
from collections.abc import Collection

from rich.console import Console
from rich.text import Text

from deploy.artifacts import E2E, GPU, VERDICT, Artifacts, UnreadableArtifact
from deploy.contract import Contract
from deploy.errors import Exit, Problem
from verify.judge.checks import CHECKS, END_TO_END_CHECKS, GPU_CHECKS, PURPOSES, Check
from verify.judge.reading import read_end_to_end, read_verdict
from verify.judge.rulings.own import row
from verify.judge.verdict import Finding
from verify.report.text import evidence_lines, one_line

EXPLAINING = "explaining a check"
COMMAND = "./noxw -s explain --"
MOST_LINES, MOST_CHARACTERS, MOST_FIELD = 400, 40_000, 4_000  # of the evidence, of one field
# What a category says of where to look (verify/README.md, outcomes).
MEANT = {
    "CODE_BUG": "ktrdr or a Dockerfile is wrong",
    "CONFIGURATION": "contract, lock, sources or settings are wrong",
    "ENVIRONMENT": "engine, host, network or GPU are in the way",
}


def explain(words: list[str], contract: Contract, artifacts: Artifacts, console: Console) -> Exit:
    """Print everything known about one check of one image.

    Raises:
        Problem: a name is wrong (it lists those that exist), or a verdict cannot be read (exit 2).

    """
    known = [*contract.roles, E2E]
    usage = f"{COMMAND} ROLE CHECK; ROLE is one of {', '.join(known)}"
    if not words or len(words) > 2:  # noqa: PLR2004 - a role and a check
        raise Problem(EXPLAINING, "name a role and a check", usage, Exit.USAGE)
    role, *rest = words
    if role not in known:
        raise Problem(EXPLAINING, f"no such role: {role}", usage, Exit.USAGE)
    on_gpu = [image.role for image in contract.images.values() if image.torch == "cuda"]
    checks = END_TO_END_CHECKS if role == E2E else CHECKS | GPU_CHECKS if role in on_gpu else CHECKS
    if role != E2E:
        checks = checks | {check.check: row(check) for check in contract.checks_of(contract.images[role])}
    if not rest:
        raise Problem(EXPLAINING, f"name a check of {role}", f"one of: {', '.join(checks)}", Exit.USAGE)
    if rest[0] not in checks:
        raise _no_check(role, rest[0], checks, on_gpu)
    check = checks[rest[0]]
    gpu = check.name in GPU_CHECKS
    session = "build verify e2e" if role == E2E else f"build {'verify-gpu' if gpu else 'verify'} -- {role}"
    findings, when = _findings(Artifacts(artifacts.root / GPU) if gpu else artifacts, role, session)
    seen = next((finding for finding in findings if finding.check == check.name), None)
    for line in lines(role, when, seen) if seen else unseen(role, check, session):
        console.print(Text(line), soft_wrap=not console.is_terminal)
    return Exit.OK


def _no_check(role: str, name: str, checks: Collection[str], on_gpu: list[str]) -> Problem:
    """Return what to say of a name that is no check of this role: of which role it is one, or which resembles it."""
    wrong, instead = f"{role} has no check {name}", ""
    if name in END_TO_END_CHECKS:
        instead = f"did you mean {COMMAND} {E2E} {name}? "
    elif name in GPU_CHECKS and name not in checks:
        wrong += ": it is for images with CUDA PyTorch"
        instead = f"did you mean {COMMAND} {on_gpu[0]} {name}? " if on_gpu else ""
    elif close := difflib.get_close_matches(name, checks, n=1):
        instead = f"did you mean {close[0]}? "
    return Problem(EXPLAINING, wrong, f"{instead}one of: {', '.join(checks)}", Exit.USAGE)


def unseen(role: str, check: Check, session: str) -> list[str]:
    """Return the lines on a check that did not run in this state."""
    fields = {
        "is for": check.purpose,
        "outcome": "none yet: this image has not been verified since its last build",
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
        "see": f"{COMMAND} {role} {one_line(finding.because, 60)}" if finding.because else "",
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
