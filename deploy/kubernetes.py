"""The system as Kubernetes manifests, from the contract, the compose file and the published images. Pure.

What a manifest cannot say, the limits of processes and open files, is the cluster's own to set: docs/publishing.md.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import yaml

from deploy.compose import Images, services
from deploy.contract import Contract, Image
from deploy.errors import Exit, Problem
from deploy.image_config import Healthcheck

PART_OF, COMPONENT = "app.kubernetes.io/part-of", "app.kubernetes.io/component"
SYSTEM = "ktrdr"
BACKEND = "backend"  # the service that the others ask; its name is its address
GPU = "nvidia.com/gpu"
TEMPORARY = "256Mi"  # as compose.yaml has it
STORAGE = "10Gi"
DNS = 53

Document = dict[str, Any]


@dataclass(frozen=True)
class Workload:
    """A service of the compose file, with its image of the contract."""

    name: str
    image: Image
    environment: Mapping[str, str]
    gpu: bool

    @property
    def port(self) -> int:
        """The port at which its server answers."""
        return urlsplit(self.image.health).port or 0

    @property
    def stores(self) -> bool:
        """Whether its data stay when it is replaced."""
        return self.name == BACKEND


def manifests(
    contract: Contract,
    published: Images,
    healthchecks: Mapping[str, Healthcheck],
    *,
    gpu: bool = False,
    storage: str = STORAGE,
) -> str:
    """Return the manifests as YAML documents; images and HEALTHCHECKs by the image's name in the contract."""
    found = list(workloads(contract, gpu=gpu))
    documents = [_claim(storage), _service(found[0]), *_policies(found)]
    documents += [
        _deployment(contract, workload, published[workload.image.name], healthchecks.get(workload.image.name))
        for workload in found
    ]
    return yaml.safe_dump_all(documents, sort_keys=False)


def workloads(contract: Contract, *, gpu: bool) -> Iterator[Workload]:
    """Yield the services of the compose file, the backend first; those with a profile only with `gpu`."""
    by_name = {image.name: image for image in contract.images.values()}
    for name, service in sorted(services(gpu=gpu).items(), key=lambda item: item[0] != BACKEND):
        yield Workload(name, by_name[service["image"]], service.get("environment", {}), "profiles" in service)


def _about(kind: str, name: str, version: str = "v1") -> Document:
    labels = {PART_OF: SYSTEM, COMPONENT: name}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": labels}}


def _claim(storage: str) -> Document:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}}
    return {**_about("PersistentVolumeClaim", "data"), "spec": spec}


def _service(backend: Workload) -> Document:
    ports = [{"name": "http", "port": backend.port, "targetPort": backend.port}]
    return {**_about("Service", BACKEND), "spec": {"selector": _selected(BACKEND), "ports": ports}}


def _policies(found: list[Workload]) -> Iterator[Document]:
    """Nothing reaches a pod and none reaches anything, but workers the backend, and the names of services."""
    backend, *workers = found
    port = [{"protocol": "TCP", "port": backend.port}]
    among = {"podSelector": {"matchExpressions": [_one_of(workers)]}}
    yield _policy("nothing", {"matchLabels": {PART_OF: SYSTEM}})
    yield _policy(BACKEND, {"matchLabels": _selected(BACKEND)}, ingress=[{"from": [among], "ports": port}])
    names = [{"protocol": protocol, "port": DNS} for protocol in ("UDP", "TCP")]
    to_backend = {"to": [{"podSelector": {"matchLabels": _selected(BACKEND)}}], "ports": port}
    yield _policy("workers", among["podSelector"], egress=[to_backend, {"ports": names}])


def _policy(name: str, pods: Document, **rules: list[Document]) -> Document:
    spec = {"podSelector": pods, "policyTypes": ["Ingress", "Egress"], **rules}
    return {**_about("NetworkPolicy", name, "networking.k8s.io/v1"), "spec": spec}


