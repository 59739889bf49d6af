"""Published image x expectation → findings: what the attestations beside an image are worth. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from securesystemslib.signer import SSlibKey

from deploy.image_config import Healthcheck
from deploy.publish import signing, statements
from deploy.publish.statements import SUMMARY, TEST_RESULT, Attested, Malformed
from verify.judge.verdict import Category, Finding, Outcome, outcome_of

AGAIN = "Verify and publish again: `./noxw -s build verify publish -- --registry …`"
SIGNATURES: dict[signing.Signature, tuple[Outcome, str]] = {
    "good": ("PASS", "signed by this key"),
    "altered": ("FAIL", "it names this key, and its bytes are not those that were signed"),
    "another key": ("FAIL", "signed by another key"),
    "none": ("FAIL", "not signed"),
    "unchecked": ("UNVERIFIED", "signed, and no key was named to check it"),
}
CLOCKS = timedelta(minutes=5)  # by which the clocks of two machines may differ


@dataclass(frozen=True)
class Envelope:
    """An attestation as it lies in a registry, with its media type and the digest of its bytes."""

    media_type: str
    data: bytes

    @property
    def digest(self) -> str:
        """The digest of its bytes, written sha256:HEX."""
        return statements.sha256(self.data)


@dataclass(frozen=True)
class Published:
    """What a registry holds of one image. Digests are written sha256:HEX."""

    name: str  # with the registry, without a tag
    digest: str  # of its manifest
    identity: str
    envelopes: tuple[Envelope, ...]
    files: dict[str, bytes] = field(default_factory=dict)  # digest -> bill of materials or build record
    healthcheck: Healthcheck | None = None  # that the image declares


@dataclass(frozen=True)
class Expected:
    """What an attestation has to fulfil."""

    contract: str  # digest of the contract's file
    now: datetime
    most_days: float
    key: SSlibKey | None = None


@dataclass(frozen=True)
class Examined:
    """What came of it: findings, and what was attested where that can be read."""

    published: Published
    findings: list[Finding]
    attested: Attested | None = None
    signers: str = ""  # ids of keys

    @property
    def outcome(self) -> Outcome:
        """The outcome of all findings."""
        return outcome_of(self.findings)


@dataclass(frozen=True)
class _Pair:
    """A verification summary with the test result that it rests on."""

    attested: Attested
    signatures: tuple[signing.Signature, ...]
    signers: str


def examine(published: Published, expected: Expected) -> Examined:
    """Judge what lies beside an image. Of several attestations the latest good one counts, else the latest."""
    pairs, faults = _pairs(published.envelopes, expected.key)
    if not pairs:
        found = "; ".join(faults) or "none lies beside it"
        due = "a test result and a verification summary beside the image"
        return Examined(published, [_finding("attested", "FAIL", due, found, AGAIN)])
    pairs.sort(key=lambda pair: pair.attested.verified, reverse=True)
    judged = [Examined(published, _findings(published, pair, expected), pair.attested, pair.signers) for pair in pairs]
    return next((one for one in judged if one.outcome == "PASS"), judged[0])


def _pairs(envelopes: Iterable[Envelope], key: SSlibKey | None) -> tuple[list[_Pair], list[str]]:
    """Return each summary with its test result, and what is wrong with the others."""
    read: dict[str, tuple[bytes, signing.Signature, str]] = {}
    kinds: dict[str, list[str]] = {TEST_RESULT: [], SUMMARY: []}
    faults: list[str] = []
    pairs: list[_Pair] = []
    for envelope in envelopes:
        try:
            opened = signing.opened(envelope.media_type, envelope.data, key)
            kinds.setdefault(statements.kind_of(opened[0]), []).append(envelope.digest)
            read[envelope.digest] = opened
        except Malformed as fault:
            faults.append(f"{envelope.digest[:19]}: {fault}")
    for digest in kinds[SUMMARY]:
        summary, signature, ids = read[digest]
        try:
            result, other, more = read[_among(kinds[TEST_RESULT], statements.evidence_of(summary))]
            signers = ", ".join(sorted({ids, more} - {""}))
            pairs.append(_Pair(statements.attested(result, summary), (signature, other), signers))
        except Malformed as fault:
            faults.append(f"{digest[:19]}: {fault}")
    return pairs, faults


def _among(results: list[str], evidence: str) -> str:
    if evidence not in results:
        raise Malformed(f"it rests on {evidence}, which does not lie beside the image")
    return evidence


def _findings(published: Published, pair: _Pair, expected: Expected) -> list[Finding]:
    attested, subject = pair.attested, pair.attested.subject
    same = (subject.digest, subject.identity) == (published.digest, published.identity)
    about = f"{subject.digest}, identity {subject.identity}"
    due = f"an attestation of {published.digest}, identity {published.identity}"
    return [
        _finding("attested", "PASS", "a test result and a verification summary", "both lie beside it"),
        _signature(pair, expected.key),
        _finding("digest", "PASS" if same else "FAIL", due, about, AGAIN),
        _age(attested.verified, expected),
        _contract(attested.basis.contract, expected.contract),
        _beside(attested, published),
        _verdict(attested),
    ]


def _signature(pair: _Pair, key: SSlibKey | None) -> Finding:
    """Without a key an unsigned attestation is UNVERIFIED: who may write to the registry may have written it."""
    signature = max(pair.signatures, key=list(SIGNATURES).index)
    outcome, words = SIGNATURES[signature]
    if key is None and signature == "none":
        return _finding(
            "signature", "UNVERIFIED", "a signature", words, "Publish with `--key`, and verify with its public half"
        )
    due = f"both signed by key {key.keyid[:16]}" if key else "a key to check it with"
    found = f"{words}{f' ({pair.signers})' if pair.signers else ''}"
    return _finding("signature", outcome, due, found, "Name the public key with `--key`; trust no other")


def _age(verified: datetime, expected: Expected) -> Finding:
    age = expected.now - verified
    due = f"verified within the last {expected.most_days:g} days"
    if age < -CLOCKS:
        return _finding("age", "FAIL", due, f"verified in the future, at {verified.isoformat()}", "Compare the clocks")
    outcome: Outcome = "PASS" if age <= timedelta(days=expected.most_days) else "FAIL"
    days = max(age, timedelta()) / timedelta(days=1)
    return _finding("age", outcome, due, f"verified {days:.1f} days ago, at {verified.isoformat()}", AGAIN)


def _contract(by: str, today: str) -> Finding:
    action = f"{AGAIN}; or use the checkout that published it"
    return _finding("contract", "PASS" if by == today else "FAIL", f"this checkout's contract, {today}", by, action)


def _beside(attested: Attested, published: Published) -> Finding:
    due = {"bill of materials": attested.basis.bill, "build record": attested.basis.record}
    missing = [f"no {name} {digest}" for name, digest in due.items() if digest not in published.files]
    found = "; ".join(missing) or "both"
    return _finding(
        "beside", "FAIL" if missing else "PASS", "the bill and the build record that it names", found, AGAIN
    )


def _verdict(attested: Attested) -> Finding:
    good = attested.summary == "PASSED" and attested.result in ("PASSED", "WARNED") and not attested.failed
    counted = f"{len(attested.passed)} PASS"
    counted += f", UNVERIFIED: {', '.join(attested.unverified)}" if attested.unverified else ""
    counted += f", failed: {', '.join(attested.failed)}" if attested.failed else ""
    return _finding("verdict", "PASS" if good and attested.passed else "FAIL", "every check PASS", counted, AGAIN)


def _finding(check: str, outcome: Outcome, expected: str, found: str, action: str = "") -> Finding:
    category: Category | None = None if outcome == "PASS" else "CONFIGURATION"
    shown = "" if outcome == "PASS" else action
    plain = "".join(sign if sign.isprintable() else " " for sign in found)  # strangers wrote parts of it
    return Finding(check=check, outcome=outcome, expected=expected, found=plain, category=category, action=shown)
