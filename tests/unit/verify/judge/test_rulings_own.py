"""Each check of the contract's own is a finding: what was seen decides, and what was not seen is an ERROR."""

from typing import Any

import pytest

from deploy.own_checks import CommandCheck, FileCheck, OwnCheck, SettingCheck
from tests.support.cases import CONTRACT, IMAGE, Change, Facts, good, proof
from verify.judge.verdict import Finding

COMMAND = CommandCheck(name="c", command=["python", "-V"], stdout=["^Python"], stdout_not=["3.12"], stderr_not=["."])
SETUP = CommandCheck(name="c", command=["cat", "/made"], setup=[["touch", "/made"]])
LATE = CommandCheck(name="c", command=["sleep", "9"], within=2)
FILE = FileCheck(
    name="f", file="/app/x", kind="file", owner=0, group=0, mode="0644", contains=["^MIT"], contains_not=["GPL"]
)
ABSENT, PROGRAM = FileCheck(name="f", file="/x", exists=False), FileCheck(name="f", file="/x", executable_by="other")
EVERY = FileCheck(name="f", file="/a/*/b")
RAN = {"proof": proof("c9"), "image_id": IMAGE, "found": {"stdout": ["^Python"], "stderr": []}}
HELD = {"path": "/app/x", "kind": "file", "owner": 0, "group": 0, "mode": 0o644, "found": ["^MIT"]}
SUBJECT = {"ports": ["8000/tcp"], "volumes": ["/data"], "entrypoint": [], "command": ["serve"], "user": "10001:10001"}


def judged(check: OwnCheck, own: dict[str, Any] | None, change: Change | None = None) -> Finding:
    """The finding of a check, with what was seen of it."""
    facts: Facts = good("backend", change)
    image = CONTRACT.images["backend"].model_copy(update={"checks": [check]})
    facts.contract = CONTRACT.model_copy(update={"images": {**CONTRACT.images, "backend": image}})
    facts.own = own
    return facts.verdict().findings[-1]


def ran(check: OwnCheck = COMMAND, **changes: Any) -> Finding:
    return judged(check, {"commands": {check.name: {**RAN, **changes}}})


def held(check: FileCheck, *places: dict[str, Any]) -> Finding:
    return judged(check, {"files": {check.name: [{**HELD, **place} for place in places]}})


def test_a_command_that_ends_and_prints_as_it_should_passes() -> None:
    finding = ran()
    assert (finding.check, finding.outcome, finding.found, finding.action) == ("own/c", "PASS", "as expected", "")
    assert finding.expected == ("`python -V` ends with 0, stdout has `^Python`, stdout lacks `3.12`, stderr lacks `.`")


@pytest.mark.parametrize(
    ("check", "seen", "found"),
    [
        (COMMAND, {"proof": {**proof("c9"), "exit_code": 3}}, "it ended with 3"),
        (COMMAND, {"found": {}, "stdout": "none"}, "stdout lacks `^Python`"),
        (COMMAND, {"found": {"stdout": ["^Python", "3.12"], "stderr": ["."]}}, "stdout has `3.12`; stderr has `.`"),
        (COMMAND, {"refused": 'the engine: exec: "python": executable file not found in $PATH'}, "executable file"),
        (LATE, {"late": True, "proof": {**proof("c9"), "exit_code": 137}}, "it did not end within 2 s"),
        (COMMAND, {"proof": {**proof("c9"), "exit_code": 137, "out_of_memory": True}}, "memory limit (OOMKilled)"),
        (SETUP, {"setup": "touch /made: it ended with 1"}, "a setup command failed: touch /made: it ended with 1"),
    ],
)
def test_a_command_that_does_otherwise_fails_and_says_how(check: OwnCheck, seen: dict[str, Any], found: str) -> None:
    finding = ran(check, **seen)
    assert (finding.outcome, finding.category) == ("FAIL", "CODE_BUG")
    assert found in finding.found
    assert "docker run --rm" in finding.action
    assert "deploy/docker/Dockerfile.backend" in finding.action


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        ({"proof": None}, "no proof"),
        ({"proof": {**proof("c9"), "finished": ""}}, "no proof"),
        ({"proof": {**proof("c9"), "image_id": "sha256:other"}}, "the container ran sha256:other"),
        ({"image_id": "sha256:made", "proof": {**proof("c9"), "image_id": "sha256:made"}}, "ran sha256:made"),
        ({"flooded": True}, "it printed more than is read"),
        ({"refused": "the engine: no space left on device"}, "no space left"),
    ],
)
def test_a_command_that_was_not_seen_to_the_end_is_an_error(seen: dict[str, Any], found: str) -> None:
    finding = ran(**seen)
    assert (finding.outcome, finding.category) == ("ERROR", "ENVIRONMENT")
    assert found in finding.found


