"""Whether it is the image that was built, and whether the probes really ran in it."""

import pytest

from tests.support.cases import Change, Facts, good
from tests.support.changes import contents, probes, record, report, subject, without
from verify.judge.verdict import Finding


def found(check: str, change: Change | None = None) -> Finding:
    return good("dev", change).findings()[check]


def test_a_moved_tag_is_told_with_both_images() -> None:
    finding = found("same-image", record(identity="sha256:built", image_id="sha256:built-image"))
    assert finding.expected == "sha256:built"
    assert finding.found == "sha256:identity: the tag moved after the build, or the record is stale"
    assert finding.evidence == {"built_image_id": "sha256:built-image", "subject_image_id": "sha256:image"}


def test_the_same_image_under_another_engine_s_id_is_the_same() -> None:
    assert found("same-image", record(image_id="sha256:of-another-engine")).outcome == "PASS"


def test_the_build_is_told_with_its_revision_and_whether_the_checkout_was_dirty() -> None:
    assert found("built-here").found == "built from 0123456789ab (dirty)"


def test_a_missing_image_is_built_by_the_command_that_is_named() -> None:
    def change(facts: object) -> None:
        for part in ("subject", "probes", "server", "contents"):
            setattr(facts, part, None)

    assert found("image-present", change).action == "Run `./noxw -s build -- dev`"


def test_proof_is_told_with_nonce_container_image_and_the_engine_s_own_times() -> None:
    evidence = found("proof").evidence
    assert {"nonce", "container_id", "image_id", "started", "finished"} <= set(evidence)


def test_the_time_that_the_checks_took_is_told() -> None:
    assert found("proof").found == "checks took 6.5 s"


def test_what_a_container_printed_in_place_of_a_document_is_shown() -> None:
    finding = found("proof", probes(results=None, error="not one JSON document", output="hello"))
    assert finding.evidence["output"] == "hello"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        ('the engine: exec: "python": executable file not found in $PATH', "FAIL"),
        ("the engine: exec /usr/bin/python: exec format error", "FAIL"),
        ('the engine: exec: "python": permission denied', "FAIL"),
        ("the engine: unable to find user app: no matching entries in passwd file", "FAIL"),
        ("the engine: no command specified", "FAIL"),
        ("the engine: mkdir /data: not a directory", "FAIL"),
        ("the engine: 500 Server Error: no space left on device", "ERROR"),
        ("the engine: ('Connection aborted.', FileNotFoundError(2, 'No such file or directory'))", "ERROR"),
        ("the engine: UnixHTTPConnectionPool: Read timed out", "ERROR"),
    ],
)
def test_an_engine_s_refusal_is_the_image_s_fault_only_where_it_says_so(error: str, outcome: str) -> None:
    finding = found("python-runs", probes(results=None, proof=None, error=error, refused=True))
    assert finding.outcome == outcome
    assert finding.category == ("CODE_BUG" if outcome == "FAIL" else "ENVIRONMENT")


@pytest.mark.parametrize("user", ["10001", "10001:10001", "10001:ktrdr"])
def test_a_user_is_numeric_with_or_without_a_group(user: str) -> None:
    assert found("user", subject(user=user)).outcome == "PASS"


@pytest.mark.parametrize("user", ["²", "\u0663", "1" * 11, "9" * 5000, "1_0", "", "-1"])
def test_a_user_that_only_looks_like_a_number_is_none(user: str) -> None:
    finding = found("user", subject(user=user))
    assert (finding.outcome, finding.found) == ("FAIL", f"USER is {user!r}, not numeric")


def test_every_fault_of_the_user_is_told() -> None:
    def change(facts: object) -> None:
        subject(user="0")(facts)  # type: ignore[arg-type]
        facts.report("environment").update(user=None, home_is_writable=False)  # type: ignore[attr-defined]

    told = found("user", change).found
    assert "USER is root" in told
    assert "no entry in /etc/passwd" in told
    assert "the home /home/ktrdr is missing" in told


def silent(exit_code: int, output: str = "", error: str = "") -> Change:
    """A probe container that ended so, without a document."""

    def change(facts: Facts) -> None:
        facts.part("probes").update(results=None, output=output, error=error)
        facts.part("probes")["proof"].update(exit_code=exit_code)

    return change


@pytest.mark.parametrize("exit_code", [126, 127])
def test_a_python_that_cannot_be_started_is_no_python(exit_code: int) -> None:
    finding = found("python-runs", silent(exit_code, "sh: not found"))
    assert (finding.outcome, finding.found) == ("FAIL", f"the container ended with {exit_code}")


def test_a_container_that_said_nothing_leaves_open_whether_its_python_runs() -> None:
    finding = found("python-runs", silent(1))
    assert (finding.outcome, finding.found) == ("ERROR", "not seen: the container ended with 1")
    finding = found("python-runs", silent(1, error="it did not end in time"))
    assert finding.found == "not seen: it did not end in time"


@pytest.mark.parametrize("exit_code", [0, 1, 2])
def test_a_container_that_said_something_else_proves_nothing_of_its_python(exit_code: int) -> None:
    finding = found("python-runs", silent(exit_code, "usage: uvicorn", "what it printed is no document"))
    assert (finding.outcome, finding.because) == ("ERROR", "proof")


def test_a_proof_without_a_document_is_told_as_that_and_otherwise_by_its_fault() -> None:
    assert found("proof", silent(0)).found == "no document"
    assert found("proof", silent(0, error="its nonce is another's")).found == "its nonce is another's"


