"""What was not seen is never green: missing, foreign and mangled evidence ends in ERROR, and nothing ever raises."""

from typing import Any

import pytest

from tests.support.cases import Change, Facts, attempt, good, good_gpu
from tests.support.changes import health, probes, report, result, without
from tests.support.checkout import read_contract
from tests.support.outcomes import BY_PROBE, outcomes, some
from verify.judge.case import Ruling
from verify.judge.checks import CHECKS, GPU_CHECKS
from verify.judge.judge import RULINGS
from verify.judge.verdict import Finding, Outcome, Verdict, outcome_of

PROBED = [name for names in BY_PROBE.values() for name in names]
SERVED = ["server-healthy", "server-answers", "lazy-server"]
ON_THE_DEVICE = list(GPU_CHECKS)


def proof_of(part: str, **values: Any) -> Change:
    return lambda facts: facts.part(part)["proof"].update(values)


UNPROVEN: dict[str, Change] = {
    "no probe container": without("probes"),
    "no proof of the engine's": probes(proof=None),
    "another image's container": proof_of("probes", image_id="sha256:other"),
    "a container that never started": proof_of("probes", started=""),
    "a container that never finished": proof_of("probes", finished=""),
    "a container out of memory": proof_of("probes", out_of_memory=True, exit_code=137),
    "a container that failed": proof_of("probes", exit_code=1),
    "no results": probes(results=None),
    "results with an error": probes(error="the document's nonce is 'x', not the one this run gave"),
    "a run that was stopped": probes(results=None, error="it did not end within 150 s and was stopped"),
    "an engine that is gone": probes(results=None, proof=None, error="the engine: connection refused", refused=True),
}


@pytest.mark.parametrize("role", ["backend", "worker-gpu"])
@pytest.mark.parametrize("what", UNPROVEN)
def test_without_proof_that_the_probes_ran_nothing_that_they_say_counts(what: str, role: str) -> None:
    facts = good(role, UNPROVEN[what])
    assert some(facts, [*PROBED, "proof"]) == {"ERROR"}
    assert facts.verdict().outcome == "ERROR"


@pytest.mark.parametrize("what", UNPROVEN)
def test_without_proof_the_layers_and_the_server_are_judged_all_the_same(what: str) -> None:
    others = [name for name in CHECKS if name not in (*PROBED, "proof", "python-runs")]
    assert some(good("dev", UNPROVEN[what]), others) == {"PASS"}


@pytest.mark.parametrize("number", [10**400, -(10**400)], ids=["large", "small"])
@pytest.mark.parametrize(
    ("probe", "key"),
    [
        ("environment", "uid"),
        ("pytorch", "peak_bytes"),
        ("application", "import_peak_bytes"),
        ("application", "import_seconds"),
        ("application", "new_modules"),
    ],
)
def test_a_number_that_nobody_can_reckon_with_makes_the_report_malformed(probe: str, key: str, number: int) -> None:
    facts = good("dev", report(probe, **{key: number}))
    malformed = f"not seen: the {probe} probe's report is malformed: {key}"
    assert any(one.outcome == "ERROR" and one.found.startswith(malformed) for one in facts.findings().values())


def test_a_gpu_s_memory_that_nobody_can_reckon_with_makes_the_report_malformed() -> None:
    finding = good_gpu(report("gpu", memory_bytes=10**400)).findings()["gpu-present"]
    assert (finding.outcome, "malformed: memory_bytes" in finding.found) == ("ERROR", True)


def test_whatever_a_ruling_stumbles_over_is_an_error_of_that_check_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(_case: object) -> Ruling:
        raise OverflowError("too large")

    monkeypatch.setitem(RULINGS, "user", stumble)
    findings = good("dev").findings()
    assert findings["user"].found == "the check itself failed: OverflowError: too large"
    assert {name for name, one in findings.items() if one.outcome == "ERROR"} == {"user"}


def test_of_what_a_ruling_stumbles_over_the_beginning_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(_case: object) -> Ruling:
        raise ValueError("x" * 9999)

    monkeypatch.setitem(RULINGS, "user", stumble)
    assert len(good("dev").findings()["user"].found) == 600


@pytest.mark.parametrize(
    "change",
    [
        lambda run: run.update(proof=None),
        lambda run: run["proof"].update(image_id="sha256:other"),
        lambda run: run["proof"].update(started=""),
    ],
    ids=["no proof", "another image's container", "a container that never started"],
)
def test_without_proof_of_the_server_s_container_nothing_of_it_counts(change: Any) -> None:
    assert "PASS" not in some(good("backend", lambda facts: change(facts.part("server"))), SERVED)


def test_a_server_that_could_not_be_started_is_an_error() -> None:
    facts = good("backend", lambda facts: facts.part("server").update(error="the engine: no space left on device"))
    assert some(facts, SERVED) == {"ERROR"}


