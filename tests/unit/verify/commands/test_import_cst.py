"""A configuration of container-structure-test becomes checks of the contract's own, or is told to have no word here."""

import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from deploy.contract_file import contract_mistakes
from deploy.errors import Exit
from tests.support.contracts import SHIPPED
from verify import __main__ as command
from verify.commands import cst

WHOLE = """
schemaVersion: "2.0.0"
globalEnvVars: [{key: PATH, value: "/venv/bin:$PATH"}, {key: PLACE, value: /srv}]
commandTests:
- name: gunicorn
  setup: [[virtualenv, /env], [pip, install, gunicorn]]
  teardown: [[rm, -r, /env]]
  envVars: [{key: PATH, value: "/env/bin:${PATH}"}, {key: DEBUG, value: "1"}]
  command: which
  args: [$PLACE/gunicorn]
  exitCode: 1
  expectedOutput: ["/env/bin/gunicorn"]
  excludedOutput: ["not found"]
  expectedError: ["^$"]
  excludedError: [WARN]
- {name: gunicorn, command: "true"}
fileExistenceTests:
- {name: root, path: /, shouldExist: true, permissions: drwxr-xr-x, uid: 0, gid: 0, isExecutableBy: any}
- {name: none, path: $PLACE/x, shouldExist: false, uid: 3}
- {name: sticky, path: srv/in/, permissions: dugtrwxrwxrwx}
fileContentTests:
- {name: sources, path: /etc/apt/sources.list, expectedContents: [debian], excludedContents: [mirror]}
metadataTest:
  envVars: [{key: foo, value: baz}, {key: PATH, value: "^/venv", isRegex: true}]
  unboundEnvVars: [{key: DEBUG}]
  labels: [{key: date, value: '^\\d{4}', isRegex: true}, {key: vendor, value: ACME}]
  exposedPorts: [8080, "53/udp"]
  unexposedPorts: ["22"]
  volumes: [/test]
  unmountedVolumes: [/other]
  entrypoint: []
  cmd: [/bin/bash]
  workdir: /app
  user: luke
licenseTests:
- {debian: true, files: [/foo/bar]}
containerRunOptions:
  user: root
  privileged: true
  allocateTty: true
  envFile: .env
  envVars: [SECRET]
  capabilities: [NET_BIND_SERVICE]
  bindMounts: [/etc/a:/etc/b]
"""
DUE: list[dict[str, Any]] = [
    {
        "name": "gunicorn", "command": ["which", "$PLACE/gunicorn"], "exit_code": 1, "stdout": ["/env/bin/gunicorn"],
        "stdout_not": ["not found"], "stderr": ["^$"], "stderr_not": ["WARN"],
        "environment": {"PATH": "/env/bin:/venv/bin:$PATH", "PLACE": "/srv", "DEBUG": "1"},
        "setup": [["virtualenv", "/env"], ["pip", "install", "gunicorn"]], "user": "root", "writable_root": True,
        "substitute": True,
    },
    {
        "name": "gunicorn (2)", "command": ["true"], "environment": {"PATH": "/venv/bin:$PATH", "PLACE": "/srv"},
        "user": "root", "writable_root": True,
    },
    {
        "name": "root", "file": "/", "kind": "directory", "owner": 0, "group": 0, "mode": "0755",
        "executable_by": "any",
    },
    {"name": "none", "file": "/srv/x", "exists": False, "substitute": True},
    {"name": "sticky", "file": "/srv/in", "kind": "directory", "mode": "7777"},
    {"name": "sources", "file": "/etc/apt/sources.list", "contains": ["debian"], "contains_not": ["mirror"]},
    {"name": "environment foo", "setting": "environment", "key": "foo", "value": "baz"},
    {"name": "environment PATH", "setting": "environment", "key": "PATH", "matches": "^/venv"},
    {"name": "labels date", "setting": "labels", "key": "date", "matches": r"^\d{4}"},
    {"name": "labels vendor", "setting": "labels", "key": "vendor", "value": "ACME"},
    {"name": "no environment DEBUG", "setting": "environment", "key": "DEBUG", "present": False},
    {"name": "ports 8080", "setting": "ports", "key": "8080"},
    {"name": "ports 53/udp", "setting": "ports", "key": "53/udp"},
    {"name": "no ports 22", "setting": "ports", "key": "22", "present": False},
    {"name": "volumes /test", "setting": "volumes", "key": "/test"},
    {"name": "no volumes /other", "setting": "volumes", "key": "/other", "present": False},
    {"name": "entrypoint", "setting": "entrypoint", "value": []},
    {"name": "command", "setting": "command", "value": ["/bin/bash"]},
    {"name": "working_directory", "setting": "working_directory", "value": "/app"},
    {"name": "user", "setting": "user", "value": "luke"},
    {
        "name": "licence: /usr/share/doc/*/copyright", "file": "/usr/share/doc/*/copyright",
        "contains_not": ["AGPL", "WTFPL"],
    },
    {"name": "licence: /foo/bar", "file": "/foo/bar", "contains_not": ["AGPL", "WTFPL"]},
]  # fmt: skip
WITHOUT_A_WORD = (
    "containerRunOptions.privileged", "containerRunOptions.allocateTty", "containerRunOptions.envVars",
    "containerRunOptions.envFile", "containerRunOptions.capabilities", "containerRunOptions.bindMounts",
    "commandTests.0.teardown", "metadataTest.envVars PATH", "metadataTest.exposedPorts 53/udp",
)  # fmt: skip


