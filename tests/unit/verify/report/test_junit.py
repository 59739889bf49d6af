"""JUnit XML that every reader of it takes."""

from datetime import datetime
from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.summaries import finding, four_and_a_missing_one, verdict
from verify.report.junit import NEVER, junit
from verify.report.model import Summary
from verify.report.summary import summarize

# Of the schemas for the Ant task's format (Windy Road's JUnit.xsd): what a suite and a case must have.
SUITE = {"name", "timestamp", "hostname", "tests", "failures", "errors", "time", "package", "id", "skipped"}
CASE = {"name", "classname", "time"}


def suites(summary: Summary) -> list[ET.Element]:
    return list(ET.fromstring(junit(summary)))  # noqa: S314 - our own document


def test_a_suite_an_image_and_a_case_a_check() -> None:
    found = [
        (suite.get("name"), [case.get("name") for case in suite.iter("testcase")])
        for suite in suites(four_and_a_missing_one())
    ]
    assert found == [
        ("backend", ["torch", "torch-works"]),
        ("dev", ["torch"]),
        ("worker-cpu", ["torch", "cuda-absent"]),
        ("worker-gpu", ["torch", "gpu-runtime"]),
        ("absent", ["verdict"]),
    ]


def test_every_outcome_has_its_element() -> None:
    results = {
        case.get("name"): [(part.tag, (part.get("message") or "").split(":")[0]) for part in case]
        for suite in suites(four_and_a_missing_one())
        for case in suite.iter("testcase")
    }
    assert results == {
        "torch": [],
        "torch-works": [("skipped", "no torch expected")],
        "cuda-absent": [("failure", "expected what must be; found 15 distributions")],
        "gpu-runtime": [("skipped", "UNVERIFIED")],
        "verdict": [("error", "expected a verdict on this role; found no verdict")],
    }


def test_counts_are_those_of_the_cases() -> None:
    for suite in suites(four_and_a_missing_one()):
        counted = {
            "tests": len(suite.findall("testcase")),
            "failures": len(suite.findall("testcase/failure")),
            "errors": len(suite.findall("testcase/error")),
            "skipped": len(suite.findall("testcase/skipped")),
        }
        assert {name: int(suite.get(name, "")) for name in counted} == counted


def test_suites_have_what_the_schema_asks_for_in_its_order() -> None:
    for number, suite in enumerate(suites(four_and_a_missing_one())):
        assert set(suite.keys()) == SUITE
        assert suite.get("id") == str(number)
        assert float(suite.get("time", "")) >= 0
        assert datetime.fromisoformat(suite.get("timestamp", "")).tzinfo is None
        tags = [part.tag for part in suite]
        assert tags == ["properties", *["testcase"] * (len(tags) - 3), "system-out", "system-err"]
        for case in suite.iter("testcase"):
            assert set(case.keys()) == CASE
            assert all(set(part.keys()) == {"message", "type"} for part in case)


def test_the_gpus_that_a_cuda_build_has_code_for_are_a_property() -> None:
    (suite,) = suites(
        summarize([verdict("worker-gpu", torch_version="2.13.0+cu130", cuda_build="13.0")], ["worker-gpu"])
    )
    known = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert known["gpu_architectures"] == "sm_80 sm_90"


def test_a_role_without_a_verdict_has_no_time_of_its_own() -> None:
    assert suites(four_and_a_missing_one())[-1].get("timestamp") == NEVER


def test_unverified_is_a_property_and_an_error_with_the_gpu_contract() -> None:
    findings = (finding("PASS"), finding("UNVERIFIED", "gpu-runtime"))
    for gpu, element in ((False, "skipped"), (True, "error")):
        (suite,) = suites(summarize([verdict("worker-gpu", *findings, gpu=gpu)], ["worker-gpu"]))
        assert [one.get("value") for one in suite.iter("property") if one.get("name") == "unverified"] == [
            "gpu-runtime"
        ]
        (message,) = [part.get("message", "") for part in suite.iter(element)]
        assert message.startswith("UNVERIFIED")


def test_what_xml_forbids_is_replaced_and_what_it_knows_is_escaped() -> None:
    said = "a\x00b\x0cc\ufffee </failure><![CDATA[ ]]> & \x1b[31mred\x1b[0m"
    (suite,) = suites(summarize([verdict("dev", finding("FAIL", found=said, evidence={"log": said}))], ["dev"]))
    text = suite.findtext("testcase/failure") or ""
    assert "found: a\ufffdb\ufffdc\ufffde </failure><![CDATA[ ]]> & red" in text
    assert "log: abce </failure><![CDATA[ ]]> & red" in text


def test_long_evidence_is_shortened_and_says_so() -> None:
    evidence = {"log": "\n".join(["x" * 500] * 5_000)}
    text = junit(summarize([verdict("dev", finding("FAIL", evidence=evidence))], ["dev"]))
    assert len(text) < 30_000
    assert "left out" in text


@settings(max_examples=40, deadline=None)
@given(text=st.text(max_size=100), more=st.text(st.characters(exclude_categories=()), max_size=100))
def test_whatever_an_image_says_the_document_is_well_formed(text: str, more: str) -> None:
    hostile = [finding(outcome, text, expected=text, found=text, evidence={more: more}) for outcome in ("FAIL", "SKIP")]
    (suite,) = suites(summarize([verdict("dev", *hostile, tag=text, torch_version=text)], ["dev"]))
    assert len(suite.findall("testcase")) == 2
