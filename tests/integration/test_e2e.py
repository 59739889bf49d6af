"""`e2e` on the real images passes, leaves nothing, ends when it is interrupted; images that misbehave are caught."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from docker import DockerClient

from deploy.artifacts import E2E, OBSERVED, VERDICT, Artifacts, read_model
from deploy.image_config import ImageConfig
from tests.integration.conftest import Images, execute
from tests.support.signals import HEEDING
from tests.support.waiting import until
from verify.e2e.judge import judge
from verify.e2e.observation import SystemObservation
from verify.e2e.run import run_scenarios
from verify.judge.end_to_end import EndToEnd, Used
from verify.judge.verdict import Finding, Verdict
from verify.report.model import Summary

SECONDS = 600.0
ENDS_WITHIN = 40.0  # its cleaning up has a deadline of 30 s
ROLES = ("backend", "worker-cpu")
Broken = Callable[[str, str], Used]


def command(artifacts: Artifacts) -> list[str]:
    return [sys.executable, "-m", "verify", "e2e", "--artifacts", str(artifacts.root)]


def test_the_verified_images_work_together(images: Images, tmp_path: Path) -> None:
    artifacts = images.copy_artifacts(tmp_path)
    ended = execute(*command(artifacts), seconds=SECONDS)
    assert ended.code == 0, ended
    assert images.left_by(ended.pid) == []
    verdict = artifacts.read(E2E, VERDICT, EndToEnd)
    assert {one.outcome for one in verdict.findings} == {"PASS"}
    assert {role: used.image_id for role, used in verdict.images.items()} == {
        role: images.id_of(role) for role in ROLES
    }
    observed = artifacts.read(E2E, OBSERVED, SystemObservation)
    for name in observed.containers:
        assert artifacts.path(E2E, f"logs/{name}.log").exists()
    summary = Summary.model_validate_json((artifacts.root / "summary.json").read_text())
    assert summary.e2e == verdict
    assert f"end to end: PASS, {len(verdict.findings)} checks" in (artifacts.root / "summary.md").read_text()


def test_an_image_that_was_verified_under_another_state_takes_no_part(images: Images, tmp_path: Path) -> None:
    artifacts = images.copy_artifacts(tmp_path)
    artifacts.path("worker-cpu", VERDICT).unlink()
    ended = execute(*command(artifacts))
    assert ended.code == 3, ended
    assert "worker-cpu has no verdict in this state" in ended.printed
    assert "./noxw -s build verify e2e" in ended.printed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_interrupted_it_leaves_nothing(number: int, images: Images, tmp_path: Path) -> None:
    artifacts = images.copy_artifacts(tmp_path)
    log = tmp_path / "printed"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*HEEDING, *command(artifacts)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        until("four containers", lambda: len(images.left_by(process.pid)) > 4 or process.poll() is not None)
        began = time.monotonic()
        os.kill(process.pid, number)
        code = process.wait(ENDS_WITHIN)
    finally:
        process.kill()
        process.wait()
    printed = log.read_text(encoding="utf-8", errors="replace")
    assert code == 130, f"{code} after {time.monotonic() - began:.1f} s:\n{printed}"
    assert "Traceback" not in printed
    assert images.left_by(process.pid) == []
    assert not artifacts.path(E2E, VERDICT).exists()


def test_what_a_killed_run_left_the_next_one_removes(images: Images, tmp_path: Path) -> None:
    artifacts = images.copy_artifacts(tmp_path)
    process = subprocess.Popen(command(artifacts), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until("a container and its network", lambda: len(images.left_by(process.pid)) > 2)
    process.kill()  # from now on any run on this machine may remove them
    process.wait()
    images.verify("backend", artifacts=artifacts)
    assert images.left_by(process.pid) == []


@pytest.fixture
def broken(images: Images, client: DockerClient, tmp_path: Path) -> Iterator[Broken]:
    """Make an image that misbehaves, by lines on top of a role's good image."""
    made: list[str] = []

    def make(role: str, lines: str) -> Used:
        name = f"ktrdr-try-{uuid.uuid4().hex[:8]}:broken"
        (tmp_path / "Dockerfile").write_text(f"FROM {images.contract.images[role].name}\n{lines}\n", encoding="utf-8")
        build = [*images.engine.command(), "buildx", "build", "--network=none", "--provenance=false", "--load"]
        done = execute(*build, "--tag", name, str(tmp_path))
        assert done.code == 0, done
        made.append(name)
        config = ImageConfig.from_inspect(client.api.inspect_image(name))
        return Used(tag=name, image_id=config.image_id, identity=config.identity)

    yield make
    for name in made:
        client.images.remove(name)


def findings(images: Images, role: str, used: Used, *scenarios: str) -> dict[str, Finding]:
    """Run some scenarios with one image replaced; return the findings by check."""
    known = {one: read_model(images.artifacts.path(one, VERDICT), Verdict) for one in ROLES}
    taking_part = {
        one: Used(tag=verdict.tag, image_id=str(verdict.image_id), identity=str(verdict.identity))
        for one, verdict in known.items()
    }
    observed = run_scenarios(images.engine, images.contract, taking_part | {role: used}, lambda *_: None, scenarios)
    return {one.check: one for one in judge(observed, (), "").findings}


def test_a_worker_that_never_registers_is_caught(images: Images, broken: Broken) -> None:
    deaf = broken("worker-cpu", 'CMD ["python", "-m", "http.server", "5003"]')
    found = findings(images, "worker-cpu", deaf, "startup", "training")
    assert found["workers/startup-registration"].outcome == "FAIL"
    assert "/workers/training-1 answered 404" in found["workers/startup-registration"].found
    assert found["training/smoke"].because == "workers/startup-registration"


def test_a_backend_that_forgets_is_caught(images: Images, broken: Broken) -> None:
    forgetful = broken("backend", "ENV KTRDR_DATABASE_URL=sqlite:////tmp/ktrdr.db")
    found = findings(images, "backend", forgetful, "startup", "sample", "restart")
    assert found["workers/startup-registration"].outcome == "PASS", found
    assert found["backend/restart"].outcome == "FAIL", found
    assert "is not there any more" in found["backend/restart"].found


def test_a_worker_that_does_not_heed_its_end_is_caught(images: Images, broken: Broken) -> None:
    stubborn = broken("worker-cpu", """CMD ["sh", "-c", "trap '' TERM; python -m ktrdr.worker & wait; wait"]""")
    found = findings(images, "worker-cpu", stubborn, "startup", "sample", "terminated")
    assert found["workers/startup-registration"].outcome == "PASS", found
    assert found["workers/terminated"].outcome == "FAIL", found
    assert "training-1 still runs" in found["workers/terminated"].found
