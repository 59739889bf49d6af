"""The images are compared with each other: one base, one Python, and one layer for what they share."""

from typing import Any

import pytest

from deploy.errors import Exit
from tests.support.cases import LAYERS, ROLES, Change, Facts, good
from tests.support.changes import without
from verify.judge.family import Family, family
from verify.judge.verdict import Verdict
from verify.report.junit import junit
from verify.report.markdown import markdown
from verify.report.summary import summarize

OTHER = "sha256:another"


def verdicts(**changes: Change) -> list[Verdict]:
    """A verdict a role; ``changes`` by role, with an underscore for the dash."""
    return [good(role, changes.get(role.replace("-", "_"))).verdict() for role in ROLES]


def outcomes(**changes: Change) -> dict[str, str]:
    found = family(verdicts(**changes))
    assert found is not None
    return {finding.check: finding.outcome for finding in found.findings}


def other_base(facts: Facts) -> None:
    for layers in (facts.part("record")["base"]["layers"], facts.part("subject")["layers"]):
        layers[:] = [OTHER, *layers[1:]]
    facts.part("contents")["layers"][0]["diff_id"] = OTHER


def own(facts: Facts) -> None:
    """Lists of the case's own, so that a change of one role is no change of another's."""
    facts.part("record")["base"]["layers"] = list(facts.part("record")["base"]["layers"])
    facts.part("subject")["layers"] = list(LAYERS)


def based_elsewhere(facts: Facts) -> None:
    own(facts)
    other_base(facts)


def python(version: str) -> Change:
    return lambda facts: facts.report("environment").update(python=version)


def packed_anew(number: int) -> Change:
    """A layer with the same entries that the engine packed in another order."""

    def change(facts: Facts) -> None:
        own(facts)
        facts.part("contents")["layers"][number]["diff_id"] = OTHER
        facts.part("subject")["layers"][number] = OTHER

    return change


def rebuilt(number: int) -> Change:
    """A layer with the same distributions that was made anew."""

    def change(facts: Facts) -> None:
        packed_anew(number)(facts)
        facts.part("contents")["layers"][number]["listing"] = OTHER

    return change


def found_of(check: str, **changes: Change) -> str:
    made = family(verdicts(**changes))
    assert made is not None
    return next(finding.found for finding in made.findings if finding.check == check)


def test_the_good_images_have_base_python_and_layers_in_common() -> None:
    assert set(outcomes().values()) == {"PASS"}


def test_another_base_of_one_image_is_told_with_the_roles_that_have_each() -> None:
    assert outcomes(backend=based_elsewhere)["same-base"] == "FAIL"
    told = found_of("same-base", backend=based_elsewhere)
    assert (
        told == "sha256:another… above 0 layers in backend; sha256:base… above 0 layers in dev, worker-cpu, worker-gpu"
    )


@pytest.mark.parametrize("version", ["3.11.2", "3.11.90", "3.11.9rc1"])
def test_another_patch_of_python_is_told(version: str) -> None:
    assert outcomes(dev=python(version)) == {"same-base": "PASS", "same-python": "FAIL", "same-layers": "PASS"}
    assert (
        found_of("same-python", dev=python(version)) == f"3.11.9 in backend, worker-cpu, worker-gpu; {version} in dev"
    )


@pytest.mark.parametrize(
    ("role", "number", "told"),
    [
        ("backend", 1, "fastapi 0.165.0 and 1 more: sha256:another… in backend; sha256:core… in dev, worker-cpu, "),
        (
            "worker_cpu",
            3,
            "ktrdr 1.0.0: sha256:application… in backend, dev, worker-gpu; sha256:another… in worker-cpu",
        ),
        ("dev", 2, "safetensors 0.8.0 and 1 more: sha256:another… in dev; sha256:torch… in worker-cpu"),
    ],
)
def test_a_shared_layer_that_was_made_anew_in_one_image_is_told(role: str, number: int, told: str) -> None:
    assert outcomes(**{role: rebuilt(number)}) == {"same-base": "PASS", "same-python": "PASS", "same-layers": "FAIL"}
    assert found_of("same-layers", **{role: rebuilt(number)}).startswith(told)


def test_a_shared_layer_in_another_order_is_told_and_no_fault() -> None:
    assert outcomes(backend=packed_anew(1))["same-layers"] == "PASS"
    told = found_of("same-layers", backend=packed_anew(1))
    assert "the same entries in another order: fastapi 0.165.0 and 1 more: sha256:another… in backend; sha" in told
    assert "order" not in found_of("same-layers")


def test_a_layer_with_other_distributions_is_nobody_else_s() -> None:
    assert outcomes(worker_gpu=rebuilt(2))["same-layers"] == "PASS"


def test_an_editable_application_is_a_layer_of_its_own() -> None:
    def editable(facts: Facts) -> None:
        rebuilt(3)(facts)
        hook = {"path": "/x/ktrdr.pth", "layer": 3, "distribution": "ktrdr", "text": "/app", "leads": ["/app"]}
        facts.part("contents")["hooks"].append(hook)

    assert outcomes(dev=editable)["same-layers"] == "PASS"


def test_what_one_image_does_not_show_is_left_to_its_own_findings() -> None:
    hidden = without("contents", contents_error="cut off")
    assert outcomes(backend=hidden) == {"same-base": "PASS", "same-python": "PASS", "same-layers": "PASS"}
    assert outcomes(backend=without("probes"), dev=python("3.11.2"))["same-python"] == "FAIL"
    nothing: dict[str, Any] = dict.fromkeys(("backend", "dev", "worker_cpu"), without("record", record_error="none"))
    assert outcomes(**nothing)["same-base"] == "SKIP"


@pytest.mark.parametrize("number", [0, 1])
def test_fewer_than_two_images_are_compared_with_nothing(number: int) -> None:
    assert family(verdicts()[:number]) is None


def test_what_is_found_of_all_together_is_in_summary_and_exit_code() -> None:
    every = verdicts(backend=python("3.11.2"))
    assert {one.outcome for one in every} == {"PASS"}
    summary = summarize(every, ROLES)
    assert (summary.outcome, summary.exit_code) == ("FAIL", Exit.FAILED)
    assert summary.meaning.startswith("not what the role demands: images together")
    assert isinstance(summary.family, Family)
    for text in (markdown(summary), junit(summary)):
        assert "images together" in text
        assert "3.11.2 in backend" in text
    assert 'failures="1"' in junit(summary)


def test_good_images_are_good_together() -> None:
    summary = summarize(verdicts(), ROLES)
    assert (summary.outcome, summary.exit_code) == ("PASS", Exit.OK)


def test_a_gpu_verdict_is_compared_with_none() -> None:
    every = verdicts()
    assert all(one.common for one in every)
    assert family([every[0], every[1].model_copy(update={"common": None})]) is None
