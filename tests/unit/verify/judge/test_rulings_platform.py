"""An image is made for the contract's platform; each source that says otherwise is told, whatever else is missing."""

from functools import partial

import pytest

from deploy.image_config import MACHINES
from tests.support.cases import ROLES, Change, Facts, good, many
from tests.support.changes import other_interpreter, report, subject, without
from verify.judge.verdict import Finding


def found(change: Change | None = None, role: str = "backend") -> Finding:
    return good(role, change).findings()["platform"]


CONFIGURED = subject(platform="linux/arm64")
HEADER = partial(other_interpreter, machine="aarch64")
RUNNING = report("environment", machine="aarch64")


def no_probe(facts: Facts) -> None:
    facts.part("probes").update(results=None, error="it did not start")


NO_LAYERS = without("contents", contents_error="the export is cut off")


@pytest.mark.parametrize("role", ROLES)
def test_a_good_image_is_of_one_platform_in_each_source(role: str) -> None:
    assert (found(role=role).outcome, found(role=role).found) == ("PASS", "linux/amd64 in each source")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (CONFIGURED, "the configuration says linux/arm64"),
        (subject(platform=""), "the configuration says no platform"),
        (subject(platform="linux/amd64/v3"), "the configuration says linux/amd64/v3"),
        (HEADER, "the interpreter's ELF header says aarch64"),
        (partial(other_interpreter, machine=""), "the interpreter's ELF header says nothing"),
        (RUNNING, "the running Python says aarch64"),
        (many(CONFIGURED, HEADER), "the configuration says linux/arm64; the interpreter's ELF header says aarch64"),
    ],
)
def test_a_source_that_names_another_platform_is_told(change: Change, told: str) -> None:
    assert (found(change).outcome, found(change).found) == ("FAIL", told)


@pytest.mark.parametrize("fault", [CONFIGURED, HEADER])
def test_a_probe_that_did_not_run_silences_no_other_source(fault: Change) -> None:
    assert found(many(fault, no_probe)).outcome == "FAIL"


@pytest.mark.parametrize("fault", [CONFIGURED, RUNNING])
def test_layers_that_were_not_read_silence_no_other_source(fault: Change) -> None:
    assert found(many(fault, NO_LAYERS)).outcome == "FAIL"


@pytest.mark.parametrize(("missing", "because"), [(no_probe, "proof"), (NO_LAYERS, "contents")])
def test_a_source_that_is_missing_is_not_green(missing: Change, because: str) -> None:
    assert (found(missing).outcome, found(missing).because) == ("ERROR", because)


def test_an_image_for_arm_is_right_where_the_contract_says_so() -> None:
    def for_arm(facts: Facts) -> None:
        facts.contract = facts.contract.model_copy(update={"platform": "linux/arm64"})

    assert found(for_arm).outcome == "FAIL"
    assert found(many(for_arm, CONFIGURED, HEADER, RUNNING)).outcome == "PASS"


def test_every_platform_that_a_contract_can_name_has_its_machine() -> None:
    assert set(MACHINES) == {"linux/amd64", "linux/arm64"}
