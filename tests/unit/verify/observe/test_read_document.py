"""The runner's one document is believed only where it is whole, alone, in time, and this run's own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.artifacts import read_model, write_model
from verify.observe.containers import OUTPUT_AT_MOST, Output
from verify.observe.model import Observation, ProbeResult, ProbeRun
from verify.observe.requests import (
    check_writable,
    read_document,
)

REQUEST: dict[str, Any] = {"nonce": "n1", "probes": {"environment": {}, "pytorch": {}, "healthcheck": {}}}
RESULTS: dict[str, Any] = {
    "environment": {"outcome": "ended", "exit_code": 0, "report": {"uid": 1}},
    "pytorch": {"outcome": "timed out", "exit_code": -9},
    "healthcheck": {"outcome": "not started", "error": "no such file"},
}


def document(**values: Any) -> dict[str, Any]:
    return {"schema": 1, "nonce": "n1", "results": RESULTS, **values}


def read(
    text: str | bytes, *, late: float | None = None, flooded: bool = False
) -> tuple[dict[str, ProbeResult] | None, str]:
    data = text.encode() if isinstance(text, str) else text
    return read_document(Output(stdout=data, flooded=flooded), REQUEST, late=late)


def refused(text: str | bytes) -> str:
    results, error = read(text)
    assert results is None
    return error


def test_the_one_document_is_read() -> None:
    results, error = read(json.dumps(document()))
    assert error == ""
    assert results is not None
    assert [results[name].outcome for name in REQUEST["probes"]] == [
        "ended", "timed out", "not started",
    ]  # fmt: skip
    assert results["environment"].report == {"uid": 1}


@pytest.mark.parametrize("text", ["", "\n", "  \n\n"])
def test_nothing_where_a_document_was_due_is_told(text: str) -> None:
    assert refused(text) == "it printed nothing where a JSON document was due"


@pytest.mark.parametrize(
    "text",
    [
        "Killed", "{", json.dumps(document()) * 2, json.dumps(document()) + "\nBye", "Hello\n" + json.dumps(document()),
        b"\xff\xfe", b'{"schema": "\xe9"}', "[" * 100_000, '{"schema": ' + "1" * 5000 + "}",
    ],
    ids=["words", "half", "twice", "more after it", "more before it", "no text", "Latin-1", "deep", "huge number"],
)  # fmt: skip
def test_what_is_not_one_json_document_is_told(text: str | bytes) -> None:
    assert refused(text).startswith("what it printed is not one JSON document: ")


@pytest.mark.parametrize("value", [[], 5, None, "x", {}, {**document(), "schema": 2}, {**document(), "schema": None}])
def test_a_json_document_of_another_kind_is_told(value: Any) -> None:
    assert refused(json.dumps(value)) == "what it printed is no probe document"


@pytest.mark.parametrize("nonce", ["n2", "", None, 1, ["n1"]])
def test_a_document_of_another_run_is_told(nonce: Any) -> None:
    assert f"nonce is {str(nonce)!r}, not the one this run gave" in refused(json.dumps(document(nonce=nonce)))


@pytest.mark.parametrize(
    "results",
    [None, [], 5, "x", {"environment": None}, {"environment": {"outcome": "green"}}, {"environment": {"more": 1}},
     {**RESULTS, "environment": {"outcome": "ended", "report": [1]}}],
)  # fmt: skip
def test_results_that_are_none_are_told(results: Any) -> None:
    assert refused(json.dumps(document(results=results))).startswith("the document is malformed: ")


def test_a_document_without_results_is_told() -> None:
    assert refused('{"schema": 1, "nonce": "n1"}').startswith("the document is malformed: ")


@pytest.mark.parametrize(
    "results",
    [{}, {**RESULTS, "more": RESULTS["pytorch"]}, {name: RESULTS[name] for name in ("environment", "pytorch")}],
)
def test_missing_and_extra_answers_are_told(results: dict[str, Any]) -> None:
    told = refused(json.dumps(document(results=results)))
    assert told == f"the document answers {sorted(results)}, not ['environment', 'healthcheck', 'pytorch']"


def test_a_document_that_came_late_does_not_count() -> None:
    assert read(json.dumps(document()), late=150.0) == (None, "it did not end within 150 s and was stopped")


def test_a_document_among_a_flood_does_not_count() -> None:
    results, error = read(json.dumps(document()), flooded=True)
    assert results is None
    assert f"more than {OUTPUT_AT_MOST:,} bytes" in error


def test_what_comes_on_standard_error_is_no_part_of_the_document() -> None:
    output = Output(stdout=json.dumps(document()).encode(), stderr=b"warning\n")
    assert read_document(output, REQUEST)[1] == ""


@pytest.mark.parametrize(
    "value",
    ["\ud800", {"\udce9": 1}, json.loads("[" * 400 + "]" * 400), float("nan"), 10**30],
    ids=["half a character", "in a key", "deep", "not a number", "large number"],
)
def test_whatever_a_report_holds_the_observation_can_be_written_and_read_back(tmp_path: Path, value: Any) -> None:
    """A path that is no UTF-8 reaches a report as half a character: os.fsdecode, then json."""
    results = {**RESULTS, "environment": {"outcome": "ended", "report": {"x": value}}}
    found, error = read(json.dumps(document(results=results)))
    run = ProbeRun(nonce="n1", proof=None, seconds=0, results=found, error=error)
    write_model(tmp_path / "observed.json", Observation(role="dev", probes=run))
    assert read_model(tmp_path / "observed.json", Observation).probes is not None


@pytest.mark.parametrize("kind", [lambda inner: [inner], lambda inner: {"x": inner}], ids=["lists", "objects"])
def test_a_document_is_64_levels_deep_at_most(kind: Callable[[Any], Any]) -> None:
    document: Any = 1
    for _ in range(63):
        document = kind(document)
    check_writable(document)
    with pytest.raises(ValueError, match="nested more than 64 levels deep"):
        check_writable(kind(document))


@settings(deadline=None, max_examples=50)
@given(data=st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_no_output_makes_the_reading_break_down(data: bytes) -> None:
    assert read(data)[0] is None


@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_a_spoilt_document_is_read_whole_or_not_at_all(data: st.DataObject) -> None:
    whole = json.dumps(document())
    at = data.draw(st.integers(0, len(whole) - 1))
    results, error = read(whole[:at] + data.draw(st.text(max_size=3)) + whole[at + 1 :])
    assert (results is None) == bool(error)
    assert results is None or set(results) == set(RESULTS)
