"""What a verdict says of a published image, as in-toto statements: made for publishing, and read back. Pure.

Sources: in-toto attestation framework 1.0 (Statement v1, test-result v0.1), SLSA 1.1 (verification summary v1).

Why not in-toto-attestation for the summary's predicate, too: it takes one level, and SLSA writes a list of them.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import in_toto_attestation.predicates.test_result.v0.test_result_pb2 as test_result
from google.protobuf import json_format
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from deploy.artifacts import BILL, BUILD
from verify.judge.verdict import Verdict

IN_TOTO = "application/vnd.in-toto+json"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
SUMMARY = "https://slsa.dev/verification_summary/v1"
SLSA_VERSION = "1.1"
LEVEL = "CONTRACT_FULFILLED"  # no level of SLSA's own: nothing here judges how the image was built
CONTRACT_NAME = "images.toml"


Digests = dict[str, str]  # algorithm -> hexadecimal digits


class Verifier(BaseModel):
    """Who verified."""

    id: str = Field(min_length=1)


class Digested(BaseModel):
    """What a summary rests on."""

    digest: Digests
    uri: str | None = None


class VerificationSummary(BaseModel):
    """The predicate of a verification summary, as far as it is written and read here; other keys are passed over."""

    verifier: Verifier
    time_verified: AwareDatetime = Field(alias="timeVerified")
    resource_uri: str = Field(alias="resourceUri")
    policy: Digested
    input_attestations: list[Digested] = Field(alias="inputAttestations")
    result: str = Field(alias="verificationResult")
    levels: list[str] = Field(alias="verifiedLevels")
    slsa_version: str = Field(alias="slsaVersion", default=SLSA_VERSION)


class Malformed(ValueError):
    """A statement that does not say what it has to: the message says what is missing."""


@dataclass(frozen=True)
class Subject:
    """The image in its registry that statements are about. Digests are written sha256:HEX."""

    name: str  # with the registry, without a tag
    digest: str  # of its manifest
    role: str
    identity: str


@dataclass(frozen=True)
class Basis:
    """What a verdict rests on: digests of the contract and of the files beside the image, written sha256:HEX."""

    contract: str
    record: str
    bill: str


@dataclass(frozen=True)
class Attested:
    """What two statements together say of an image."""

    subject: Subject
    basis: Basis
    verifier: str
    verified: datetime
    result: str  # PASSED, WARNED or FAILED
    summary: str  # PASSED or FAILED
    passed: tuple[str, ...]
    unverified: tuple[str, ...]
    failed: tuple[str, ...]


def result_of(verdict: Verdict, subject: Subject, basis: Basis) -> bytes:
    """Return the statement on every check: test-result v0.1. A check that was UNVERIFIED is a warned one."""
    by_outcome: dict[str, list[str]] = {}
    for finding in verdict.findings:
        by_outcome.setdefault(finding.outcome, []).append(finding.check)
    failed = by_outcome.get("FAIL", []) + by_outcome.get("ERROR", [])
    warned = by_outcome.get("UNVERIFIED", [])
    predicate = {
        "result": "PASSED" if verdict.outcome == "PASS" and not warned else "FAILED" if failed else "WARNED",
        "configuration": [
            _resource(CONTRACT_NAME, basis.contract), _resource(BUILD, basis.record), _resource(BILL, basis.bill),
        ],
        "passedTests": by_outcome.get("PASS", []),
        "warnedTests": warned,
        "failedTests": failed,
    }  # fmt: skip
    json_format.ParseDict(predicate, test_result.TestResult())
    return _statement(subject, TEST_RESULT, predicate)


def summary_of(verdict: Verdict, subject: Subject, basis: Basis, verifier: str, evidence: str) -> bytes:
    """Return the verification summary v1: who verified when, by which contract; `evidence` is the other's digest."""
    passed = verdict.outcome == "PASS"
    summary = VerificationSummary(
        verifier=Verifier(id=verifier),
        timeVerified=datetime.fromisoformat(verdict.started),
        resourceUri=f"{subject.name}@{subject.digest}",
        policy=Digested(uri=CONTRACT_NAME, digest=_digests(basis.contract)),
        inputAttestations=[Digested(digest=_digests(evidence))],
        verificationResult="PASSED" if passed else "FAILED",
        verifiedLevels=[LEVEL if passed else "FAILED"],
    )
    predicate = summary.model_dump(mode="json", by_alias=True, exclude_none=True)
    return _statement(subject, SUMMARY, predicate)


