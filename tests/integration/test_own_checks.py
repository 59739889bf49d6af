"""Checks of the contract's own, tried on an image built here: container-structure-test gives the same verdicts.

Where it does not, that is known and documented (docs/own-checks.md), and held here, too.
"""

import json
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from bench.groups.verification import structure_test
from deploy.engine.connection import Engine
from deploy.engine.labelled import RUN, RUN_PID, find
from deploy.engine.runs import new_run
from deploy.own_checks import CommandCheck, FileCheck, OwnCheck, SettingCheck
from tests.integration.conftest import base_image
from tests.support.checkout import read_contract
from tests.support.own import tried
from verify.commands.cst import Translation
from verify.commands.import_cst import read_configuration
from verify.judge.verdict import Finding

LINES = r"""
RUN mkdir -p /app/sub && echo hello >/app/a.txt && chmod 4755 /app/a.txt && ln -s /app/a.txt /app/link \
    && ln -s /nowhere /app/dangling && ln -s sub /app/within && ln -s a.txt /app/beside && mkfifo /app/pipe \
    && echo deep >/app/sub/deep && chmod 1777 /app/sub && chown 10:20 /app/sub/deep && chmod 640 /app/sub/deep \
    && rm -rf /usr/share/doc/* && mkdir /usr/share/doc/good /usr/share/doc/bad \
    && echo MIT >/usr/share/doc/good/copyright && echo AGPL >/usr/share/doc/bad/copyright
ENV FOO=bar APP=/app
LABEL vendor=ACME built=2026-12-01
EXPOSE 8000 53/udp
WORKDIR /app
USER 10001:10001
ENTRYPOINT ["python3"]
CMD ["-V"]
"""
ALIKE = r"""
schemaVersion: "2.0.0"
globalEnvVars: [{key: PATH, value: "/app/bin:$PATH"}]
commandTests:
- {name: prints, command: python3, args: [-V], expectedOutput: ['^Python 3\.\d+'], excludedOutput: [Traceback]}
- {name: warns, command: sh, args: [-c, "echo hi; echo warned >&2; exit 3"], exitCode: 3, expectedError: ["^warned\n$"]}
- {name: another code, command: sh, args: [-c, exit 3]}
- {name: prints otherwise, command: echo, args: [hi], expectedOutput: ["^hi$"]}
- {name: variables, command: sh, args: [-c, "echo $FOO $PATH ${NOPE}."], expectedOutput: ["^bar /app/bin:/.* \\.\n"]}
- {name: is not there, command: nosuch, exitCode: 127}
- name: set up
  setup: [[sh, -c, "echo 1 >/tmp/a"], [cp, /tmp/a, /tmp/b]]
  command: cat
  args: [/tmp/b]
  expectedOutput: ["1"]
- {name: who, command: id, expectedOutput: ["^uid=10001 gid=10001"]}
fileExistenceTests:
- {name: program, path: /app/a.txt, shouldExist: true, permissions: "urwxr-xr-x", uid: 0, gid: 0, isExecutableBy: other}
- {name: other mode, path: /app/a.txt, shouldExist: true, permissions: "-rwxr-xr-x"}
- {name: link, path: $APP/link, shouldExist: true, permissions: "Lrwxrwxrwx"}
- {name: dangling, path: /app/dangling, shouldExist: true}
- {name: sticky, path: /app/sub/, shouldExist: true, permissions: "dtrwxrwxrwx"}
- {name: through a link, path: /app/within/deep, shouldExist: true, uid: 10, gid: 20, permissions: "-rw-r-----"}
- {name: other owner, path: /app/sub/deep, shouldExist: true, uid: 0}
- {name: no program, path: /app/sub/deep, shouldExist: true, isExecutableBy: any}
- {name: nothing, path: /app/none, shouldExist: false}
- {name: missing, path: /app/none, shouldExist: true}
- {name: there, path: app/a.txt, shouldExist: false}
fileContentTests:
- {name: says, path: /app/link, expectedContents: ["^hello\n$"], excludedContents: [bye]}
- {name: says otherwise, path: /app/a.txt, excludedContents: [hel+o]}
- {name: no file, path: /app/sub, expectedContents: [""]}
- {name: leads nowhere, path: /app/dangling, excludedContents: [x]}
metadataTest: {}
licenseTests: [{debian: true}]
"""
METADATA = [  # each alone, since the tool tells of all of them as of one test; with its verdict
    ("envVars: [{key: FOO, value: bar}, {key: APP, value: ^/a, isRegex: true}]", True),
    ("labels: [{key: vendor, value: ACME}, {key: built, value: '^\\d{4}-\\d\\d-\\d\\d$', isRegex: true}]", True),
    ("{exposedPorts: ['8000', '53'], unexposedPorts: ['22'], volumes: [/data], unmountedVolumes: [/app]}", True),
    ("{entrypoint: [python3], cmd: [-V], workdir: /app, user: '10001:10001', unboundEnvVars: [{key: NOPE}]}", True),
    ("envVars: [{key: FOO, value: ba}]", False),
    ("{unboundEnvVars: [{key: FOO}], cmd: ['-V']}", False),
    ("entrypoint: []", False),
    ("user: '10001'", False),
]
# Where the two differ: what is tested, and what ours and the other say of it
OTHERWISE = {
    "Command Test: own variables": (True, False),  # it leaves a command's own variables out
    "Command Test: a failed setup": (False, True),  # it takes no notice of how a setup command ends
    "File Content Test: a relative link": (True, False),  # it looks for the target from the root
    "File Existence Test: no pipe": (False, True),  # it sees files, directories and links alone
}
DIFFERENT = r"""
schemaVersion: "2.0.0"
commandTests:
- {name: own variables, command: env, envVars: [{key: OWN, value: "$FOO!"}], expectedOutput: ["(?m)^OWN=bar!$"]}
- {name: a failed setup, setup: [["false"]], command: "true"}
fileExistenceTests: [{name: no pipe, path: /app/pipe, shouldExist: false}]
fileContentTests: [{name: a relative link, path: /app/beside, expectedContents: [hello]}]
"""


