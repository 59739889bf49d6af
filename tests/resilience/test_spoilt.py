"""Artifacts that are cut off, of another version or cut short are refused by their name, with what to do."""

import json
from pathlib import Path

import pytest

from deploy.artifacts import BUILD, VERDICT, Artifacts
from tests.integration.conftest import findings
from tests.resilience.site import Site, told
from tests.support.cases import good

WHOLE = good("backend").verdict().model_dump(mode="json", by_alias=True)
CUT_SHORT = {**WHOLE, "findings": [one for one in WHOLE["findings"] if one["check"] != "torch"]}
SPOILT = {
    "cut off": (json.dumps(WHOLE)[:-40], "run the stage that writes it again"),
    "older": (json.dumps({**WHOLE, "schema": 0}), "schema 0, this version reads 1"),
    "newer": (json.dumps({**WHOLE, "schema": 2}), "schema 2, this version reads 1"),
    "without a check": (json.dumps(CUT_SHORT), "it lacks what this version demands of every image: torch"),
    "greener than its findings": (
        json.dumps({**WHOLE, "findings": [{**one, "outcome": "FAIL"} for one in WHOLE["findings"]]}),
        "it says PASS, but FAIL follows from its findings",
    ),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_verdict_is_not_summarized(how: str, original: Site, tmp_path: Path) -> None:
    text, wrong = SPOILT[how]
    site = original.elsewhere(tmp_path / "artifacts")
    path = site.artifacts.path("backend", VERDICT)
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    ended = site.begin("verify", "summarize").end()
    told(ended, 2, f"reading the verdicts: {path}: ", wrong, "next: ./noxw -s verify -- backend writes it again")


def test_a_spoilt_build_record_makes_a_verification_an_error_that_names_it(site: Site) -> None:
    path = site.artifacts.path("backend", BUILD)
    record = json.loads(path.read_text(encoding="utf-8"))
    known = record["schema"]
    path.write_text(json.dumps({**record, "schema": known + 1}), encoding="utf-8")
    ended = site.verify().end()
    told(ended, 3, f"schema {known + 1}, this version reads {known}", "run the stage that writes it again")
    found = findings(Artifacts(site.artifacts.root), "backend")["built-here"]
    assert found.outcome == "ERROR"
    assert str(path) in found.found
