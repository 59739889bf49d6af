"""Verdicts become one summary: rows in the roles' order, an outcome, and what it means."""

import itertools

import pytest

from deploy.errors import Exit
from tests.support.summaries import ROLES, finding, four, four_and_a_missing_one, verdict
from verify.judge.verdict import Finding
from verify.report.summary import NO_VERDICT, summarize

PASS, FAIL, ERROR = finding("PASS"), finding("FAIL"), finding("ERROR")
UNVERIFIED, SKIP = finding("UNVERIFIED"), finding("SKIP")


def test_rows_stand_in_the_roles_order_whatever_the_verdicts_order() -> None:
    for verdicts in itertools.permutations(four()):
        assert [row.role for row in summarize(list(verdicts), ROLES).rows] == ROLES


def test_columns_say_what_was_expected_and_what_was_seen() -> None:
    rows = summarize(four(), ROLES).rows
    assert [(row.image, row.torch, row.cuda, row.expected, row.actual) for row in rows] == [
        ("ktrdr-backend:test", "NO", "N/A", "no torch", "no torch"),
        ("ktrdr-dev:test", "YES", "NO", "CPU torch", "CPU torch"),
        ("ktrdr-worker-cpu:test", "YES", "13.0", "CPU torch", "CUDA torch"),
        ("ktrdr-worker-gpu:test", "YES", "13.0", "CUDA torch", "CUDA torch"),
    ]


def test_what_no_probe_has_seen_is_no_absence_of_torch() -> None:
    (row,) = summarize([verdict("backend", ERROR, probe_seconds=None)], ["backend"]).rows
    assert (row.torch, row.cuda, row.actual) == ("?", "?", "not seen")


def test_a_torch_that_is_there_and_does_not_import_is_not_called_absent() -> None:
    (row,) = summarize([verdict("dev", finding("FAIL"), torch="broken")], ["dev"]).rows
    assert (row.torch, row.actual) == ("?", "broken torch")


def test_a_role_without_a_verdict_is_a_row_in_error_that_says_so() -> None:
    row = four_and_a_missing_one().rows[-1]
    assert (row.role, row.outcome) == ("absent", "ERROR")
    assert [(one.outcome, one.found) for one in row.findings] == [("ERROR", NO_VERDICT)]
    assert NO_VERDICT == "no verdict: not built or not verified in this state"


@pytest.mark.parametrize(
    ("findings", "outcome", "code"),
    [
        ([[PASS], [PASS]], "PASS", Exit.OK),
        ([[PASS], [PASS, UNVERIFIED, SKIP]], "PASS", Exit.OK),
        ([[PASS], [PASS, FAIL]], "FAIL", Exit.FAILED),
        ([[ERROR], [FAIL]], "FAIL", Exit.FAILED),
        ([[PASS], [PASS, ERROR]], "ERROR", Exit.UNAVAILABLE),
        ([[PASS], [SKIP]], "ERROR", Exit.UNAVAILABLE),
        ([[PASS]], "ERROR", Exit.UNAVAILABLE),
        ([], "ERROR", Exit.UNAVAILABLE),
    ],
)
def test_the_exit_code_follows_from_the_outcomes(findings: list[list[Finding]], outcome: str, code: Exit) -> None:
    roles = ["backend", "dev"]
    summary = summarize([verdict(role, *some) for role, some in zip(roles, findings, strict=False)], roles)
    assert (summary.outcome, summary.exit_code) == (outcome, code)


def test_no_roles_at_all_is_not_green() -> None:
    assert summarize([], []).exit_code == Exit.UNAVAILABLE
    assert summarize([], []).meaning == "no image was verified"


def test_a_part_of_the_images_is_not_called_every_image() -> None:
    asked = summarize([verdict("dev")], ["dev"], others=["backend", "worker-cpu"])
    assert asked.meaning == (
        "every image is what its role demands, of those asked about: dev; "
        "`./noxw -s summarize` covers all, also: backend, worker-cpu"
    )
    failed = summarize([verdict("dev", finding("FAIL"))], ["dev"], others=["backend"])
    assert failed.meaning.endswith("covers all, also: backend")


def test_unverified_is_an_error_with_the_gpu_contract_and_stands_beside_pass_without_it() -> None:
    with_gpu, without = (
        summarize([verdict("worker-gpu", PASS, UNVERIFIED, gpu=gpu)], ["worker-gpu"]) for gpu in (True, False)
    )
    assert (with_gpu.outcome, with_gpu.rows[0].outcome_words) == ("ERROR", ["ERROR", "UNVERIFIED", "GPU only"])
    assert (without.outcome, without.rows[0].outcome_words) == ("PASS", ["PASS", "UNVERIFIED"])
    assert "UNVERIFIED on this host: worker-gpu" in without.meaning


def test_the_meaning_names_who_failed_and_who_was_not_seen() -> None:
    meaning = four_and_a_missing_one().meaning
    assert "worker-cpu" in meaning
    assert "absent" in meaning


def test_the_duration_is_the_sum_of_the_probes_beside_the_specifications_floor() -> None:
    summary = summarize(four(), ROLES)
    assert summary.duration == (
        "checks took 6.0 s, with proof that each ran (observed.json) in place of the specification's minimum of 10 s"
    )
    assert summarize([], ROLES).duration == "no check ran inside an image"
