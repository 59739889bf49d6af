"""A server is compared with the application only where that agrees with itself; each source of it speaks for itself."""

import copy

import pytest

from tests.support.cases import Change, Facts, good, many
from tests.support.changes import subject
from verify.judge.verdict import Finding


def found(check: str, change: Change) -> Finding:
    return good("backend", change).findings()[check]


def otherwise(facts: Facts, *digests: str) -> None:
    """The server answers one operation otherwise, and so does the application in further processes."""
    facts.part("server")["asked"]["report"]["answers"]["GET /api/v1/thing0"] = "200 another"
    facts.repeats = [copy.deepcopy(facts.repeats[0]) for _ in digests]
    for repeat, digest in zip(facts.repeats, digests, strict=True):
        repeat["results"]["application"]["report"]["digests"]["GET /api/v1/thing0"] = digest


@pytest.mark.parametrize(
    ("digests", "outcome"),
    [
        (["200 0123456789abcdef"] * 3, "FAIL"),
        (["200 0123456789abcdef", "200 a third"], "PASS"),
        (["200 another"], "PASS"),
        (["503 0"], "PASS"),
        ([], "ERROR"),
    ],
    ids=["it agrees with itself", "it does not", "it answers as the server", "with another status", "nobody asked"],
)
def test_an_answer_is_compared_only_where_processes_of_the_application_agree(digests: list[str], outcome: str) -> None:
    assert found("server-answers", lambda facts: otherwise(facts, *digests)).outcome == outcome


def test_a_further_process_that_nobody_saw_proves_nothing() -> None:
    def change(facts: Facts) -> None:
        otherwise(facts, "200 0123456789abcdef")
        facts.repeats[0]["proof"]["image_id"] = "sha256:another"

    finding = found("server-answers", change)
    assert (finding.outcome, finding.because) == ("ERROR", "proof")


def test_a_healthcheck_that_notices_too_late_is_told_although_nobody_saw_it_run() -> None:
    change = many(subject(unhealthy_after=321.0), lambda facts: facts.part("probes").update(results=None))
    assert found("healthcheck-tells", change).found == "a server that is gone becomes unhealthy only after 321 s"


def test_an_image_without_healthcheck_fails_although_no_server_was_seen() -> None:
    finding = found("server-healthy", many(subject(healthcheck=[]), lambda facts: setattr(facts, "server", None)))
    assert (finding.outcome, finding.found) == ("FAIL", "the image has no HEALTHCHECK")


def test_a_server_without_an_answer_differs_from_the_application_whether_or_not_that_agrees_with_itself() -> None:
    def change(facts: Facts) -> None:
        otherwise(facts)
        facts.part("server")["asked"]["report"]["answers"]["GET /api/v1/thing0"] = "0 0"

    assert found("server-answers", change).found == "GET /api/v1/thing0: 0, the application answers 200"