def test_without_a_subject_every_check_is_an_error_that_says_why() -> None:
    def change(facts: Facts) -> None:
        facts.subject = facts.probes = facts.server = facts.contents = facts.control = None
        facts.error = "no image x:y on the engine"

    facts = good("dev", change)
    assert set(outcomes(facts).values()) == {"ERROR", "PASS", "SKIP"}
    assert [name for name, outcome in outcomes(facts).items() if outcome == "SKIP"] == ["worker-types"]
    assert [name for name, outcome in outcomes(facts).items() if outcome == "PASS"] == ["built-here"]
    assert all("no image x:y" in one.found for one in facts.findings().values() if one.outcome == "ERROR")


def test_without_a_record_what_needs_the_base_s_layers_is_an_error() -> None:
    facts = good("dev", without("record", record_error="no build record: not built"))
    errors = [name for name, outcome in outcomes(facts).items() if outcome == "ERROR"]
    assert {"built-here", "same-image", "interpreter", "lock-parity", "size-added", "leftovers"} <= set(errors)
    assert outcomes(facts)["size-total"] == "PASS"


def test_an_image_on_another_base_than_the_build_s_is_not_judged_by_its_layers() -> None:
    facts = good("dev", lambda facts: facts.part("record")["base"].update(layers=["sha256:other"]))
    assert outcomes(facts)["size-added"] == "ERROR"
    assert facts.findings()["size-added"].evidence == {"because": "same-image"}


@pytest.mark.parametrize(
    ("change", "because"),
    [
        (without("contents", contents_error="cut off"), "contents"),
        (without("record", record_error="none"), "built-here"),
        (UNPROVEN["another image's container"], "proof"),
    ],
)
def test_an_error_names_the_check_that_says_why(change: Change, because: str) -> None:
    named = {one.evidence.get("because") for one in good("dev", change).findings().values() if one.outcome == "ERROR"}
    assert named - {None} == {because}


@pytest.mark.parametrize("name", ["environment", "pytorch", "application"])
@pytest.mark.parametrize(
    "values",
    [
        {"outcome": "timed out", "exit_code": -9, "report": None},
        {"outcome": "not started", "exit_code": None, "report": None, "error": "no python"},
        {"exit_code": 1, "report": None, "printed": "Traceback\nMemoryError"},
        {"outcome": "timed out", "exit_code": -9},
        {"report": {}},
        {"report": {"imported": "yes", "uid": "1"}},
    ],
    ids=["timed out", "not started", "died", "reported and timed out", "empty report", "report of wrong types"],
)
def test_a_probe_that_did_not_report_as_it_must_makes_its_checks_errors(name: str, values: dict[str, Any]) -> None:
    facts = good("dev", result(name, **values))
    assert some(facts, BY_PROBE[name]) == {"ERROR"}
    assert some(facts, [check for check in PROBED if check not in BY_PROBE[name]]) == {"PASS"}


def test_the_last_words_of_a_probe_that_died_are_told() -> None:
    facts = good("dev", result("pytorch", report=None, exit_code=1, printed="Traceback\nMemoryError: 4 GB"))
    assert "MemoryError: 4 GB" in facts.findings()["torch"].found


# What a check must have seen before it can be green: its probe's keys, each of them.
NEEDS = {
    "torch": ["imported", "file"],
    "torch-version": ["imported", "version", "metadata_version"],
    "torch-build": ["imported", "version", "cuda_build", "builds", "gpu_architectures"],
    "torch-works": ["imported", "tensor", "autograd", "save_and_load"],
    "cuda-runtime": ["imported", "cuda_available"],
    "cuda-libraries-agree": ["libraries"],
    "api-imports": ["imported"],
    "api-is-fastapi": ["imported", "is_fastapi"],
    "api-routes": ["imported", "routes"],
    "api-new-modules": ["imported", "new_modules"],
    "api-starts": ["imported", "started"],
    "api-answers": ["imported", "started", "health", "answers"],
    "lazy-import": ["attempts", "loaded_before", "loaded_after_import"],
    "lazy-start": ["attempts", "loaded_after_start"],
    "lazy-use": ["attempts", "loaded_after_use"],
}


@pytest.mark.parametrize(("check", "key"), [(check, key) for check, keys in NEEDS.items() for key in keys])
def test_a_report_that_lacks_what_a_check_needs_does_not_make_it_green(check: str, key: str) -> None:
    name = "application" if check.startswith(("api-", "lazy-")) else "pytorch"
    facts = good("dev", lambda facts: facts.report(name).pop(key))
    assert outcomes(facts)[check] in ("ERROR", "FAIL")


def test_a_command_without_an_exit_code_did_not_fail_as_it_must() -> None:
    facts = good("dev", health("nobody", exit_code=None))
    assert outcomes(facts)["healthcheck-tells"] in ("ERROR", "FAIL")


@pytest.mark.parametrize("phase", ["", "Import", "later", "import\n"])
def test_an_attempt_in_a_phase_that_does_not_exist_is_not_passed_over(phase: str) -> None:
    facts = good("dev", lambda facts: facts.report("application")["attempts"].append(attempt("torch", phase)))
    assert facts.verdict().outcome in ("ERROR", "FAIL")