@pytest.fixture(scope="module")
def tag(engine: Engine, client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    base = base_image(engine)
    folder = tmp_path_factory.mktemp("context")
    name = built(engine, folder, f"FROM {base}\n{LINES}")
    yield name
    client.images.remove(name, force=True)


@pytest.fixture(scope="module")
def declared(
    engine: Engine, client: docker.DockerClient, tag: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The same with a volume. The other tool's containers would leave one each, so none runs on this image."""
    name = built(engine, tmp_path_factory.mktemp("declared"), f"FROM {tag}\nVOLUME /data\n")
    yield name
    client.images.remove(name, force=True)


def built(engine: Engine, folder: Path, text: str) -> str:
    """Build an image and return its name."""
    name = f"ktrdr-try-own-{uuid.uuid4().hex[:8]}:1"
    (folder / "Dockerfile").write_text(text, encoding="utf-8")
    command = [*engine.command(), "buildx", "build", "--network=none", "--load", "--tag", name, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return name


def by_ours(engine: Engine, tag: str, translated: Translation) -> dict[str, bool]:
    """Whether every check that a test of the other tool came to passes, by that test's name."""
    with new_run(engine) as run:
        found = tried(engine, run, read_contract(), tag, translated.checks)
    holds: dict[str, bool] = {}
    for name, finding in found.items():
        assert finding.outcome in ("PASS", "FAIL"), finding
        test = translated.sources[name]
        holds[test] = holds.get(test, True) and finding.outcome == "PASS"
    return holds


def by_theirs(tag: str, *configs: Path) -> list[tuple[str, bool]]:
    """The other tool's tests, in their order, by name and whether they pass."""
    report = configs[0].with_suffix(".json")
    words = ["test", "--image", tag, "--output", "json", "--test-report", str(report)]
    words += [word for config in configs for word in ("--config", str(config))]
    done = subprocess.run([*structure_test(), *words], capture_output=True, text=True, check=False, timeout=300)
    assert report.exists(), done.stderr
    return [(one["Name"].strip(), one["Pass"]) for one in json.loads(report.read_text(encoding="utf-8"))["Results"]]


def test_both_tools_say_the_same_of_commands_files_and_licences(engine: Engine, tag: str, tmp_path: Path) -> None:
    config = tmp_path / "alike.yaml"
    config.write_text(ALIKE, encoding="utf-8")
    translated = Translation(read_configuration(config))
    assert translated.notes == []
    ours, theirs = by_ours(engine, tag, translated), dict(by_theirs(tag, config))
    theirs.pop("Metadata Test", None)
    assert ours == theirs
    assert sum(theirs.values()) >= 10
    assert sum(not holds for holds in theirs.values()) >= 10


def test_both_tools_say_the_same_of_the_configuration(engine: Engine, declared: str, tmp_path: Path) -> None:
    configs, ours = list[Path](), list[tuple[str, bool]]()
    for number, (line, _) in enumerate(METADATA):
        configs.append(tmp_path / f"{number}.yaml")
        configs[-1].write_text(f'schemaVersion: "2.0.0"\nmetadataTest:\n  {line}\n', encoding="utf-8")
        translated = Translation(read_configuration(configs[-1]))
        assert translated.notes == []
        ours += by_ours(engine, declared, translated).items()
    assert ours == by_theirs(declared, *configs) == [("Metadata Test", holds) for _, holds in METADATA]


def test_where_they_differ_is_known(engine: Engine, tag: str, tmp_path: Path) -> None:
    config = tmp_path / "different.yaml"
    config.write_text(DIFFERENT, encoding="utf-8")
    ours, theirs = by_ours(engine, tag, Translation(read_configuration(config))), dict(by_theirs(tag, config))
    assert {name: (holds, theirs[name]) for name, holds in ours.items()} == OTHERWISE


TRIED: tuple[tuple[OwnCheck, str, str], ...] = (  # with the outcome, and words of the finding
    (CommandCheck(name="late", command=["sleep", "60"], within=0.5), "FAIL", "it did not end within 0.5 s"),
    (CommandCheck(name="floods", command=["yes"]), "ERROR", "it printed more than is read"),
    (CommandCheck(name="writes", command=["touch", "/app/sub/x"]), "FAIL", "it ended with 1"),
    (CommandCheck(name="may write", command=["touch", "/app/sub/x"], writable_root=True), "PASS", "as expected"),
    (CommandCheck(name="no network", command=["ls", "/sys/class/net"], stdout=["^lo\n$"]), "PASS", "as expected"),
    (
        CommandCheck(name="no rights", command=["grep", "Cap", "/proc/1/status"], stdout_not=[":.*[^0\\s]"], user="0"),
        "PASS", "as expected",
    ),
    (CommandCheck(name="no such user", command=["id"], user="nobody-at-all"), "FAIL", "unable to find user"),
    (FileCheck(name="each", file="/usr/share/doc/*/copyright", contains=["^MIT"]), "FAIL", "doc/bad/copyright"),
    (FileCheck(name="none of any", file="/usr/share/doc/*/README", exists=False), "PASS", "at 2 paths"),
    (FileCheck(name="a pipe", file="/app/pipe", kind="file"), "FAIL", "its kind is other"),
    (FileCheck(name="below a file", file="/app/a.txt/x"), "FAIL", "nothing is there"),
    (SettingCheck(name="stops", setting="stop_signal", value=""), "PASS", "''"),
)  # fmt: skip
CHECKS = {check.name: (check, outcome, says) for check, outcome, says in TRIED}


@pytest.fixture(scope="module")
def findings(engine: Engine, tag: str) -> dict[str, Finding]:
    with new_run(engine) as run:
        return tried(engine, run, read_contract(), tag, [check for check, _, _ in CHECKS.values()])


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_is_ruled_on_by_what_the_engine_ran_or_handed_over(findings: dict[str, Finding], name: str) -> None:
    _, outcome, says = CHECKS[name]
    assert (findings[name].outcome, says in findings[name].found) == (outcome, True), findings[name]


def test_images_that_setup_commands_made_are_removed(engine: Engine, client: docker.DockerClient, tag: str) -> None:
    check = CommandCheck(name="made", command=["cat", "/tmp/a"], setup=[["touch", "/tmp/a"]])
    with new_run(engine) as run:
        assert tried(engine, run, read_contract(), tag, [check])["made"].outcome == "PASS"
        assert client.images.list(all=True, filters={"label": f"{RUN}={run.id}"}) == []
    assert find(client, {RUN_PID: run.labels[RUN_PID]}) == []
