"""What a report does not say, or says in another form, is neither good news nor the end of the reading."""

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.support.cases import Facts, good, good_gpu, loaded
from tests.support.changes import instead, report
from tests.support.spoiling import spoil_a_value
from verify.judge.case import NotSeen
from verify.observe.containers import Output
from verify.observe.model import Observation, ProbeResult, ProbeRun
from verify.observe.probe_reports import (
    ApplicationReport,
    Checked,
    EnvironmentReport,
    GpuReport,
    Import,
    Memory,
    ProbeReport,
    TorchReport,
)
from verify.observe.requests import read_document

REQUEST: dict[str, Any] = {"nonce": "n1", "probes": {"environment": {}, "healthcheck": {}}}
DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "nonce": "n1",
    "results": {
        "environment": {"outcome": "ended", "exit_code": 0, "seconds": 0.5, "printed": "", "report": {"uid": 1}},
        "healthcheck": {"outcome": "not started", "error": "no such file"},
    },
}
REPORTS: dict[str, type[ProbeReport]] = {
    "environment": EnvironmentReport, "pytorch": TorchReport, "application": ApplicationReport, "gpu": GpuReport,
}  # fmt: skip
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\ud800")
anything = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_probe_document_is_read_or_refused_in_words_whatever_stands_in_place_of_its_values(
    data: st.DataObject,
) -> None:
    document = copy.deepcopy(DOCUMENT)
    for _ in range(data.draw(st.integers(1, 3), "times")):
        spoil_a_value(data, document, anything)
    results, error = read_document(Output(stdout=json.dumps(document).encode()), REQUEST)
    assert (results is None) == bool(error)
    assert results is None or all(isinstance(one, ProbeResult) for one in results.values())
    assert results is None or (set(results), document["nonce"]) == ({"environment", "healthcheck"}, "n1")


@settings(deadline=None, max_examples=30)
@given(document=anything)
def test_json_of_any_shape_is_no_probe_document(document: Any) -> None:
    results, error = read_document(Output(stdout=json.dumps(document).encode()), REQUEST)
    assert results is None
    assert error


@settings(deadline=None, max_examples=60)
@given(data=st.data(), name=st.sampled_from(sorted(REPORTS)))
def test_a_report_is_read_or_not_seen_whatever_stands_in_place_of_its_values(data: st.DataObject, name: str) -> None:
    facts = (good_gpu if name == "gpu" else lambda: good("worker-gpu"))()
    spoil_a_value(data, facts.report(name), anything)
    with contextlib.suppress(NotSeen):
        assert isinstance(getattr(facts.case(), name), REPORTS[name])


@pytest.mark.parametrize("values", [{"uid": "10001"}, {"home_is_writable": 1}, {"path": "/x"}, {"user": 5}])
def test_a_value_of_another_type_is_not_taken_for_what_it_looks_like(values: dict[str, Any]) -> None:
    assert "report is malformed" in good("dev", report("environment", **values)).findings()["user"].found


def test_what_utf_8_cannot_write_is_read_as_it_can_in_texts_lists_and_keys() -> None:
    case = good("dev", report("environment", home="/\ud800", path=["/x", "/\ud800"])).case()
    assert (case.environment.home, case.environment.path) == ("/\\ud800", ["/x", "/\\ud800"])
    case = good("dev", report("application", answers={"GET /\ud800": 200})).case()
    assert case.application.answers == {"GET /\\ud800": 200}


def test_keys_that_this_version_does_not_know_are_left_aside() -> None:
    assert good("dev", report("environment", more=1)).findings()["user"].outcome == "PASS"


def test_keys_that_are_missing_are_told_by_name() -> None:
    def change(facts: Facts) -> None:
        del facts.report("pytorch")["version"], facts.report("pytorch")["libraries"]

    assert good("dev", change).findings()["torch"].found.endswith("it lacks libraries, version")