def kind_of(payload: bytes) -> str:
    """Return a statement's predicate type; raises Malformed."""
    return str(_read(payload).pb.predicate_type)


def evidence_of(summary: bytes) -> str:
    """Return the digest of the attestation that a verification summary rests on; raises Malformed."""
    found = _summary(_read(summary))
    if len(found.input_attestations) != 1:
        raise Malformed("it rests on no attestation, or on several")
    return _sha256(found.input_attestations[0].digest)


def attested(result: bytes, summary: bytes) -> Attested:
    """Read the two statements, which have to agree.

    Raises:
        Malformed: one is not of its form, lacks what is needed, or contradicts the other.

    """
    tested, summed = _read(result), _read(summary)
    tests, verified = _tests(tested), _summary(summed)
    subject, same = _subject(tested), _subject(summed)
    named = {one.name: _sha256(one.digest) for one in tests.configuration}
    if missing := {CONTRACT_NAME, BUILD, BILL} - named.keys():
        raise Malformed(f"its configuration lacks {', '.join(sorted(missing))}")
    if subject != same or _sha256(verified.policy.digest) != named[CONTRACT_NAME]:
        raise Malformed("the two statements are on different images, or by different contracts")
    return Attested(
        subject=subject,
        basis=Basis(named[CONTRACT_NAME], named[BUILD], named[BILL]),
        verifier=verified.verifier.id,
        verified=verified.time_verified.astimezone(UTC),
        result=tests.result,
        summary=verified.result,
        passed=tuple(tests.passed_tests),
        unverified=tuple(tests.warned_tests),
        failed=tuple(tests.failed_tests),
    )


def sha256(data: bytes) -> str:
    """Return the digest of these bytes, written sha256:HEX."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _statement(subject: Subject, kind: str, predicate: Mapping[str, Any]) -> bytes:
    about = {"role": subject.role, "identity": subject.identity}
    named = ResourceDescriptor(name=subject.name, digest=_digests(subject.digest), annotations=about)
    statement = Statement([named.pb], kind, dict(predicate))
    statement.validate()
    return json.dumps(json_format.MessageToDict(statement.pb), sort_keys=True, separators=(",", ":")).encode()


def _read(payload: bytes) -> Statement:
    empty = Statement([], "", {})
    try:
        json_format.Parse(payload, empty.pb, ignore_unknown_fields=True)
        empty.validate()
    except (json_format.ParseError, ValueError, RecursionError) as error:
        raise Malformed(f"it is no in-toto statement: {str(error)[:200]}") from None
    return empty


def _tests(statement: Statement) -> Any:
    document = json_format.MessageToDict(statement.pb.predicate)
    try:
        return json_format.ParseDict(document, test_result.TestResult(), ignore_unknown_fields=True)
    except json_format.ParseError as error:
        raise Malformed(f"its predicate is no test result: {str(error)[:200]}") from None


def _summary(statement: Statement) -> VerificationSummary:
    try:
        return VerificationSummary.model_validate(json_format.MessageToDict(statement.pb.predicate))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise Malformed(f"its predicate is no verification summary: {key}: {first['msg'].lower()}") from None


def _subject(statement: Statement) -> Subject:
    if len(statement.pb.subject) != 1:
        raise Malformed("it is on several subjects")
    (about,) = statement.pb.subject
    more = json_format.MessageToDict(about.annotations)
    role, identity = str(more.get("role", "")), str(more.get("identity", ""))
    if not role or not identity:
        raise Malformed("its subject has no role, or no identity")
    return Subject(about.name, _sha256(about.digest), role, identity)


def _sha256(digests: Mapping[str, str]) -> str:
    if "sha256" not in digests:
        raise Malformed("a digest is missing")
    return f"sha256:{digests['sha256']}"


def _digests(digest: str) -> Digests:
    return {"sha256": digest.removeprefix("sha256:")}


def _resource(name: str, digest: str) -> dict[str, Any]:
    return {"name": name, "digest": _digests(digest)}
