"""Statements say what the verdict says, in the forms of in-toto and SLSA, and are read back strictly."""

import json
from typing import Any

import pytest

from deploy.publish.statements import (
    SUMMARY,
    TEST_RESULT,
    Basis,
    Malformed,
    Subject,
    attested,
    evidence_of,
    kind_of,
    result_of,
    sha256,
    summary_of,
)
from tests.support.summaries import STARTED, finding, verdict

SUBJECT = Subject("registry.example/ktrdr-backend", f"sha256:{'a' * 64}", "backend", "sha256:identity")
BASIS = Basis(*(f"sha256:{sign * 64}" for sign in "bcd"))
VERDICT = verdict("backend", finding("PASS", "one"), finding("UNVERIFIED", "two"), finding("SKIP", "three"))
RESULT = result_of(VERDICT, SUBJECT, BASIS)
SUMMED = summary_of(VERDICT, SUBJECT, BASIS, "urn:me", sha256(RESULT))


def test_a_test_result_has_the_form_of_its_specification() -> None:
    document = json.loads(RESULT)
    assert (document["_type"], document["predicateType"]) == ("https://in-toto.io/Statement/v1", TEST_RESULT)
    assert document["subject"][0]["digest"] == {"sha256": "a" * 64}
    predicate = document["predicate"]
    assert (predicate["result"], predicate["passedTests"], predicate["warnedTests"]) == ("WARNED", ["one"], ["two"])
    assert [one["name"] for one in predicate["configuration"]] == [
        "images.toml", "build.json", "sbom.cdx.json",
    ]  # fmt: skip


def test_a_verification_summary_has_the_form_of_its_specification() -> None:
    predicate = json.loads(SUMMED)["predicate"]
    assert predicate["verifier"] == {"id": "urn:me"}
    assert predicate["resourceUri"] == f"{SUBJECT.name}@{SUBJECT.digest}"
    assert predicate["policy"]["digest"] == {"sha256": "b" * 64}
    assert (predicate["verificationResult"], predicate["timeVerified"]) == ("PASSED", "2026-11-21T10:00:00Z")
    assert isinstance(predicate["verifiedLevels"], list)
    assert predicate["inputAttestations"] == [{"digest": {"sha256": sha256(RESULT).removeprefix("sha256:")}}]


def test_what_was_stated_is_read_back() -> None:
    found = attested(RESULT, SUMMED)
    assert (found.subject, found.basis, found.verifier) == (SUBJECT, BASIS, "urn:me")
    assert found.verified.isoformat() == STARTED
    assert (found.passed, found.unverified, found.failed) == (("one",), ("two",), ())
    assert (kind_of(SUMMED), evidence_of(SUMMED)) == (SUMMARY, sha256(RESULT))


def test_a_verdict_without_a_pass_is_no_passed_one() -> None:
    failed = verdict("backend", finding("PASS", "one"), finding("FAIL", "two"))
    result = result_of(failed, SUBJECT, BASIS)
    summary = summary_of(failed, SUBJECT, BASIS, "urn:me", sha256(result))
    found = attested(result, summary)
    assert (found.result, found.summary, found.failed) == ("FAILED", "FAILED", ("two",))


def changed(statement: bytes, *path: Any, value: Any = None) -> bytes:
    """The statement with another value at a path; without the key where there is none."""
    document = holder = json.loads(statement)
    for key in path[:-1]:
        holder = holder[key]
    if value is None:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "result",
    [
        b"", b"[]", b"{}", changed(RESULT, "_type", value="other"), changed(RESULT, "subject", value=[]),
        changed(RESULT, "subject", 0, "digest"), changed(RESULT, "subject", 0, "annotations"),
        changed(RESULT, "predicate", "configuration", value=[]), changed(RESULT, "predicate", "passedTests", value=3),
        changed(RESULT, "subject", 0, "annotations", "role", value="dev"),
        changed(RESULT, "predicate", "configuration", 0, "digest", "sha256", value="e" * 64),
    ],
)  # fmt: skip
def test_a_test_result_that_lacks_something_or_contradicts_is_malformed(result: bytes) -> None:
    with pytest.raises(Malformed):
        attested(result, SUMMED)


@pytest.mark.parametrize("key", ["verifier", "timeVerified", "policy", "verificationResult", "inputAttestations"])
def test_a_summary_that_lacks_something_is_malformed(key: str) -> None:
    with pytest.raises(Malformed, match=key):
        attested(RESULT, changed(SUMMED, "predicate", key))


def test_a_summary_rests_on_one_attestation() -> None:
    with pytest.raises(Malformed, match="no attestation"):
        evidence_of(changed(SUMMED, "predicate", "inputAttestations", value=[]))
