"""Only verified images take part; what comes of them is written, joins the summary, and decides the exit code."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import requests
from docker.errors import ImageNotFound
from rich.console import Console

from deploy.artifacts import E2E, OBSERVED, VERDICT, Artifacts, write_model
from deploy.engine.connection import Engine
from deploy.errors import Exit, Problem
from deploy.image_config import ImageConfig
from tests.support.checkout import read_contract
from tests.support.e2e_observations import good
from tests.support.summaries import complete, finding, verdict
from verify.commands import end_to_end
from verify.commands.end_to_end import Unfit, fit
from verify.e2e.observation import SystemObservation
from verify.judge.end_to_end import EndToEnd, Used
from verify.report.model import Summary

ENGINE = Engine("unix:///nowhere", "id", "26", "1.45", "overlay2", "0.13", "2.26", "docker")
INSPECTED: dict[str, Any] = {"Id": "sha256:1", "RootFS": {"Layers": ["a"]}, "Config": {}}
CONTRACT = read_contract()
USED = {
    role: Used(tag=f"ktrdr-{role}:test", image_id="sha256:1", identity="sha256:2") for role in ("backend", "worker-cpu")
}


def inspect(_tag: str) -> dict[str, Any]:
    return INSPECTED


def test_a_verified_image_takes_part_by_its_id() -> None:
    good_one = verdict("backend").model_copy(update={"identity": ImageConfig.from_inspect(INSPECTED).identity})
    assert fit("backend", good_one, inspect).image_id == "sha256:1"


def test_an_image_that_is_not_verified_takes_no_part() -> None:
    def gone(_tag: str) -> dict[str, Any]:
        raise ImageNotFound("no such image")

    for one, look, reason in (
        (None, inspect, "backend has no verdict in this state"),
        (verdict("backend", finding("FAIL")), inspect, "was verified with FAIL"),
        (verdict("backend", finding("ERROR")), inspect, "was verified with ERROR"),
        (verdict("backend"), inspect, "verified was sha256:2"),
        (verdict("backend"), gone, "no image ktrdr-backend:test on the engine"),
    ):
        with pytest.raises(Unfit, match=reason):
            fit("backend", one, look)


@pytest.fixture
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Artifacts:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    for role in USED:
        write_model(tmp_path / role / VERDICT, complete(verdict(role)))
    return Artifacts(tmp_path)


def run(artifacts: Artifacts) -> tuple[Exit, str]:
    console = Console(width=200, highlight=False, markup=False)
    with console.capture() as capture:
        code = end_to_end.end_to_end(CONTRACT, ENGINE, artifacts, console)
    return code, capture.get()


def ran(monkeypatch: pytest.MonkeyPatch, document: dict[str, Any]) -> None:
    def run_scenarios(*arguments: Any) -> SystemObservation:
        show = arguments[-1]
        show("training", "op to end")
        show("training", "")
        return SystemObservation.model_validate(
            document | {"images": {role: one.model_dump() for role, one in USED.items()}}
        )

    for container in document["containers"].values():
        container["image_id"] = "sha256:1"
    for container in document["scenes"]["startup"]["containers"].values():
        container["image_id"] = "sha256:1"
    monkeypatch.setattr(end_to_end, "verified", lambda *_: USED)
    monkeypatch.setattr(end_to_end, "run_scenarios", run_scenarios)


def named(document: dict[str, Any]) -> dict[str, Any]:
    """Let the misplaced worker name the images of this contract."""
    names = " ".join(image.name for image in CONTRACT.images.values())
    document["scenes"]["misplaced"]["containers"]["misplaced"]["log"] = names
    return document


def test_what_is_good_passes_is_written_and_joins_the_summary(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(monkeypatch, named(good()))
    code, printed = run(artifacts)
    assert code == Exit.OK, printed
    assert "PASS  operations/queue              10 completed, in order\n" in printed
    assert "end to end: PASS, 14 checks in 80.0 s" in printed
    assert artifacts.read(E2E, VERDICT, EndToEnd).outcome == "PASS"
    assert artifacts.read(E2E, OBSERVED, SystemObservation).scenarios.keys() == good()["scenes"].keys()
    assert artifacts.path(E2E, "logs/backend.log").read_text() == "INFO: backend runs"
    summary = published(artifacts)
    assert (summary.outcome, [row.role for row in summary.rows]) == ("PASS", ["backend", "worker-cpu"])
    assert summary.e2e is not None
    assert summary.e2e.seconds == 80.0


def published(artifacts: Artifacts) -> Summary:
    return Summary.model_validate_json((artifacts.root / "summary.json").read_text())


def test_images_that_nobody_verified_are_not_called_good(artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    page = artifacts.root / "page.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    ran(monkeypatch, named(good()))
    run(artifacts)
    told = "every image is what its role demands, of those asked about: backend, worker-cpu; "
    assert published(artifacts).meaning == f"{told}`./noxw -s summarize` covers all, also: dev, worker-gpu"
    assert "of those asked about: backend, worker-cpu" in page.read_text()


def test_a_verdict_that_cannot_be_read_is_an_error_in_the_summary(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts.write("dev", VERDICT, complete(verdict("dev", finding("FAIL"))))
    path = artifacts.path("dev", VERDICT)
    path.write_text(path.read_text()[:-100])
    ran(monkeypatch, named(good()))
    code, _printed = run(artifacts)
    assert code == Exit.OK
    summary = published(artifacts)
    assert {row.role: row.outcome for row in summary.rows} == {"backend": "PASS", "dev": "ERROR", "worker-cpu": "PASS"}
    assert (summary.outcome, summary.exit_code) == ("ERROR", Exit.UNAVAILABLE)
    assert str(path) in summary.rows[1].findings[0].found
    assert summary.meaning.endswith("seen of: dev; `./noxw -s summarize` covers all, also: worker-gpu")


def test_a_verdict_by_the_gpu_contract_alone_is_none_on_the_image(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts.write("worker-gpu", VERDICT, complete(verdict("worker-gpu", gpu=True)))
    ran(monkeypatch, named(good()))
    run(artifacts)
    assert [(row.role, row.outcome) for row in published(artifacts).rows][-1] == ("worker-gpu", "ERROR")


def test_without_any_verdict_there_is_no_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran(monkeypatch, named(good()))
    run(Artifacts(tmp_path))
    assert not (tmp_path / "summary.json").exists()


def test_what_is_wrong_fails_and_is_told(artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    document = named(good())
    document["scenes"]["killed"]["times"]["lost"] = 20.0
    ran(monkeypatch, document)
    code, printed = run(artifacts)
    assert code == Exit.FAILED
    assert "FAIL  workers/killed" in printed
    assert "next     See the operations in artifacts/e2e/observed.json" in printed
    assert "failure" in (artifacts.root / "junit.xml").read_text()


def test_a_verdict_that_cannot_be_believed_lets_no_image_take_part(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = complete(verdict("backend", finding("FAIL"))).model_copy(update={"outcome": "PASS"})
    artifacts.write("backend", VERDICT, failed)
    monkeypatch.setattr("deploy.engine.connection.sdk", lambda _: Mock())
    code, printed = run(artifacts)
    assert code == Exit.UNAVAILABLE
    assert "backend has no verdict in this state" in printed


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unfit("backend has no verdict in this state"), "backend has no verdict in this state"),
        (requests.ConnectionError("gone"), "the engine: gone"),
        (Problem("talking", "it does not answer", "start it"), "it does not answer"),
    ],
)
def test_what_could_not_begin_is_an_error_with_the_next_step(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(end_to_end, "verified", refuse)
    code, printed = run(artifacts)
    assert code == Exit.UNAVAILABLE
    assert reason in printed
    assert "./noxw -s build verify e2e" in printed
    assert printed.count("ERROR  verified-images") == 1
    assert artifacts.read(E2E, VERDICT, EndToEnd).outcome == "ERROR"


def test_what_an_earlier_run_wrote_is_gone_when_one_is_interrupted(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(monkeypatch, named(good()))
    run(artifacts)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(end_to_end, "run_scenarios", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(artifacts)
    assert not artifacts.path(E2E, VERDICT).exists()
    assert not artifacts.path(E2E, "logs").exists()
