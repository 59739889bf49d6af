"""Every check holds for a good observation, and fails, alone, for one that breaks it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.e2e_observations import good, judged
from tests.support.e2e_spoilings import EVERY, STARTUP, Spoilt, answers, missing
from verify.e2e.judge import RULINGS
from verify.judge.checks import END_TO_END_CHECKS
from verify.judge.verdict import Finding


def findings(spoilt: Spoilt) -> dict[str, Finding]:
    document = good()
    spoilt.spoil(document)
    return {one.check: one for one in judged(document).findings}


def test_a_good_observation_passes_every_check_in_the_table_s_order() -> None:
    verdict = judged(good())
    assert [(one.check, one.outcome, one.found) for one in verdict.findings if one.outcome != "PASS"] == []
    assert [one.check for one in verdict.findings] == list(END_TO_END_CHECKS)
    assert verdict.outcome == "PASS"
    assert verdict.figures["training-1_to_registered"] == 2.5


@pytest.mark.parametrize("spoilt", EVERY, ids=str)
def test_what_goes_wrong_is_reported_by_its_own_check_and_by_no_other(spoilt: Spoilt) -> None:
    found = findings(spoilt)
    one = found[spoilt.check]
    assert (one.outcome, spoilt.words in one.found) == (spoilt.outcome, True), one.found
    assert one.category == END_TO_END_CHECKS[spoilt.check].category
    assert one.expected
    assert one.action
    assert {name for name, other in found.items() if other.outcome != "PASS"} - {spoilt.check} == spoilt.with_it


def test_every_check_has_something_that_breaks_it() -> None:
    assert {spoilt.check for spoilt in EVERY} == set(END_TO_END_CHECKS) == set(RULINGS)


@pytest.mark.parametrize("scenario", sorted(good()["scenes"]))
def test_a_scenario_that_the_engine_broke_off_is_an_error_with_its_words(scenario: str) -> None:
    document = good()
    missing(scenario, "the engine: gone")(document)
    errors = [one for one in judged(document).findings if one.outcome == "ERROR"]
    assert errors
    assert "the engine: gone" in errors[0].found
    assert {one.category for one in errors} == {"ENVIRONMENT"}


def test_scenarios_that_did_not_run_follow_from_the_start() -> None:
    document = good()
    document["scenes"] = {"startup": document["scenes"]["startup"]}
    answers("startup")(document)["tester"]["met"] = False
    document["containers"]["backtest-1"]["log"] = ""
    verdict = judged(document)
    assert verdict.outcome == "FAIL"
    assert {one.because for one in verdict.findings if one.outcome == "ERROR"} == {STARTUP}


def test_a_resumed_training_without_an_uninterrupted_one_beside_it_proves_nothing() -> None:
    document = good()
    answers("restart")(document)["ended-1"]["body"]["operation"]["result_summary"] = None
    (one,) = (finding for finding in judged(document).findings if finding.check == "workers/resumed")
    assert (one.outcome, one.because) == ("ERROR", "backend/restart")


def test_two_workers_may_begin_side_by_side_in_any_order() -> None:
    document = good()
    answers("queue")(document)["ended-2"]["body"]["operation"]["started_at"] = "2026-01-01T10:00:00.600+00:00"
    assert judged(document).outcome == "PASS"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PLACES = [(scenario, name) for scenario, one in good()["scenes"].items() for name in one.get("answers", {})]


@given(place=st.sampled_from(PLACES), inner=st.sampled_from(["", "operation", "data", "workers", "result"]), value=JSON)
def test_whatever_the_backend_answers_there_is_a_verdict(place: tuple[str, str], inner: str, value: Any) -> None:
    document = good()
    scenario, name = place
    found = answers(scenario)(document)[name]["body"]
    if not inner:
        answers(scenario)(document)[name]["body"] = value
    elif inner == "result" and "operation" in found:
        found["operation"]["result_summary"] = value
    else:
        found[inner] = value
    json.loads(judged(document).model_dump_json())
