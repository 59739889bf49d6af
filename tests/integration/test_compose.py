"""`docker compose up` brings up a system that trains, and `down` leaves nothing of it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.compose import stack
from deploy.engine.runs import new_run
from tests.integration.composed import COMPOSE, Project
from tests.integration.conftest import Images, execute
from tests.support.waiting import until

TRAINING = {"strategy_name": "mlp_fx_hourly", "start_date": "2023-01-01", "end_date": "2023-04-01"}


@pytest.fixture
def project(images: Images, tmp_path: Path) -> Iterator[Project]:
    with new_run(images.engine) as run:  # whatever happens, what carries its labels is removed
        yield Project(images, run, tmp_path)


def test_up_is_all_it_takes_to_train_and_down_leaves_nothing(project: Project) -> None:
    project.up()
    assert len(project.made()) == 5, project.made()  # three containers, a network, a volume
    workers = until("two workers", lambda: len(found := project.ask("GET", "/workers")["workers"]) == 2 and found)
    assert {one["type"] for one in workers} == {"training", "backtest"}
    sample = project.compose("exec", "-T", "backend", "ktrdr", "data", "sample", "--upload")
    assert sample.code == 0, sample
    task = project.ask("POST", "/trainings/start", TRAINING)["task_id"]

    def ended() -> dict[str, Any] | None:
        operation: dict[str, Any] = project.ask("GET", f"/operations/{task}")["operation"]
        return operation if operation["completed_at"] else None

    operation = until("the training to end", ended, 180.0)
    assert operation["status"] == "completed", operation
    down = project.compose("down", "--volumes")
    assert down.code == 0, down
    assert project.made() == []


@pytest.mark.parametrize(
    ("options", "owner_and_mode"),
    [("uid=10001", "10001 755"), ("mode=1777", "0 755"), ("size=9m", "0 755")],
)
def test_data_in_memory_belongs_to_the_image_s_user_by_uid_and_by_nothing_else(
    images: Images, options: str, owner_and_mode: str
) -> None:
    command = [*images.engine.command(), "run", "--rm", "--network=none", f"--tmpfs=/data:{options}"]
    ended = execute(*command, images.id_of("backend"), "stat", "--format=%u %a", "/data")
    assert (ended.code, ended.printed.strip()) == (0, owner_and_mode), ended


def test_the_engine_bounds_log_and_processors_of_every_container(project: Project) -> None:
    made = project.compose("create")
    assert made.code == 0, made
    api, contract = project.images.client.api, project.images.contract
    listed = api.containers(all=True, filters={"label": f"com.docker.compose.project={project.name}"})
    assert len(listed) == 3
    for one in listed:
        host = api.inspect_container(one["Id"])["HostConfig"]
        role = "backend" if one["Labels"]["com.docker.compose.service"] == "backend" else "worker-cpu"
        assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
        assert host["NanoCpus"] == contract.images[role].limits.processors * 1e9
        assert (host["CpuShares"] > 1024) is (role == "backend")


def test_what_a_service_has_in_memory_is_its_user_s(images: Images) -> None:
    tmpfs: list[str] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]["backend"]["tmpfs"]
    command = [*images.engine.command(), "run", "--rm", "--network=none", "--read-only", f"--tmpfs={tmpfs[0]}"]
    ended = execute(*command, images.id_of("backend"), "stat", "--format=%u %g %a", "/tmp")
    assert (ended.code, ended.printed.strip()) == (0, "10001 10001 1777"), ended


@pytest.mark.parametrize(
    ("profile", "expected"),
    [([], {"backend", "training-worker", "backtest-worker"}),
     (["--profile", "gpu"], {"backend", "training-worker", "backtest-worker", "gpu-worker"})],
)  # fmt: skip
def test_the_file_is_valid_with_and_without_the_gpu(images: Images, profile: list[str], expected: set[str]) -> None:
    done = execute(*images.engine.command(), "compose", "-f", str(COMPOSE), *profile, "config", "--services")
    assert (done.code, set(done.printed.split())) == (0, expected), done


@pytest.mark.parametrize("secrets", [False, True])
def test_a_swarm_takes_the_stack(images: Images, secrets: bool) -> None:  # noqa: FBT001
    done = subprocess.run(
        [*images.engine.command(), "stack", "config", "--compose-file", "-"],
        input=stack(secrets=secrets), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    known = yaml.safe_load(done.stdout)
    assert known["services"].keys() == {"backend", "training-worker", "backtest-worker"}
    assert known["services"]["backend"]["ports"][0]["published"] == 8000