@pytest.mark.parametrize("seen", [{"flooded": True}, {"refused": "the engine: no space left on device"}])
def test_a_setup_command_that_was_not_seen_to_the_end_is_an_error(seen: dict[str, Any]) -> None:
    finding = ran(SETUP, setup="yes: not seen to its end", **seen)
    assert (finding.outcome, finding.category) == ("ERROR", "ENVIRONMENT")
    assert "a setup command failed: yes: not seen to its end" in finding.found


def test_a_setup_command_that_the_image_does_not_have_fails() -> None:
    finding = ran(SETUP, setup="yes: not found", refused='the engine: exec: "yes": executable file not found in $PATH')
    assert (finding.outcome, finding.found) == ("FAIL", "a setup command failed: yes: not found")


def test_a_finding_on_an_image_without_a_dockerfile_here_names_its_dockerfile() -> None:
    facts = good("backend")
    image = CONTRACT.images["backend"].model_copy(update={"checks": [FILE], "dockerfile": ""})
    facts.contract = CONTRACT.model_copy(update={"images": {**CONTRACT.images, "backend": image}})
    facts.own = {"files": {"f": [{**HELD, "owner": 5}]}}
    assert facts.verdict().findings[-1].action.endswith("correct its Dockerfile, or the check in the contract")


def test_what_a_failed_setup_command_printed_can_be_written_down() -> None:
    finding = ran(SETUP, setup="touch /made: it ended with 1", stderr="no \ud800", stdout="none")
    assert finding.evidence == {"stderr": "no \\ud800"}
    finding.model_dump_json()


def test_what_setup_commands_made_is_what_the_command_ran_in() -> None:
    made = {"image_id": "sha256:made", "proof": {**proof("c9"), "image_id": "sha256:made"}}
    assert ran(SETUP, **made).outcome == "PASS"


@pytest.mark.parametrize("check", [COMMAND, FILE], ids=["command", "file"])
@pytest.mark.parametrize(
    ("own", "found"),
    [(None, "not looked at"), ({}, "not seen: the"), ({"errors": {"c": "gone", "f": "gone"}}, "not seen: gone")],
    ids=["nothing", "others alone", "an error"],
)
def test_what_was_not_looked_at_is_an_error(check: OwnCheck, own: dict[str, Any] | None, found: str) -> None:
    finding = judged(check, own)
    assert (finding.outcome, finding.category) == ("ERROR", "ENVIRONMENT")
    assert found in finding.found


def test_a_file_that_is_as_it_should_be_passes() -> None:
    finding = held(FILE, {})
    assert (finding.outcome, finding.found) == ("PASS", "as expected")
    assert finding.expected == "/app/x: a file, owner 0, group 0, mode 0644, with `^MIT`, without `GPL`"


@pytest.mark.parametrize(
    ("check", "place", "found"),
    [
        (FILE, {"kind": "nothing"}, "/app/x: nothing is there"),
        (FILE, {"kind": "link"}, "/app/x: its kind is link"),
        (FILE, {"owner": 10001, "group": 5}, "/app/x: its owner is 10001; /app/x: its group is 5"),
        (FILE, {"mode": 0o4755}, "/app/x: its mode is 4755"),
        (FILE, {"found": ["GPL"]}, "/app/x: `^MIT` is not in it; /app/x: `GPL` is in it"),
        (FILE, {"found": None, "unread": "a directory has none"}, "its content was not read: a directory has none"),
        (ABSENT, {}, "/app/x: a file is there"),
        (ABSENT, {"kind": "other"}, "/app/x: a device, a pipe or a socket is there"),
        (PROGRAM, {"mode": 0o750}, "/app/x: not executable by other, its mode is 0750"),
    ],
)
def test_a_file_that_is_otherwise_fails_and_says_how(check: FileCheck, place: dict[str, Any], found: str) -> None:
    finding = held(check, place)
    assert (finding.outcome, finding.category) == ("FAIL", "CODE_BUG")
    assert found in finding.found
    assert "docker cp" in finding.action


