"""An image that nobody here built: what a build record alone tells does not apply, and nothing lacks for it."""

from typing import Any

import pytest

from tests.support.cases import CONTRACT, Facts, good
from verify.judge.case import Evidence, Inapplicable, NotSeen
from verify.judge.verdict import Finding

OF_THE_BUILD = {"built-here", "same-image", "checkout-parity"}
OF_THE_BASE = {
    "configuration", "python-unaltered", "distributions-agree", "lock-parity", "size-added", "size-growth",
    "no-repeated-bytes", "leftovers",
}  # fmt: skip


def facts(role: str, base: dict[str, Any] | None) -> Facts:
    """A good image of this role, of a registry, whose base is known or not."""
    one = good(role)
    image = one.image.model_copy(update={"source": "registry", "dockerfile": ""})
    one.contract = CONTRACT.model_copy(update={"images": {**CONTRACT.images, role: image}})
    one.record, one.record_error, one.inputs = None, "no build record", None
    one.base, one.base_error = base, "" if base else "nobody names it"
    return one


def of_a_build(role: str) -> dict[str, Any]:
    record = good(role).record
    assert record is not None
    return {**record["base"], "origin": "named"}


def skipped(findings: dict[str, Finding]) -> set[str]:
    return {name for name, finding in findings.items() if finding.outcome == "SKIP"}


@pytest.mark.parametrize("role", CONTRACT.roles)
def test_only_what_a_build_tells_is_skipped_where_the_base_is_named(role: str) -> None:
    own = {name: finding.outcome for name, finding in good(role).findings().items()}
    found = facts(role, of_a_build(role)).findings()
    changed = {name for name, finding in found.items() if finding.outcome != own[name]}
    assert changed == OF_THE_BUILD
    assert skipped(found) >= OF_THE_BUILD
    assert found["built-here"].found == 'not built here: its source is "registry"'


@pytest.mark.parametrize("role", CONTRACT.roles)
def test_what_needs_the_base_is_skipped_with_the_reason_where_it_is_not_known(role: str) -> None:
    own = skipped(good(role).findings())
    found = facts(role, None).findings()
    assert skipped(found) - own == OF_THE_BUILD | OF_THE_BASE
    assert found["lock-parity"].found == "the base image is not known: nobody names it"
    assert [name for name, finding in found.items() if finding.outcome in ("ERROR", "FAIL")] == []


def test_what_a_ruling_saw_beside_the_base_still_counts() -> None:
    one = facts("backend", None)
    one.part("contents")["writable"] = {"/srv/x": 1}
    assert one.findings()["user"].found.endswith("not looked at: the base image is not known: nobody names it")
    assert one.subject is not None
    one.subject["user"] = "root"
    assert one.findings()["user"].outcome == "FAIL"


def test_a_base_whose_layers_the_image_does_not_have_is_not_seen() -> None:
    one = facts("backend", {**of_a_build("backend"), "layers": ["sha256:another"]})
    assert one.findings()["size-added"].outcome == "ERROR"


def test_a_source_that_is_not_due_neither_hides_a_missing_one_nor_a_fault() -> None:
    evidence = Evidence()
    with evidence.source():
        raise Inapplicable("no base")
    with pytest.raises(Inapplicable, match="no base"):
        evidence.rule("all", "good")
    with evidence.source():
        raise NotSeen("gone", "contents")
    with pytest.raises(NotSeen, match="gone"):
        evidence.rule("all", "good")
    evidence.append("wrong")
    assert evidence.rule("all", "good").outcome == "FAIL"


def test_an_image_that_is_to_have_no_healthcheck_is_not_asked_for_one() -> None:
    def of(one: Facts) -> Facts:
        image = one.image.model_copy(update={"healthcheck": False})
        one.contract = CONTRACT.model_copy(update={"images": {**CONTRACT.images, "backend": image}})
        return one

    without = of(good("backend"))
    assert without.subject is not None
    without.subject |= {"healthcheck": [], "healthcheck_numbers": {}}
    own, found = good("backend").findings(), without.findings()
    changed = {name for name, finding in found.items() if finding.outcome != own[name].outcome}
    assert changed == {"server-healthy", "healthcheck-tells"}
    assert {found[name].outcome for name in changed} == {"SKIP"}
    assert "HEALTHCHECK" in of(good("backend")).findings()["configuration"].found