def test_a_container_out_of_memory_is_told_by_that_name_whatever_else_is_wrong() -> None:
    def change(facts: Facts) -> None:
        facts.part("probes").update(results=None, error="it printed nothing")
        facts.part("probes")["proof"].update(out_of_memory=True, exit_code=137)

    findings = good("dev", change).findings()
    for check in ("proof", "torch"):
        assert "the container: it was ended by its memory limit (OOMKilled)" in findings[check].found


def test_a_container_that_outlived_a_probe_that_was_killed_is_not_told_as_ended_by_its_limit() -> None:
    findings = good("dev", lambda facts: facts.part("probes")["proof"].update(out_of_memory=True)).findings()
    finding = findings["proof"]
    assert (finding.outcome, finding.category) == ("ERROR", "ENVIRONMENT")
    assert finding.found == "the container: something in it was killed for want of memory (OOMKilled)"
    assert [name for name, other in findings.items() if other.outcome == "ERROR"] == ["proof"]


@pytest.mark.parametrize(
    ("error", "told"), [("", "none: not built, or the build failed"), ("build.json: cut off", "build.json: cut off")]
)
def test_a_missing_record_is_told_with_what_is_wrong_with_it_where_that_is_known(error: str, told: str) -> None:
    finding = found("built-here", without("record", record_error=error))
    assert finding.found == told


@pytest.mark.parametrize("count", [1, 8, 9])
def test_of_what_the_user_may_write_eight_are_named(count: int) -> None:
    paths = [f"/opt/{number}" for number in range(count)]
    told = found("user", report("environment", may_write=paths)).found
    assert told == f"the user may write programs or account files: {', '.join(paths[:8])}"


@pytest.mark.parametrize("count", [1, 8, 9])
def test_of_what_the_image_lets_it_write_eight_are_named(count: int) -> None:
    paths = [f"/opt/{number}" for number in range(count)]
    told = found("user", contents(writable=dict.fromkeys(paths, 1))).found
    assert told == f"the user may write outside the contract's writable directories: {', '.join(paths[:8])}"


def ran(**values: object) -> Change:
    return report("commands", commands={"ktrdr": values})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (ran(outcome="ended", exit_code=0, printed="usage: ktrdr"), "as expected"),
        (ran(outcome="ended", exit_code=1, printed="Traceback\nImportError: no x\n\n"),
         "ktrdr: ended with 1, ImportError: no x"),
        (ran(outcome="ended", exit_code=2, printed="x" * 300), f"ktrdr: ended with 2, {'x' * 200}"),
        (ran(outcome="not found"), "ktrdr: not found"),
        (ran(outcome="timed out", exit_code=None, printed=""), "ktrdr: timed out"),
    ],
)  # fmt: skip
def test_what_became_of_a_command_is_told_with_its_last_line(change: Change, told: str) -> None:
    finding = found("commands-run", change)
    assert (finding.found, finding.outcome) == (told, "PASS" if told == "as expected" else "FAIL")


def test_of_many_files_that_the_user_may_not_read_eight_are_told() -> None:
    told = found("user", contents(unreadable={f"/opt/{number}": 1 for number in range(10)})).found
    assert told.endswith(f"the user cannot read: {', '.join(f'/opt/{number}' for number in range(8))}")


@pytest.mark.parametrize("role", ["backend", "worker-gpu"])
def test_an_image_that_was_rebuilt_meanwhile_is_told_once_and_to_be_verified_again(role: str) -> None:
    def change(facts: Facts) -> None:
        facts.gone, facts.error = True, "the image sha256:1 is gone"
        facts.subject = facts.probes = facts.server = facts.contents = None

    verdict = good(role, change).verdict()
    first, *others = (one for one in verdict.findings if one.outcome != "PASS" and one.check != "built-here")
    assert (verdict.outcome, first.check, first.outcome, first.category) == (
        "ERROR", "image-present", "ERROR", "ENVIRONMENT",
    )  # fmt: skip
    assert first.found == "the image sha256:1 is gone"
    assert first.action == f"Verify again, when no build runs: `./noxw -s verify -- {role}`"
    assert {one.because for one in others if one.outcome == "ERROR"} == {"image-present"}
    assert "FAIL" not in {one.outcome for one in others}


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("writable", "the user may write outside the contract's writable directories: x"),
        ("unreadable", "the user cannot read: x"),
    ],
)
def test_permissions_count_above_the_base_image_s_layers(key: str, told: str) -> None:
    layers = [found("user", contents(**{key: {"x": layer}})) for layer in (0, 1)]
    assert [one.outcome for one in layers] == ["PASS", "FAIL"]
    assert layers[1].found == told


@pytest.mark.parametrize("layer", [0, 1])
def test_a_file_that_grants_privileges_counts_in_whatever_layer_it_lies(layer: int) -> None:
    ruling = found("user", contents(privileged={"x": layer}))
    assert (ruling.outcome, ruling.found) == ("FAIL", "files that grant privileges (setuid, setgid, capabilities): x")


def test_a_group_is_the_system_s_where_the_base_image_has_it() -> None:
    layers = [found("user", contents(groups={"disk": layer})) for layer in (0, 1)]
    assert [one.outcome for one in layers] == ["FAIL", "PASS"]
    assert layers[0].found == "the user is in the system's group disk"