@pytest.mark.parametrize("part", ["tensor", "autograd", "save_and_load"])
def test_what_torch_was_not_asked_is_told_as_not_tried(part: str) -> None:
    facts = good("dev", lambda facts: facts.report("pytorch").pop(part))
    assert facts.findings()["torch-works"].found == f"{part.replace('_', ' ')}: not tried"


def test_weights_of_which_nothing_is_said_did_not_come_back() -> None:
    facts = good("dev", report("pytorch", save_and_load={"ok": True}))
    assert facts.findings()["torch-works"].found == "weights were different after a round trip through a file"


def test_a_device_of_which_nothing_is_said_is_not_there() -> None:
    facts = good_gpu(instead("gpu", {"imported": True}))
    assert facts.findings()["gpu-present"].outcome == "UNVERIFIED"


def test_what_was_not_compared_and_not_raised_is_told_as_not_tried() -> None:
    findings = good_gpu(instead("gpu", {"imported": True, "available": True})).findings()
    assert {findings[name].found for name in ("gpu-matrix-product", "gpu-training-step", "gpu-error-raised")} == {
        "not tried"
    }
    assert findings["gpu-present"].found == ", compute capability , 0.0 GB, driver unknown"


def test_an_application_that_could_not_be_imported_loaded_no_modules_that_could_be_counted_or_compared() -> None:
    lost = {"import": {"how": "ImportError", "traceback": "line 5"}}
    change = instead(
        "application",
        {"imported": False, "loaded_before": loaded(), "attempts": [], "processes": [], "lost": lost},
    )
    verdict = good("dev", change).verdict()
    assert verdict.figures.new_modules is None
    assert verdict.difference is not None
    assert verdict.difference.new_modules is None


def test_modules_are_compared_with_the_baseline_s_where_they_were_counted() -> None:
    difference = good("dev", report("application", new_modules=350)).verdict().difference
    assert difference is not None
    assert difference.new_modules == 30


def test_an_application_of_which_nothing_more_is_said_is_neither_fastapi_nor_started() -> None:
    def change(facts: Facts) -> None:
        for key in ("is_fastapi", "started"):
            del facts.report("application")[key]

    findings = good("dev", change).findings()
    assert (findings["api-is-fastapi"].outcome, findings["api-starts"].outcome) == ("FAIL", "FAIL")


def test_what_only_bad_news_would_mention_is_taken_as_good_where_it_is_not_there() -> None:
    """Probes that knew of no failed import or hidden memory did not report any, either."""
    assert not Import(module="yaml", seconds=0.1).failed
    assert Memory(processes=1, packages=[]).unreadable == 0


def test_a_run_of_healthcheck_of_which_nothing_more_is_said_asked_nobody() -> None:
    assert Checked(outcome="ended").asked == 0


def test_an_error_is_the_engine_s_only_where_it_says_so() -> None:
    facts = good("dev", lambda facts: facts.part("probes").update(results=None, error="it printed nothing"))
    assert facts.findings()["python-runs"].outcome == "ERROR"
    assert not ProbeRun(nonce="n", proof=None, seconds=1.0, results=None).refused


def test_what_was_not_seen_took_no_time_and_printed_nothing() -> None:
    assert Observation(role="dev").seconds == 0.0
    result = ProbeResult(outcome="not started")
    assert (result.seconds, result.printed_bytes) == (0.0, 0)


def test_an_observation_is_read_back_as_it_was_written_and_of_no_other_schema() -> None:
    observation = good("dev").case().observation
    text = observation.model_dump_json(by_alias=True)
    assert Observation.model_validate_json(text) == observation
    with pytest.raises(ValidationError):
        Observation.model_validate_json(text.replace('"schema":1', '"schema":2'))


@pytest.mark.parametrize("number", [2**63, -(2**63)])
def test_a_count_has_64_bits_at_most(number: int) -> None:
    assert Memory(processes=number, packages=[]).processes == number
    with pytest.raises(ValidationError):
        Memory(processes=number + (1 if number > 0 else -1), packages=[])