def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, *words: str) -> int:
    path = tmp_path / "tests.yaml"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["python -m verify", "import-cst", str(path), *words])
    return command.main()


def test_every_field_has_a_word_or_is_told_to_have_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert imported(tmp_path, monkeypatch, WHOLE) == Exit.FAILED
    printed = capsys.readouterr()
    assert tomllib.loads(printed.out) == {"checks": DUE}
    assert [line.removeprefix("tests.yaml: ").partition(":")[0] for line in printed.err.splitlines()] == list(
        WITHOUT_A_WORD
    )
    assert printed.out.count("# Without a word here") == len(WITHOUT_A_WORD)


def test_no_field_of_the_schema_is_left_out_of_that_configuration() -> None:
    models = (
        cst.Configuration, cst.CommandTest, cst.FileExistenceTest, cst.FileContentTest, cst.MetadataTest,
        cst.LicenseTest, cst.ContainerRunOptions, cst.Variable,
    )  # fmt: skip
    fields = {field.alias for model in models for field in model.model_fields.values()}
    assert {field for field in fields if f"{field}:" not in WHOLE} == set()


def test_what_is_printed_is_taken_by_the_contract_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, name in (((), None), (("--role", "backend"), "backend")):
        imported(tmp_path, monkeypatch, WHOLE, *words)
        document = tomllib.loads(f"{SHIPPED}\n{capsys.readouterr().out}")
        assert contract_mistakes(document) == []
        assert (document["images"][name] if name else document)["checks"] == DUE


def test_a_configuration_all_of_which_has_a_word_is_exit_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = '{"schemaVersion": "2.0.0", "commandTests": [{"name": "a", "command": "true"}]}'
    assert imported(tmp_path, monkeypatch, text) == Exit.OK
    printed = capsys.readouterr()
    assert tomllib.loads(printed.out) == {"checks": [{"name": "a", "command": ["true"], "writable_root": True}]}
    assert printed.err == ""


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('fileExistenceTests: [{name: a, path: /x, permissions: "Drw-r--r--"}]', "permissions = 'Drw-r--r--': no file"),
        ("fileExistenceTests: [{name: a, path: /x, isExecutableBy: root}]", "executable_by = 'root': write 'owner',"),
        ('commandTests: [{name: a, command: x, expectedOutput: ["("]}]', "'(': no regular expression of RE2"),
        ("fileContentTests: [{name: a, path: /x/../y}]", "file = '/x/../y': write the path without . and .."),
    ],
)
def test_what_the_contract_would_refuse_is_told_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, told: str
) -> None:
    assert imported(tmp_path, monkeypatch, f'schemaVersion: "2.0.0"\n{line}\n') == Exit.FAILED
    printed = capsys.readouterr()
    assert told in printed.err
    assert contract_mistakes(tomllib.loads(f"{SHIPPED}\n{printed.out}")) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "no YAML"),
        ("[]", "no configuration of container-structure-test with schemaVersion '2.0.0'"),
        ('schemaVersion: "1.0.0"', "no configuration of container-structure-test with schemaVersion '2.0.0'"),
        ('schemaVersion: "2.0.0"\nother: 3', "other = '3': unknown key; remove it"),
        ('schemaVersion: "2.0.0"\nlicenseTests: [{debian: perhaps}]', "licenseTests.0.debian = 'perhaps'"),
        ('schemaVersion: "2.0.0"\nfileExistenceTests: [{name: a, path: /x, uid: root}]', "uid = 'root'"),
        ('schemaVersion: "2.0.0"\ncommandTests: [{command: x}]', "commandTests.0.name: missing; add it"),
    ],
)
def test_what_is_no_configuration_of_this_schema_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    assert imported(tmp_path, monkeypatch, text) == Exit.USAGE
    printed = capsys.readouterr()
    assert (told in printed.err, printed.out) == (True, "")