def _one_of(workers: list[Workload]) -> Document:
    return {"key": COMPONENT, "operator": "In", "values": [worker.name for worker in workers]}


def _deployment(contract: Contract, workload: Workload, image: str, healthcheck: Healthcheck | None) -> Document:
    """Return a deployment. Where data stay, one pod ends before the next begins: both would write them."""
    spec = {
        "replicas": 1,
        "strategy": {"type": "Recreate"} if workload.stores else {"type": "RollingUpdate"},
        "selector": {"matchLabels": _selected(workload.name)},
        "template": {
            "metadata": {"labels": _selected(workload.name)},
            "spec": _pod(contract, workload, _container(workload, image, healthcheck)),
        },
    }
    return {**_about("Deployment", workload.name, "apps/v1"), "spec": spec}


def _pod(contract: Contract, workload: Workload, container: Document) -> Document:
    """Return a pod: a numeric user, no account of the cluster, no variables that the cluster adds."""
    user, group = _user(contract, workload.image)
    volumes: list[Document] = [{"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": TEMPORARY}}]
    if workload.stores:
        volumes.append({"name": "data", "persistentVolumeClaim": {"claimName": "data"}})
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": math.ceil(contract.serving.stop_seconds),
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": user, "runAsGroup": group, "fsGroup": group,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": volumes,
    }  # fmt: skip


def _user(contract: Contract, image: Image) -> list[int]:
    """Return the numbers of user and group; Problem (exit 2) where the contract demands none."""
    user = contract.configuration_of(image).user
    if user is None:
        key = f"images.{image.role}.configuration.user"
        next_step = f'write {key} = "10001:10001", with the numbers of the image\'s user and group'
        raise Problem("writing the manifests", f"{key} is missing: a pod names its user", next_step, Exit.USAGE)
    return [int(number) for number in user.split(":")]


def _container(workload: Workload, image: str, healthcheck: Healthcheck | None) -> Document:
    mounts = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - a mount, not a file
    mounts += [{"name": "data", "mountPath": path} for path in workload.image.writable if workload.stores]
    limits = workload.image.limits
    most = {"cpu": f"{limits.processors:g}", "memory": str(limits.memory)} | ({GPU: "1"} if workload.gpu else {})
    return {
        "name": workload.name,
        "image": image,
        "env": [{"name": name, "value": str(value)} for name, value in workload.environment.items()],
        "ports": [{"name": "http", "containerPort": workload.port}],
        "resources": {"limits": most, "requests": most},
        "securityContext": {
            "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
        **_probes(workload, healthcheck),
    }  # fmt: skip


def _probes(workload: Workload, healthcheck: Healthcheck | None) -> Document:
    """Return the image's HEALTHCHECK as probes.

    An unhealthy backend becomes well by itself once its disk or database is back: it gets no requests until then, and
    is not restarted. It is restarted when its port takes no connection.
    """
    if healthcheck is None or healthcheck.test[:1] != ("CMD",):
        return {}
    asks = {"exec": {"command": list(healthcheck.test[1:])}, "timeoutSeconds": _seconds(healthcheck.timeout)}
    early = _seconds(healthcheck.start_interval)
    tries = max(healthcheck.retries, math.ceil(healthcheck.start_period / early))
    often = {"periodSeconds": _seconds(healthcheck.interval), "failureThreshold": healthcheck.retries}
    listens = {"tcpSocket": {"port": workload.port}, "timeoutSeconds": _seconds(healthcheck.timeout)}
    return {
        "startupProbe": {**asks, "periodSeconds": early, "failureThreshold": tries},
        "readinessProbe": {**asks, **often},
        "livenessProbe": {**listens, **often},
    }


def _selected(name: str) -> Document:
    return {PART_OF: SYSTEM, COMPONENT: name}


def _seconds(number: float) -> int:
    """Return whole seconds, which is all that Kubernetes takes."""
    return max(1, math.ceil(number))