def test_an_application_that_cannot_be_imported_is_not_called_lazy() -> None:
    def change(facts: Facts) -> None:
        kept = {key: facts.report("application")[key] for key in ("attempts", "loaded_before")}
        facts.part("probes")["results"]["application"]["report"] = {**kept, "imported": False}

    assert some(good("dev", change), ["lazy-import", "lazy-start", "lazy-use"]) == {"ERROR"}


def test_a_start_up_that_broke_off_is_not_called_lazy() -> None:
    change = report(
        "application", started=False, lost={"start": {"how": "RuntimeError"}}, health=None, loaded_after_use=None
    )
    assert outcomes(good("dev", change))["lazy-start"] == "ERROR"


def test_figures_are_told_as_far_as_they_were_seen() -> None:
    figures = good("worker-gpu").verdict().figures
    assert (figures.torch, figures.torch_version, figures.cuda_build) == ("imported", "2.13.0+cu130", "13.0")
    assert figures.gpu_architectures == ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]
    assert (figures.unpacked_bytes, figures.added_bytes) == (4_910_600_000, 4_820_600_000)
    assert (figures.seconds_to_healthy, figures.import_seconds, figures.probe_seconds) == (1.5, 1.2, 6.5)
    assert (figures.new_modules, figures.import_peak_bytes) == (320, 48_000_000)


def test_figures_that_were_not_seen_are_none() -> None:
    def change(facts: Facts) -> None:
        facts.probes = facts.server = facts.contents = facts.record = None

    assert set(good("dev", change).verdict().figures.model_dump().values()) == {None}


def test_a_broken_torch_is_told_apart_from_none() -> None:
    broken = report("pytorch", error_type="OSError", missing=None)
    assert [good("backend", change).verdict().figures.torch for change in (None, broken)] == ["absent", "broken"]


def test_a_verdict_holds_the_containers_that_prove_it() -> None:
    assert good("dev").verdict().container_ids == ["c1", "c2"]
    assert good_gpu().verdict().container_ids == ["c3"]


def finding(outcome: Outcome) -> Finding:
    return Finding(check="x", outcome=outcome, expected="", found="")


@pytest.mark.parametrize(
    ("outcomes", "outcome", "with_gpu"),
    [
        ([], "ERROR", "ERROR"),
        (["SKIP"], "ERROR", "ERROR"),
        (["UNVERIFIED"], "ERROR", "ERROR"),
        (["UNVERIFIED", "SKIP"], "ERROR", "ERROR"),
        (["PASS"], "PASS", "PASS"),
        (["PASS", "SKIP"], "PASS", "PASS"),
        (["PASS", "UNVERIFIED"], "PASS", "ERROR"),
        (["PASS", "ERROR"], "ERROR", "ERROR"),
        (["PASS", "ERROR", "FAIL", "UNVERIFIED"], "FAIL", "FAIL"),
        (["FAIL"], "FAIL", "FAIL"),
    ],
)
def test_an_image_s_outcome_follows_from_its_checks(outcomes: list[Outcome], outcome: str, with_gpu: str) -> None:
    findings = [finding(one) for one in outcomes]
    assert (outcome_of(findings), outcome_of(findings, gpu=True)) == (outcome, with_gpu)


def test_a_probe_that_ran_out_of_time_is_told_so_and_one_that_died_with_its_exit_code() -> None:
    late = good("dev", result("pytorch", outcome="timed out", exit_code=-9, report=None))
    assert "the pytorch probe ran out of time without a report" in late.findings()["torch"].found
    dead = good("dev", result("pytorch", exit_code=7, report=None))
    assert "the pytorch probe ended with 7 without a report" in dead.findings()["torch"].found


def test_of_several_mistakes_in_a_report_the_first_is_told() -> None:
    facts = good("dev", report("environment", uid="one", gid="two"))
    assert "report is malformed: uid: " in facts.findings()["user"].found


def test_a_record_that_is_missing_is_told_with_its_reason_where_there_is_one() -> None:
    assert "cut off" in good("dev", without("record", record_error="cut off")).findings()["same-image"].found
    assert "no build record" in good("dev", without("record")).findings()["same-image"].found


def test_only_an_error_points_to_the_check_that_says_why() -> None:
    evidence = {"because": "proof"}
    for outcome, because in (("ERROR", "proof"), ("PASS", ""), ("FAIL", "")):
        value = {"check": "torch", "outcome": outcome, "expected": "", "found": "", "evidence": evidence}
        assert Finding.model_validate(value).because == because


def test_a_verdict_that_does_not_say_otherwise_is_on_the_complete_contract() -> None:
    document = good("dev").verdict().model_dump(mode="json", by_alias=True)
    del document["gpu"], document["seconds"]
    read = Verdict.model_validate(document)
    assert (read.gpu, read.seconds) == (False, 0.0)


def test_a_verdict_names_the_contract_that_it_was_reached_by() -> None:
    assert good("dev").verdict().contract == read_contract().digest
    assert good_gpu().verdict().contract == read_contract().digest
