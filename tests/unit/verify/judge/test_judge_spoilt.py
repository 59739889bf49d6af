"""No report, whatever an image puts into it, makes the judge break down or turns a check green."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.cases import HEALTH, ROLES, good, good_gpu
from tests.support.changes import report, result
from tests.support.outcomes import BY_PROBE, outcomes, some
from verify.judge.checks import GPU_CHECKS

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\ud800")
anything = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
KEYS = {name: sorted(good("worker-gpu").report(name)) for name in ("environment", "pytorch", "application")}
spoilt = st.sampled_from(sorted(KEYS)).flatmap(
    lambda name: st.tuples(
        st.just(name), st.dictionaries(st.sampled_from(KEYS[name]), anything, min_size=1, max_size=3)
    )
)


@settings(deadline=None, max_examples=50)
@given(spoilt=spoilt, role=st.sampled_from(ROLES))
def test_no_report_makes_the_judge_break_down(spoilt: tuple[str, dict[str, Any]], role: str) -> None:
    name, values = spoilt
    verdict = good(role, report(name, **values)).verdict()
    assert json.loads(verdict.model_dump_json())["role"] == role


@pytest.mark.parametrize(
    "chain", [[], [[]], [[None, None, None]], [["/x.py"]], [["\ud800.py", 1, "f"]], [[float("nan"), 10**400, [[]] * 9]]]
)
def test_no_chain_of_an_attempt_makes_the_judge_break_down(chain: list[Any]) -> None:
    tried = {"package": "torch", "phase": "import", "chain": chain}
    verdict = good("backend", report("application", attempts=[tried])).verdict()
    assert json.loads(verdict.model_dump_json())["outcome"] == "FAIL"


@settings(deadline=None, max_examples=30)
@given(document=anything, name=st.sampled_from(sorted(KEYS)))
def test_a_report_that_is_something_else_altogether_is_never_green(document: Any, name: str) -> None:
    facts = good("worker-cpu", result(name, report=document if isinstance(document, dict) else None))
    assert "PASS" not in some(facts, BY_PROBE[name])


@settings(deadline=None, max_examples=30)
@given(document=st.dictionaries(st.sampled_from(["status", "body", "processes", "packages"]), anything))
def test_a_server_s_answer_is_green_only_where_it_says_so(document: dict[str, Any]) -> None:
    facts = good("backend", lambda facts: facts.part("server")["asked"].update(report=document))
    green = document.get("status") == 200 and document.get("body") == HEALTH
    assert outcomes(facts)["server-answers"] == "PASS" or not green


@settings(deadline=None, max_examples=30)
@given(values=st.dictionaries(st.sampled_from(sorted(good_gpu().report("gpu"))), anything, min_size=1, max_size=3))
def test_no_report_of_the_gpu_probe_makes_the_judge_break_down(values: dict[str, Any]) -> None:
    verdict = good_gpu(report("gpu", **values)).verdict()
    assert {finding.check for finding in verdict.findings} >= set(GPU_CHECKS)
