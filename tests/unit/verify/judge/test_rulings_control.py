"""An engine that does not even run the base image is at fault for everything that was run, and no image is."""

import pytest

from tests.support.cases import ROLES, Change, Facts, good, good_gpu, many
from tests.support.changes import contents, probes, subject
from tests.support.outcomes import BY_PROBE, outcomes
from verify.judge.checks import GPU_CHECKS
from verify.judge.rulings import serving

WORDS = "unable to apply cgroup configuration: permission denied"
PROBED = [name for names in BY_PROBE.values() for name in names]
RUN = [*PROBED, "python-runs", "proof", "server-healthy", "server-answers", "lazy-server", *serving.RULINGS]


def failed(facts: Facts) -> None:
    facts.control = {"reference": "ktrdr-base:1", "error": f"the engine: {WORDS}"}


def refused(facts: Facts) -> None:
    """What was said of the image in the same case."""
    facts.part("probes").update(results=None, refused=True, error=f"the engine: {WORDS}", proof=None)
    facts.part("server").update(error=f"the engine: {WORDS}", running=False, proof=None)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("change", [failed, many(failed, refused)], ids=["the base alone", "the image, too"])
def test_a_good_image_is_in_error_with_the_engine_s_words_and_blamed_for_nothing(role: str, change: Change) -> None:
    facts = good(role, change)
    findings = facts.findings()
    assert facts.verdict().outcome == "ERROR"
    assert (findings["control"].outcome, findings["control"].category) == ("ERROR", "ENVIRONMENT")
    assert findings["control"].found == f"ktrdr-base:1: the engine: {WORDS}"
    run = [findings[name] for name in RUN if findings[name].outcome != "SKIP"]
    assert {(one.outcome, one.category, one.because) for one in run} == {("ERROR", "ENVIRONMENT", "control")}
    assert {one for name, one in outcomes(facts).items() if name not in (*RUN, "control")} <= {"PASS", "SKIP"}


@pytest.mark.parametrize(
    ("check", "fault"),
    [("contents", contents(identity="sha256:other")), ("configuration", subject(ports=["1/tcp"]))],
)
def test_what_layers_and_configuration_prove_is_told_all_the_same(check: str, fault: Change) -> None:
    facts = good("backend", many(failed, fault))
    assert outcomes(facts)[check] == "FAIL"
    assert facts.verdict().outcome == "FAIL"


def test_where_the_engine_runs_the_base_image_a_refusal_is_the_image_s() -> None:
    found = good("backend", refused).findings()["python-runs"]
    assert (found.outcome, found.category) == ("FAIL", "CODE_BUG")


def test_an_engine_without_the_base_image_was_not_tried_and_nothing_else_changes() -> None:
    facts = good("backend", lambda facts: setattr(facts, "control", None))
    assert outcomes(facts)["control"] == "SKIP"
    assert facts.verdict().outcome == "PASS"


def test_on_such_an_engine_no_gpu_is_blamed_either() -> None:
    findings = good_gpu(failed).findings()
    assert {(findings[name].outcome, findings[name].because) for name in GPU_CHECKS} == {("ERROR", "control")}


def test_a_gpu_that_is_not_there_stays_unverified_where_the_engine_runs_containers() -> None:
    refusal = 'the engine: could not select device driver "nvidia" with capabilities: [[gpu]]'

    def change(facts: Facts) -> None:
        facts.part("gpu").update(results=None, proof=None, error=refusal, refused=True)

    assert {good_gpu(change).findings()[name].outcome for name in GPU_CHECKS} == {"UNVERIFIED"}


def test_a_probe_that_failed_by_itself_is_not_the_engine_s_fault() -> None:
    found = good("backend", probes(results=None, error="it printed nothing", output="Fatal Python error")).findings()
    assert found["python-runs"].outcome == "FAIL"
