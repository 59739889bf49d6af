"""The manifests are what Kubernetes' published schemas take, and say what the contract says."""

from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy.compose import images, services
from deploy.configuration import Configuration
from deploy.errors import Exit, Problem
from deploy.image_config import Healthcheck
from deploy.kubernetes import manifests, workloads
from tests.support.checkout import read_contract

CONTRACT = read_contract()
VERSIONS = ("1.35", "1.36", "1.37")
PUBLISHED = {name: f"registry.example/{name.partition(':')[0]}@sha256:{'0' * 64}" for name in images(gpu=True)}
HEALTH = Healthcheck(("CMD", "python", "-m", "ktrdr.healthcheck", "url"), 10.0, 5.0, 30.0, 3, 0.6)
TEXT = manifests(CONTRACT, PUBLISHED, dict.fromkeys(PUBLISHED, HEALTH), gpu=True)
DOCUMENTS: list[dict[str, Any]] = list(yaml.safe_load_all(TEXT))
WORKLOADS = {workload.name: workload for workload in workloads(CONTRACT, gpu=True)}


def of(kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one["spec"] for one in DOCUMENTS if one["kind"] == kind}


PODS = {name: spec["template"]["spec"] for name, spec in of("Deployment").items()}
CONTAINERS = {name: pod["containers"][0] for name, pod in PODS.items()}
every_service = pytest.mark.parametrize("name", WORKLOADS)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: f"{one['kind']} {one['metadata']['name']}")
def test_every_manifest_is_valid_by_the_published_schema(version: str, document: dict[str, Any]) -> None:
    assert kubernetes_validate.validate(document, version, strict=True) == version


def test_a_key_that_kubernetes_does_not_know_is_not_valid() -> None:
    wrong = {**DOCUMENTS[0], "spec": {**DOCUMENTS[0]["spec"], "unheard": 1}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_there_is_a_deployment_for_each_service_of_the_compose_file() -> None:
    assert PODS.keys() == services(gpu=True).keys()
    plain = manifests(CONTRACT, PUBLISHED, {}, gpu=False)
    assert "gpu-worker" not in plain
    assert "nvidia.com/gpu" not in plain


@every_service
def test_a_container_runs_the_published_image_as_the_contract_s_numeric_user(name: str) -> None:
    image = WORKLOADS[name].image
    assert CONTAINERS[name]["image"] == PUBLISHED[image.name]
    user, group = map(int, str(CONTRACT.configuration_of(image).user).split(":"))
    context = PODS[name]["securityContext"]
    assert (context["runAsNonRoot"], context["runAsUser"], context["runAsGroup"]) == (True, user, group)


def test_a_contract_that_demands_no_user_is_told_what_to_write() -> None:
    def without(configuration: Configuration) -> Configuration:
        return configuration.model_copy(update={"user": None})

    images = {
        role: image.model_copy(update={"configuration": without(image.configuration)})
        for role, image in CONTRACT.images.items()
    }
    contract = CONTRACT.model_copy(update={"configuration": without(CONTRACT.configuration), "images": images})
    with pytest.raises(Problem, match=r"images\.backend\.configuration\.user is missing") as told:
        manifests(contract, PUBLISHED, {})
    assert told.value.code == Exit.USAGE
    assert 'configuration.user = "' in told.value.next_step


@every_service
def test_a_container_has_the_least_that_it_needs(name: str) -> None:
    assert CONTAINERS[name]["securityContext"] == {
        "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert PODS[name]["automountServiceAccountToken"] is False
    assert PODS[name]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


@every_service
def test_a_container_runs_under_the_contract_s_limits_and_the_gpu_worker_with_a_gpu(name: str) -> None:
    limits = WORKLOADS[name].image.limits
    due = {"cpu": f"{limits.processors:g}", "memory": str(limits.memory)}
    due |= {"nvidia.com/gpu": "1"} if name == "gpu-worker" else {}
    assert CONTAINERS[name]["resources"] == {"limits": due, "requests": due}
    assert PODS[name]["terminationGracePeriodSeconds"] == CONTRACT.serving.stop_seconds


@every_service
def test_the_image_s_healthcheck_becomes_probes(name: str) -> None:
    container = CONTAINERS[name]
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["exec"]["command"] == list(HEALTH.test[1:])
        assert container[probe]["timeoutSeconds"] == HEALTH.timeout
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= HEALTH.start_period
    assert container["readinessProbe"]["periodSeconds"] == container["livenessProbe"]["periodSeconds"] == 10
    assert container["readinessProbe"]["failureThreshold"] == HEALTH.retries


def test_an_image_without_a_healthcheck_has_no_probes() -> None:
    assert "Probe" not in manifests(CONTRACT, PUBLISHED, {})


def test_only_the_backend_stores_and_it_is_never_there_twice() -> None:
    claims = {name: [one for one in pod["volumes"] if "persistentVolumeClaim" in one] for name, pod in PODS.items()}
    assert {name for name, found in claims.items() if found} == {"backend"}
    assert [one["mountPath"] for one in CONTAINERS["backend"]["volumeMounts"]] == ["/tmp", "/data"]
    assert of("Deployment")["backend"]["strategy"] == {"type": "Recreate"}
    assert of("PersistentVolumeClaim").keys() == {"data"}


@every_service
def test_what_is_temporary_lies_in_memory_within_a_bound(name: str) -> None:
    assert PODS[name]["volumes"][0] == {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "256Mi"}}


def test_workers_find_the_backend_by_its_service() -> None:
    (port,) = of("Service")["backend"]["ports"]
    for name, container in CONTAINERS.items():
        environment = {one["name"]: one["value"] for one in container["env"]}
        if name != "backend":
            assert environment["KTRDR_API_URL"] == f"http://backend:{port['port']}"


def labels(name: str) -> dict[str, str]:
    found: dict[str, str] = of("Deployment")[name]["template"]["metadata"]["labels"]
    return found


def test_nothing_is_reached_but_the_backend_and_that_by_workers_alone() -> None:
    policies = of("NetworkPolicy")
    assert policies["nothing"] == {
        "podSelector": {"matchLabels": {"app.kubernetes.io/part-of": "ktrdr"}}, "policyTypes": ["Ingress", "Egress"],
    }  # fmt: skip
    assert all(labels(name)["app.kubernetes.io/part-of"] == "ktrdr" for name in PODS)
    assert {name for name, one in policies.items() if one.get("ingress")} == {"backend"}
    (rule,) = policies["backend"]["ingress"]
    (among,) = rule["from"][0]["podSelector"]["matchExpressions"]
    assert set(among["values"]) == PODS.keys() - {"backend"}
    assert rule["ports"] == [{"protocol": "TCP", "port": 8000}]
    assert policies["backend"]["podSelector"]["matchLabels"] == labels("backend")
    assert "egress" not in policies["backend"]
