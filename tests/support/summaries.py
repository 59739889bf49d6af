"""Made-up verdicts for the tests of the summary and its renderers."""

from pathlib import Path
from typing import Any, Literal

from deploy.artifacts import VERDICT, write_model
from verify.judge.checks import CHECKS, ON_THE_DEVICE
from verify.judge.verdict import Category, Figures, Finding, Outcome, Verdict, outcome_of
from verify.report.model import Summary
from verify.report.summary import summarize

ROLES = ["backend", "dev", "worker-cpu", "worker-gpu"]
STARTED = "2026-11-21T10:00:00+00:00"


def finding(
    outcome: Outcome,
    check: str = "torch",
    *,
    expected: str = "what must be",
    found: str = "what is",
    evidence: dict[str, Any] | None = None,
) -> Finding:
    category: Category | None = None if outcome in ("PASS", "SKIP") else "CODE_BUG"
    action = "correct it" if category else ""
    return Finding(
        check=check,
        outcome=outcome,
        expected=expected,
        found=found,
        category=category,
        action=action,
        evidence=evidence or {},
    )


def verdict(
    role: str,
    *findings: Finding,
    tag: str | None = None,
    torch: Literal["absent", "broken"] | None = None,
    torch_version: str | None = None,
    cuda_build: str | None = None,
    probe_seconds: float | None = 1.5,
    gpu: bool = False,
) -> Verdict:
    judged = list(findings) or [finding("PASS")]
    return Verdict(
        schema=1,
        role=role,
        tag=f"ktrdr-{role}:test" if tag is None else tag,
        torch_expected=role != "backend",
        cuda_expected={"backend": "n/a", "worker-gpu": "host_dependent"}.get(role, False),
        image_id="sha256:1",
        identity="sha256:2",
        outcome=outcome_of(judged, gpu=gpu),
        figures=Figures(
            torch="imported" if torch_version else torch,
            torch_version=torch_version,
            cuda_build=cuda_build,
            gpu_architectures=["sm_80", "sm_90"] if cuda_build else None,
            unpacked_bytes=191_234_567,
            added_bytes=105_000_000,
            probe_seconds=probe_seconds,
        ),
        findings=judged,
        container_ids=["c1"],
        gpu=gpu,
        started=STARTED,
        seconds=4.5,
    )


def complete(one: Verdict) -> Verdict:
    """The verdict with a PASS for every check that it does not mention, as a file has to have them."""
    applied = ON_THE_DEVICE if one.gpu else CHECKS
    mentioned = {finding.check for finding in one.findings}
    more = [finding("PASS", name) for name in applied if name not in mentioned]
    return one.model_copy(update={"findings": [*one.findings, *more]})


def four() -> list[Verdict]:
    """One verdict a role: backend skips a check, worker-cpu FAILs, worker-gpu is UNVERIFIED in part."""
    log = "\n".join(f"line {number}" for number in range(80))
    chain = [{"file": "ktrdr/api/main.py", "line": 3}, {"file": "ktrdr/worker.py", "line": 9}]
    return [
        verdict("backend", finding("PASS"), finding("SKIP", "torch-works", found="no torch expected"), torch="absent"),
        verdict("dev", torch_version="2.13.0+cpu"),
        verdict(
            "worker-cpu",
            finding("PASS"),
            finding("FAIL", "cuda-absent", found="15 distributions", evidence={"log": log, "chain": chain}),
            torch_version="2.13.0+cu130",
            cuda_build="13.0",
        ),
        verdict(
            "worker-gpu",
            finding("PASS"),
            finding("UNVERIFIED", "gpu-runtime", found="no GPU"),
            torch_version="2.13.0+cu130",
            cuda_build="13.0",
        ),
    ]


def four_and_a_missing_one() -> Summary:
    return summarize(four(), [*ROLES, "absent"])


def save(root: Path, *verdicts: Verdict) -> Path:
    """Write complete verdicts into an artifacts root."""
    for made in verdicts:
        write_model(root / made.role / VERDICT, complete(made))
    return root
