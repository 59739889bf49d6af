"""The compose file runs the contract's images with the least that they need, and a Swarm can have it too."""

import re
from typing import Any

import pytest
import yaml

from deploy.__main__ import parser
from deploy.compose import COMPOSE, WITH_SECRETS, stack
from ktrdr.worker.settings import WORKER_TYPES
from tests.support.checkout import read_contract

CONTRACT = read_contract()
TEXT = COMPOSE.read_text(encoding="utf-8")
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
ROLES = {
    "backend": "backend",
    "training-worker": "worker-cpu",
    "backtest-worker": "worker-cpu",
    "gpu-worker": "worker-gpu",
}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_runs_its_role_s_image_of_the_contract(service: str) -> None:
    assert SERVICES[service]["image"] == CONTRACT.images[ROLES[service]].name


@pytest.mark.parametrize("service", [name for name in SERVICES if name.endswith("worker")])
def test_a_worker_is_of_a_type_that_its_image_is_for(service: str) -> None:
    kind = SERVICES[service]["environment"]["KTRDR_WORKER_TYPE"]
    assert kind in CONTRACT.images[ROLES[service]].worker_types


def test_every_worker_type_of_ktrdr_s_is_some_image_s() -> None:
    assert {kind for image in CONTRACT.images.values() for kind in image.worker_types} == {*WORKER_TYPES}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_the_least_that_it_needs(service: str) -> None:
    one = SERVICES[service]
    assert (one["read_only"], one["cap_drop"], one["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
    assert one["restart"] == "unless-stopped"
    assert not {"privileged", "container_name", "network_mode", "user", "build", "env_file", "secrets"} & one.keys()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_runs_under_the_limits_that_its_image_was_verified_under(service: str) -> None:
    one, due = SERVICES[service], CONTRACT.images[ROLES[service]].limits
    processors = f"{due.processors:g}"
    assert one["deploy"]["resources"]["limits"] == {
        "cpus": processors if service == "backend" else f"${{KTRDR_WORKER_CPUS:-{processors}}}",
        "memory": f"{due.memory}b",
        "pids": due.processes,
    }
    assert one["ulimits"] == {"nofile": due.open_files}
    assert one["stop_grace_period"] == f"{CONTRACT.serving.stop_seconds:g}s"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_s_log_is_cut_as_the_contract_says(service: str) -> None:
    size, files = f"{CONTRACT.serving.log_file_at_most / 1e6:g}m", str(CONTRACT.serving.log_files)
    assert SERVICES[service]["logging"] == {"driver": "json-file", "options": {"max-size": size, "max-file": files}}


def test_of_a_processor_that_both_want_the_backend_gets_more_than_a_worker() -> None:
    usual = 1024  # docker run --cpu-shares
    assert {name for name, one in SERVICES.items() if one.get("cpu_shares", usual) > usual} == {"backend"}


def test_only_the_backend_stores_and_is_reached_and_that_from_this_machine_alone() -> None:
    assert {name for name, one in SERVICES.items() if "ports" in one} == {"backend"}
    (port,) = SERVICES["backend"]["ports"]
    assert port["host_ip"] == "${KTRDR_ADDRESS:-127.0.0.1}"
    assert {name: one["volumes"] for name, one in SERVICES.items() if "volumes" in one} == {"backend": ["data:/data"]}
    assert CONTRACT.images["backend"].writable == ["/data"]
    assert f":{port['target']}/" in CONTRACT.images["backend"].health


def test_workers_wait_for_a_healthy_backend_and_know_where_it_is() -> None:
    for name, one in SERVICES.items():
        if name != "backend":
            assert one["depends_on"] == {"backend": {"condition": "service_healthy"}}
            assert one["environment"]["KTRDR_API_URL"] == "http://backend:8000"
    kinds = {name: one["environment"]["KTRDR_WORKER_TYPE"] for name, one in SERVICES.items() if name != "backend"}
    assert kinds == {"training-worker": "training", "backtest-worker": "backtest", "gpu-worker": "training"}


def test_the_profile_gpu_reserves_a_device_and_nothing_else_does() -> None:
    assert {name for name, one in SERVICES.items() if "profiles" in one} == {"gpu-worker"}
    (device,) = SERVICES["gpu-worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert (SERVICES["gpu-worker"]["profiles"], device["capabilities"]) == (["gpu"], ["gpu"])


def test_it_holds_no_secret() -> None:
    assert not re.search(r"password|secret|token|apikey", TEXT.replace("asks for no password", ""), re.IGNORECASE)


def test_a_stack_has_the_same_services_without_what_a_swarm_refuses() -> None:
    document = yaml.safe_load(stack())
    assert document["services"].keys() == SERVICES.keys() - {"gpu-worker"}
    for name, one in document["services"].items():
        refused = {"depends_on", "restart", "pull_policy", "security_opt", "profiles", "tmpfs", "cpu_shares"}
        assert not refused & one.keys()
        same = one.keys() - {"ports", "volumes"}
        assert {key: one[key] for key in same} == {key: SERVICES[name][key] for key in same}
    (port,) = document["services"]["backend"]["ports"]
    assert port == {"published": "${KTRDR_PORT:-8000}", "target": 8000}
    assert document["volumes"] == FILE["volumes"]


def test_a_service_of_a_stack_writes_to_tmp_in_memory_although_a_swarm_passes_over_tmpfs() -> None:
    in_memory = {"type": "tmpfs", "target": "/tmp", "tmpfs": {"size": 256 * 1024 * 1024}}
    for name, one in yaml.safe_load(stack())["services"].items():
        assert SERVICES[name]["tmpfs"] == ["/tmp:size=256m,uid=10001,gid=10001"]
        assert one["volumes"] == [*SERVICES[name].get("volumes", []), in_memory]


def test_a_stack_with_secrets_takes_those_of_the_swarm_for_each_service_that_compose_gives_them_to() -> None:
    plain, document = yaml.safe_load(stack()), yaml.safe_load(stack(secrets=True))
    due = yaml.safe_load(WITH_SECRETS.read_text(encoding="utf-8"))["services"]
    for name, one in document["services"].items():
        before = plain["services"][name]
        assert one["secrets"] == due[name]["secrets"]
        assert one["environment"] == before.get("environment", {}) | due[name]["environment"]
        assert {key: one[key] for key in before.keys() - {"environment"}} == {
            key: before[key] for key in before.keys() - {"environment"}
        }
    assert document["secrets"] == {name: {"external": True, "name": f"ktrdr-{name}"} for name in ("worker", "client")}
    assert "secrets" not in plain


def test_the_documented_command_makes_the_secrets_that_the_stack_names() -> None:
    text = (COMPOSE.parents[1] / "docs" / "security.md").read_text(encoding="utf-8")
    (names,) = re.findall(r"for name in ([a-z ]+); do openssl rand -hex 32 \| docker secret create ktrdr-\$name", text)
    made = {f"ktrdr-{name}" for name in names.split()}
    assert {one["name"] for one in yaml.safe_load(stack(secrets=True))["secrets"].values()} == made
    assert parser().parse_args(["stack", "--secrets"]).secrets


def test_the_help_of_stack_tells_that_its_data_lie_on_one_node(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["stack", "--help"])
    assert "placement constraint" in " ".join(capsys.readouterr().out.split())