SCALARS = """
schemaVersion: 2.0.0
commandTests:
- {name: 3.10, command: python3.10, args: [0022, 1e3, 0x1F, 1_000, 12:30, yes, -.0, 2026-12-01], exitCode: 010}
- {name: on, command: true, expectedOutput: [3.10]}
fileExistenceTests:
- {name: a, path: /x, shouldExist: no}
- {name: b, path: /x, shouldExist: false}
- {name: c, path: /x, shouldExist: True, uid: 0x10, gid: 08}
- &d {name: d, path: /x, uid: 1_000}
- {<<: *d, name: e, gid: -1}
metadataTest:
  labels: [{key: version, value: 1.10}, {key: built, value: 2026-12-01, isRegex: true}]
  exposedPorts: [8000]
  entrypoint: null
"""


def test_a_text_stays_as_it_is_written_and_only_numbers_and_truths_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert imported(tmp_path, monkeypatch, SCALARS) == Exit.OK
    words = ["python3.10", "0022", "1e3", "0x1F", "1_000", "12:30", "yes", "-.0", "2026-12-01"]
    assert tomllib.loads(capsys.readouterr().out)["checks"] == [
        {"name": "3.10", "command": words, "exit_code": 8, "writable_root": True},
        {"name": "on", "command": ["true"], "stdout": ["3.10"], "writable_root": True},
        {"name": "a", "file": "/x", "exists": False},
        {"name": "b", "file": "/x", "exists": False},
        {"name": "c", "file": "/x", "owner": 16, "group": 8},
        {"name": "d", "file": "/x", "owner": 1000},
        {"name": "e", "file": "/x", "owner": 1000},
        {"name": "labels version", "setting": "labels", "key": "version", "value": "1.10"},
        {"name": "labels built", "setting": "labels", "key": "built", "matches": "2026-12-01"},
        {"name": "ports 8000", "setting": "ports", "key": "8000"},
    ]


def test_json_is_read_by_the_same_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    test = '{"name": "a", "path": "/x", "shouldExist": true, "uid": 7}'
    assert imported(tmp_path, monkeypatch, f'{{"schemaVersion": "2.0.0", "fileExistenceTests": [{test}]}}') == Exit.OK
    assert tomllib.loads(capsys.readouterr().out) == {"checks": [{"name": "a", "file": "/x", "owner": 7}]}


@pytest.mark.parametrize("role", ["no such role", "a.b", "", 'a"]', "A"])
def test_a_name_that_no_role_can_have_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], role: str
) -> None:
    assert imported(tmp_path, monkeypatch, WHOLE, "--role", role) == Exit.USAGE
    printed = capsys.readouterr()
    assert (f"{role!r} is no role" in printed.err, printed.out) == (True, "")


def test_a_file_that_is_not_there_and_no_file_at_all_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, told in ((["/nowhere.yaml"], "No such file"), ([], "name one file"), (["a", "b"], "name one file")):
        monkeypatch.setattr(sys, "argv", ["python -m verify", "import-cst", *words])
        assert command.main() == Exit.USAGE
        assert told in capsys.readouterr().err
