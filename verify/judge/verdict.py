"""Findings and verdicts: the judge's results for one image (``verdict.json``)."""

from typing import Any, Literal

from pydantic import Field

from deploy.artifacts import Model
from verify.judge.difference import Difference

Outcome = Literal["PASS", "FAIL", "ERROR", "UNVERIFIED", "SKIP"]
Category = Literal["CODE_BUG", "CONFIGURATION", "ENVIRONMENT"]


class Finding(Model):
    """One check's outcome, in words that a person can act on."""

    check: str
    outcome: Outcome
    expected: str
    found: str
    category: Category | None = None  # None beside PASS and SKIP
    action: str = ""
    evidence: dict[str, Any] = Field(default_factory=dict)

    @property
    def because(self) -> str:
        """The check that says why this one could not run; "" for none."""
        return str(self.evidence.get("because", "")) if self.outcome == "ERROR" else ""


class Figures(Model):
    """Figures beside the outcomes; None where one was not seen. Bytes are unpacked bytes."""

    torch: Literal["imported", "absent", "broken"] | None = None
    torch_version: str | None = None
    cuda_build: str | None = None
    gpu_architectures: list[str] | None = None  # that the build has code for
    unpacked_bytes: int | None = None
    added_bytes: int | None = None
    seconds_to_healthy: float | None = None
    new_modules: int | None = None  # that importing the application loaded
    import_seconds: float | None = None
    import_peak_bytes: int | None = None
    probe_seconds: float | None = None


class Shared(Model):
    """A layer that other images may have, too: as the engine packed it, and what it holds."""

    diff_id: str
    listing: str  # a digest of its entries in any order


class Common(Model):
    """What an image must have in common with the others. Digests are diff ids of layers; empty where not seen."""

    base: list[str]
    python: str = ""  # its version, to the patch
    layers: dict[str, Shared]  # the distributions that a layer brings -> the layer


class Verdict(Model):
    """``verdict.json``: one image's outcome and all that led to it."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    role: str
    tag: str
    torch_expected: bool
    cuda_expected: str | bool
    image_id: str | None
    identity: str | None
    outcome: Outcome
    figures: Figures
    difference: Difference | None = None  # from the baseline, where that knows the role
    findings: list[Finding]
    common: Common | None = None  # None with the GPU contract
    container_ids: list[str] = Field(default_factory=list)
    contract: str = ""  # digest of the contract's file that it was judged by; "" by an earlier version
    gpu: bool = False  # the GPU contract (verify-gpu) rather than the complete one
    started: str = ""
    seconds: float = 0.0


def outcome_of(findings: list[Finding], *, gpu: bool = False) -> Outcome:
    """Return an image's outcome from its findings (verify/README.md, outcomes).

    FAIL if any check FAILs; else ERROR if any is in error or none was executed; else PASS. UNVERIFIED stands beside
    PASS, except with the GPU contract, where what this host lacks is an ERROR.
    """
    outcomes = {finding.outcome for finding in findings}
    if "FAIL" in outcomes:
        return "FAIL"
    if "ERROR" in outcomes or (gpu and "UNVERIFIED" in outcomes):
        return "ERROR"
    return "PASS" if "PASS" in outcomes else "ERROR"
