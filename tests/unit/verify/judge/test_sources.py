"""Each source of evidence speaks for itself: what layers and configuration prove is a FAIL without any probe."""

from collections.abc import Callable

import pytest

from tests.support.cases import PYTHON, SITE, Change, Facts, good, many
from tests.support.changes import contents, layer, subject
from verify.judge.case import Evidence, NotSeen
from verify.judge.verdict import Finding


def unprobed(facts: Facts) -> None:
    """The probe container printed no document."""
    facts.part("probes").update(results=None, error="it printed nothing", output="")


def found(check: str, *changes: Change, role: str = "backend") -> Finding:
    return good(role, many(*changes, unprobed)).findings()[check]


HOOK = {"path": f"{SITE}/lies.pth", "layer": 3, "distribution": "lies"}
ELSEWHERE = {"PATH": "/opt/venv/bin:/home/ktrdr/bin"}
PROVEN: list[tuple[str, Change, str]] = [
    ("user", subject(user="0:0"), "USER is root"),
    ("user", subject(user="ktrdr"), "not numeric"),
    ("user", contents(privileged={"/opt/run": 2}), "/opt/run"),
    ("user", contents(writable={"/srv": 2}), "/srv"),
    ("user", contents(accounts=["root has no password"]), "root has no password"),
    ("interpreter", contents(interpreter={"path": "/opt/python", "layer": 1, "sha256": "a"}), "/opt/python does not"),
    ("interpreter", contents(interpreter=None), "no `python`"),
    ("interpreter", subject(environment=ELSEWHERE), "/home/ktrdr/bin"),
    ("python-unaltered", contents(hooks=[HOOK]), "lies.pth"),
    ("python-unaltered", contents(environments={"/opt/venv/pyvenv.cfg": "home = /evil\n"}), "/evil"),
    ("python-unaltered", layer(3, replaced={PYTHON: 0}), PYTHON),
    ("torch", contents(torch=[f"{SITE}/torch/lib/libtorch.so"]), "in the layers"),
    ("healthcheck-tells", subject(unhealthy_after=3600.0), "3,600 s"),
    ("healthcheck-tells", subject(healthcheck=[]), "no HEALTHCHECK"),
]


@pytest.mark.parametrize(("check", "change", "words"), PROVEN)
def test_what_layers_and_configuration_prove_stands_although_every_probe_is_missing(
    check: str, change: Change, words: str
) -> None:
    finding = found(check, change)
    assert (finding.outcome, words in finding.found) == ("FAIL", True)


@pytest.mark.parametrize("check", sorted({check for check, _, _ in PROVEN}))
def test_what_they_do_not_prove_is_no_pass(check: str) -> None:
    finding = found(check)
    assert (finding.outcome, finding.because) == ("ERROR", "proof")


def test_a_role_that_needs_torch_fails_by_the_layers_alone() -> None:
    def without_torch(facts: Facts) -> None:
        kept = [one for one in facts.part("contents")["distributions"] if one["name"] != "torch"]
        facts.part("contents")["distributions"] = kept

    assert found("torch", without_torch, role="dev").found == "the layers hold no distribution of torch"


@pytest.mark.parametrize(
    ("check", "change", "words"),
    [
        ("user", lambda facts: facts.report("environment").update(gid=0), "the group is root's"),
        ("interpreter", lambda facts: facts.report("environment").update(python="3.12.1"), "CPython 3.12.1"),
        ("torch", lambda facts: facts.report("pytorch").update(imported=False, error_type="OSError"), "OSError"),
    ],
)
def test_what_a_probe_proves_stands_although_the_layers_were_not_read(
    check: str, change: Callable[[Facts], object], words: str
) -> None:
    def unread(facts: Facts) -> None:
        facts.contents, facts.contents_error = None, "the export was cut off"

    finding = good("dev", many(change, unread)).findings()[check]
    assert (finding.outcome, words in finding.found) == ("FAIL", True)


def test_evidence_fails_by_what_is_proven_and_is_else_missing_by_its_first_source() -> None:
    faults = Evidence()
    for reason in ("first", "second"):
        with faults.source():
            raise NotSeen(reason, "")
    with pytest.raises(NotSeen, match="first"):
        faults.rule("expected", "good")
    faults.add("wrong", "wrong")
    assert (faults.rule("expected", "good").outcome, faults.rule("expected", "good").found) == ("FAIL", "wrong")
    assert Evidence().rule("expected", "good", path="/x").evidence == {"path": "/x"}
