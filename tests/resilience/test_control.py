"""An engine that runs no container as it is asked to is at fault for each image, in its own words: exit 3."""

import stat
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.artifacts import VERDICT, Artifacts
from deploy.build_record import BuildRecord
from deploy.engine import daemon
from deploy.engine.connection import find_engine
from tests.resilience.conftest import built, carry
from tests.resilience.second import CAN_START, WHY_NOT, second_engine
from tests.resilience.site import Site, told
from verify.judge.verdict import Verdict

# What stands before runc: Python that may refuse, or change what the container is told to be, as a host does.
WRAPPER = """#!/usr/bin/python3
import json, os, pathlib, sys

def fail(words):
    log = sys.argv[sys.argv.index("--log") + 1] if "--log" in sys.argv else "/dev/null"
    with open(log, "a") as file:
        file.write(json.dumps({"level": "error", "msg": words, "time": "2026-01-01T00:00:00Z"}) + chr(10))
    sys.exit(words)

mode = pathlib.Path(MODE).read_text()
if "create" in sys.argv:
    path = pathlib.Path(sys.argv[sys.argv.index("--bundle") + 1], "config.json")
    config = json.loads(path.read_text())
    process, linux = config["process"], config["linux"]
    if mode == "cgroups" and linux["resources"].get("pids", {}).get("limit"):
        fail("unable to apply cgroup configuration: mkdir /sys/fs/cgroup/docker: permission denied")
    if mode == "read-only" and config["root"].get("readonly"):
        fail("rootfs_linux.go: remounting rootfs as read-only: operation not permitted")
    if mode == "no-new-privileges" and process.get("noNewPrivileges"):
        program = process["args"][0]
        process["args"] = ["/bin/sh", "-c", f"echo exec {program}: operation not permitted >&2; exit 255"]
    if mode == "memory" and linux["resources"].get("memory", {}).get("limit"):
        fail("unable to set memory limit: write memory.limit_in_bytes: permission denied")
    if mode == "clone3":  # what engines older than the image's C library do (moby, issue 42680)
        for rule in linux["seccomp"]["syscalls"]:
            rule["names"] = [name for name in rule["names"] if name != "clone3"]
        rules = [rule for rule in linux["seccomp"]["syscalls"] if rule["names"]]
        linux["seccomp"]["syscalls"] = [*rules, {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]
    path.write_text(json.dumps(config))
os.execvp("runc", ["runc", *sys.argv[1:]])
"""
# The machine may be busy: no deadline of a few seconds is what is tried here.
PATIENT = "import verify.observe.containers\nverify.observe.containers.ANSWER = 20.0\n"
REFUSALS = {
    "cgroups": "mkdir /sys/fs/cgroup/docker: permission denied",
    "read-only": "remounting rootfs as read-only: operation not permitted",
    "memory": "write memory.limit_in_bytes: permission denied",
    "no-new-privileges": "it ended with 255: exec python3: operation not permitted",
    "clone3": "can't start new thread",
}


@pytest.fixture(scope="module")
def mode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runtime") / "mode"


@pytest.fixture(scope="module")
def endpoint(mode: Path, good: Artifacts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An engine with the backend's image and its base, whose runtime refuses what its mode says."""
    if not CAN_START:
        pytest.skip(WHY_NOT)
    runtime = mode.parent / "runtime"
    runtime.write_text(textwrap.dedent(WRAPPER).replace("MODE", repr(str(mode))), encoding="utf-8")
    runtime.chmod(runtime.stat().st_mode | stat.S_IEXEC)
    mode.write_text("", encoding="utf-8")
    with second_engine(tmp_path_factory.mktemp("refusing") / "engine", runtime=runtime) as place:
        daemon.start(place, print)
        own = find_engine()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DOCKER_HOST", f"unix://{place.socket}")
            refusing = find_engine()
        carry(own, refusing, built(good).tag, built(good).base.reference)
        yield f"unix://{place.socket}"


@pytest.fixture
def refusing(endpoint: str, original: Site, good: Artifacts, tmp_path: Path) -> Site:
    site = Site(original.checkout, good, {**original.environment, "DOCKER_HOST": endpoint})
    artifacts = Artifacts(tmp_path / "artifacts")
    artifacts.write("backend", "build.json", good.read("backend", "build.json", BuildRecord))
    return Site(site.checkout, artifacts, site.environment)


@pytest.mark.parametrize("refusal", REFUSALS)
def test_an_engine_that_does_not_even_run_the_base_image_is_blamed_and_not_the_image(
    refusing: Site, mode: Path, refusal: str
) -> None:
    mode.write_text(refusal, encoding="utf-8")
    told(refusing.verify(before=PATIENT).end(200.0), 3, "control", REFUSALS[refusal], "ENVIRONMENT")
    verdict = refusing.artifacts.read("backend", VERDICT, Verdict)
    findings = {finding.check: finding for finding in verdict.findings}
    assert (verdict.outcome, findings["control"].outcome) == ("ERROR", "ERROR")
    assert REFUSALS[refusal] in findings["control"].found
    assert {finding.outcome for finding in findings.values()} == {"ERROR", "PASS", "SKIP"}
    assert {finding.category for finding in findings.values() if finding.outcome == "ERROR"} == {"ENVIRONMENT"}


def test_an_engine_that_refuses_nothing_finds_the_same_image_good(refusing: Site, mode: Path) -> None:
    mode.write_text("", encoding="utf-8")
    told(refusing.verify(before=PATIENT).end(200.0), 0)
