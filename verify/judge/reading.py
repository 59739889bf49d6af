"""Reads verdicts back. One counts only if it is complete, in its place, and its outcome follows from its findings."""

from collections.abc import Iterable
from pathlib import Path

from deploy.artifacts import UnreadableArtifact, read_model
from verify.judge import checks
from verify.judge.end_to_end import EndToEnd
from verify.judge.verdict import Finding, Outcome, Verdict, outcome_of


def read_verdict(path: Path) -> Verdict:
    """Read the verdict on one image, in the directory with its role's name.

    Raises:
        FileNotFoundError: there is none.
        UnreadableArtifact: it cannot be read, is on another role, lacks a check, or does not follow from its findings.

    """
    verdict = read_model(path, Verdict)
    if verdict.role != path.parent.name:
        wrong = f"{path}: the verdict is on {verdict.role}, the directory is named {path.parent.name}"
        raise UnreadableArtifact(wrong)
    applied = checks.ON_THE_DEVICE if verdict.gpu else checks.CHECKS
    _whole(path, applied, verdict.findings, "of every image")
    _follows(path, verdict.outcome, verdict.findings, gpu=verdict.gpu)
    return verdict


def read_end_to_end(path: Path) -> EndToEnd:
    """Read the end-to-end verdict; raises as read_verdict does."""
    e2e = read_model(path, EndToEnd)
    _whole(path, checks.END_TO_END_CHECKS, e2e.findings, "of the images together")
    _follows(path, e2e.outcome, e2e.findings)
    return e2e


def _whole(path: Path, applied: Iterable[str], findings: list[Finding], whose: str) -> None:
    judged = {finding.check for finding in findings}
    if missing := [name for name in applied if name not in judged]:
        raise UnreadableArtifact(f"{path}: it lacks what this version demands {whose}: {', '.join(missing)}")


def _follows(path: Path, said: Outcome, findings: list[Finding], *, gpu: bool = False) -> None:
    follows = outcome_of(findings, gpu=gpu)
    if said != follows:
        raise UnreadableArtifact(f"{path}: it says {said}, but {follows} follows from its findings")