def test_a_check_on_many_paths_holds_for_each_of_them_and_for_one_at_least() -> None:
    assert held(EVERY, {"path": "/a/1/b"}, {"path": "/a/2/b"}).found == "as expected at 2 paths"
    assert held(EVERY, {"path": "/a/1/b"}, {"path": "/a/2/b", "kind": "nothing"}).found == "/a/2/b: nothing is there"
    assert held(EVERY).found == "there is no directory that * stands for"
    many = held(EVERY, *({"path": f"/a/{number}/b", "kind": "nothing"} for number in range(20)))
    assert many.found.endswith("; /a/11/b: nothing is there; and 8 more")
    assert held(ABSENT.model_copy(update={"file": "/a/*/b"})).outcome == "PASS"


@pytest.mark.parametrize(
    ("keys", "outcome", "found"),
    [
        ({"setting": "environment", "key": "HOME", "value": "/home/ktrdr"}, "PASS", "'/home/ktrdr'"),
        ({"setting": "environment", "key": "HOME", "value": "/home"}, "FAIL", "'/home/ktrdr'"),
        ({"setting": "environment", "key": "HOME", "matches": "^/home/"}, "PASS", "'/home/ktrdr'"),
        ({"setting": "environment", "key": "HOME", "matches": "^home"}, "FAIL", "'/home/ktrdr'"),
        ({"setting": "environment", "key": "HOME"}, "PASS", "'/home/ktrdr'"),
        ({"setting": "environment", "key": "NOPE"}, "FAIL", "no environment NOPE"),
        ({"setting": "environment", "key": "NOPE", "present": False}, "PASS", "none"),
        ({"setting": "environment", "key": "HOME", "present": False}, "FAIL", "environment HOME is there"),
        ({"setting": "ports", "key": "8000"}, "PASS", "'8000'"),
        ({"setting": "ports", "key": "8000/tcp"}, "PASS", "'8000/tcp'"),
        ({"setting": "ports", "key": "8000/udp"}, "FAIL", "no ports 8000/udp"),
        ({"setting": "volumes", "key": "/data", "present": False}, "FAIL", "volumes /data is there"),
        ({"setting": "entrypoint", "value": []}, "PASS", "[]"),
        ({"setting": "command", "value": ["serve", "-v"]}, "FAIL", "['serve']"),
        ({"setting": "user", "value": "10001"}, "FAIL", "'10001:10001'"),
        ({"setting": "user", "matches": "^[1-9]"}, "PASS", "'10001:10001'"),
    ],
)
def test_a_setting_is_what_the_check_says_or_fails(keys: dict[str, Any], outcome: str, found: str) -> None:
    check = SettingCheck(name="s", **keys)
    finding = judged(check, None, lambda facts: facts.part("subject").update(SUBJECT))
    assert (finding.check, finding.outcome, finding.found) == ("own/s", outcome, found)


def test_a_hidden_value_is_never_taken_for_the_one_that_is_due() -> None:
    check = SettingCheck(name="s", setting="environment", key="API_KEY_", matches=".")
    finding = judged(check, None, lambda facts: facts.part("subject")["environment"].update({"API_KEY_": "•••"}))
    assert (finding.outcome, "hidden" in finding.found) == ("ERROR", True)


def test_the_outcome_of_an_image_is_that_of_the_contract_s_own_checks_too() -> None:
    facts = good("backend")
    image = CONTRACT.images["backend"].model_copy(update={"checks": [COMMAND]})
    facts.contract = CONTRACT.model_copy(update={"images": {**CONTRACT.images, "backend": image}})
    assert facts.verdict().outcome == "ERROR"
    facts.own = {"commands": {"c": RAN}}
    assert facts.verdict().outcome == "PASS"
    facts.own = {"commands": {"c": {**RAN, "found": {}}}}
    assert facts.verdict().outcome == "FAIL"
