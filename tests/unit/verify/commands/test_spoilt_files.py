"""Files between the stages, and the contract, spoilt in all ways: read whole, or refused with the file's name."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from deploy.artifacts import VERDICT, UnreadableArtifact, read_model
from deploy.build_record import BuildRecord
from deploy.contract import Contract
from deploy.errors import Problem
from tests.support.cases import ROLES, good
from tests.support.checkout import CONTRACT_FILE, read_contract
from tests.support.spoiling import spoil_a_value
from verify.contents.model import Contents
from verify.judge.verdict import Verdict
from verify.observe.model import Observation
from verify.report.collect import collect
from verify.report.summary import summarize

GOOD = good("dev")
CASE = GOOD.case()
DOCUMENTS: dict[type[BaseModel], BaseModel | None] = {
    BuildRecord: CASE.maybe_record,
    Contents: CASE.maybe_contents,
    Observation: CASE.observation,
    Verdict: GOOD.verdict(),
}
MODELS = list(DOCUMENTS)
VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.lists(st.integers(), max_size=2)
)
FUZZ = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def whole(model: type[BaseModel]) -> str:
    """A good file of this kind."""
    one = DOCUMENTS[model]
    assert one is not None
    return one.model_dump_json(by_alias=True)


def spoil(data: st.DataObject, text: str) -> bytes:
    """Replace a value by another, take one away, or replace a few bytes."""
    if data.draw(st.booleans(), "bytes"):
        raw = text.encode()
        at = data.draw(st.integers(0, len(raw)), "at")
        return raw[:at] + data.draw(st.binary(max_size=4), "instead") + raw[at + data.draw(st.integers(0, 40), "cut") :]
    document = copy.deepcopy(json.loads(text))
    spoil_a_value(data, document, VALUES)
    return json.dumps(document).encode()


def attempt(read: Callable[[], Any]) -> tuple[Any, str]:
    """What was read, or the words of the refusal; anything else that is raised fails the test."""
    try:
        return read(), ""
    except (UnreadableArtifact, Problem) as refusal:
        return None, str(refusal)


@FUZZ
@given(data=st.data(), model=st.sampled_from(MODELS))
def test_a_spoilt_artifact_is_read_or_refused_by_its_name(
    tmp_path: Path, data: st.DataObject, model: type[BaseModel]
) -> None:
    path = tmp_path / "artifact.json"
    path.write_bytes(spoil(data, whole(model)))
    read, refusal = attempt(lambda: read_model(path, model))
    if refusal:
        assert str(path) in refusal
        assert "run the stage that writes it again" in refusal
    else:
        assert isinstance(read, model)


@FUZZ
@given(data=st.data())
def test_a_spoilt_verdict_is_summarized_or_refused_and_never_greener(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "dev" / VERDICT
    path.parent.mkdir(exist_ok=True)
    bad = good("dev", lambda facts: facts.part("subject").update(user="root")).verdict()
    path.write_bytes(spoil(data, bad.model_dump_json(by_alias=True)))
    verdicts, refusal = attempt(lambda: collect([tmp_path], ROLES))
    if refusal:
        assert str(tmp_path) in refusal
        assert "  next: " in refusal
    else:
        assert summarize(verdicts, ["dev"]).outcome != "PASS"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("version", [0, 99, "1", None, True])
def test_an_artifact_of_another_schema_is_refused_with_both_versions(
    tmp_path: Path, model: type[BaseModel], version: object
) -> None:
    path = tmp_path / "artifact.json"
    path.write_text(json.dumps({**json.loads(whole(model)), "schema": version}), encoding="utf-8")
    with pytest.raises(UnreadableArtifact) as refused:
        read_model(path, model)
    assert str(path) in str(refused.value)
    assert "schema" in str(refused.value)


@FUZZ
@given(data=st.data())
def test_a_spoilt_contract_is_read_or_refused_with_what_to_correct(tmp_path: Path, data: st.DataObject) -> None:
    raw = CONTRACT_FILE.read_bytes()
    at = data.draw(st.integers(0, len(raw)), "at")
    instead, cut = data.draw(st.binary(max_size=4), "instead"), data.draw(st.integers(0, 60), "cut")
    path = tmp_path / "images.toml"
    path.write_bytes(raw[:at] + instead + raw[at + cut :])
    read, refusal = attempt(lambda: read_contract(path))
    if refusal:
        assert str(path) in refusal
        assert "  next: " in refusal
    else:
        assert isinstance(read, Contract)
