"""Finds the one Docker Engine to use, and makes clients of both libraries for exactly that engine."""

import contextlib
import json
import math
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import docker.errors
import docker.tls
import requests.exceptions

from deploy.engine import podman
from deploy.engine.endpoint import Endpoint, Tls, resolve
from deploy.engine.trouble import LOOKING, Trouble, classify, unreachable
from deploy.errors import Problem

if TYPE_CHECKING:
    import python_on_whales

MINIMUM_ENGINE = (23,)  # the first whose own Dockerfile frontend knows named build contexts
MINIMUM_BUILDX = (0, 13)
ANSWER_SECONDS = 20.0  # how long an engine may take to say that it is there

# What asking an engine can raise: it refuses, it is gone, it is silent, or `sdk` says so (Problem).
ENGINE_ERRORS = (docker.errors.DockerException, requests.exceptions.RequestException, OSError, Problem)

ONE_ENGINE = "unset DOCKER_HOST and DOCKER_CONTEXT or make them name one engine; `docker context ls` shows what is set"


@dataclass(frozen=True)
class Engine:
    """An engine that answers, with the tools that the pipeline needs beside it. `id` is the engine's own."""

    endpoint: str
    id: str
    version: str
    api_version: str
    storage_driver: str
    buildx: str
    compose: str
    cli: str
    tls: Tls | None = None
    origin: str = "default"
    root: str = ""  # the directory on the engine's machine in which it keeps images
    podman: bool = False

    def command(self) -> list[str]:
        """Return the start of a docker command line that reaches exactly this engine."""
        return [self.cli, *self.address.flags()]

    @property
    def address(self) -> Endpoint:
        """Its address, and the setting that named it."""
        return Endpoint(self.endpoint, self.origin, self.tls)


@dataclass(frozen=True)
class Sighting:
    """The facts found while looking for an engine, not yet judged. An empty string means: not there."""

    endpoint: Endpoint
    trouble: Trouble = ""
    detail: str = ""
    id: str = ""
    version: str = ""
    api_version: str = ""
    storage_driver: str = ""
    root: str = ""
    podman: bool = False
    cli: str = ""
    cli_id: str = ""
    cli_place: str = ""  # podman.identity, by the docker command
    cli_error: str = ""
    plugins: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # version and path, by name

    @property
    def buildx(self) -> str:
        """The buildx plugin's version."""
        return self.plugins.get("buildx", ("", ""))[0]

    @property
    def compose(self) -> str:
        """The compose plugin's version."""
        return self.plugins.get("compose", ("", ""))[0]


def find_engine(timeout: float = 10.0) -> Engine:
    """Find the engine that the environment names, within `timeout` seconds.

    Raises:
        Problem: none answers; it, the docker command or buildx is missing or too old; or the SDK and the docker
            command see different engines (exit 3).

    """
    return judge(look(timeout))


def look(timeout: float = 10.0) -> Sighting:
    """Ask the engine and the docker command, side by side, what they are.

    All requests together share `timeout` seconds; the command gets half a second more where they used them up.
    """
    endpoint = resolve(os.environ, Path.home())
    cli = shutil.which("docker") or ""
    deadline = time.monotonic() + timeout
    process = _ask_cli(cli, endpoint) if cli else None
    try:
        facts = _ask_engine(endpoint, deadline)
        answer = _read_cli(process, max(0.5, deadline - time.monotonic())) if process else {}
    finally:
        if process and process.poll() is None:
            process.kill()
            process.communicate()
    return Sighting(endpoint=endpoint, cli=cli, **facts, **answer)


def judge(seen: Sighting) -> Engine:
    """Turn a sighting into an engine that can be used, or a Problem that says what to do."""
    if seen.trouble:
        raise unreachable(seen.endpoint, seen.trouble, seen.detail)
    if seen.podman:
        return _podman(seen)
    if not seen.cli:
        raise Problem(LOOKING, "there is no docker command on PATH", "./noxw -s engine installs it")
    if version_numbers(seen.version) < MINIMUM_ENGINE:
        needed = f"the builds need {_dotted(MINIMUM_ENGINE)} or later"
        wrong = f"the engine at {seen.endpoint.shown} is {seen.version}; {needed}"
        next_step = (
            "upgrade it (an engine that answers is never touched by this pipeline), or set DOCKER_HOST to another"
        )
        raise Problem(LOOKING, wrong, next_step)
    because = f" ({seen.cli_error})" if seen.cli_error else ""
    if not seen.buildx:
        raise Problem(LOOKING, f"{seen.cli} has no buildx plugin{because}", "./noxw -s engine adds it")
    if version_numbers(seen.buildx) < MINIMUM_BUILDX:
        path = seen.plugins["buildx"][1]
        wrong = f"the buildx plugin {path} is {seen.buildx}; the builds need {_dotted(MINIMUM_BUILDX)} or later"
        raise Problem(LOOKING, wrong, f"./noxw -s engine adds a newer one where it can; else upgrade or remove {path}")
    if seen.cli_id != seen.id:
        both = f"the SDK sees engine {seen.id}, but {seen.cli} sees {seen.cli_id or 'none'}{because}"
        raise Problem(LOOKING, f"at {seen.endpoint.shown} {both}", ONE_ENGINE)
    return _engine(seen)


def _podman(seen: Sighting) -> Engine:
    """Return Podman as an engine: neither docker command nor buildx is needed to verify."""
    if version_numbers(seen.version) < podman.MINIMUM:
        wrong = f"Podman at {seen.endpoint.shown} is {seen.version}; {_dotted(podman.MINIMUM)} or later is needed"
        raise Problem(LOOKING, wrong, "upgrade it, or set DOCKER_HOST to another engine")
    if seen.cli_place and seen.cli_place != seen.id:
        both = f"the SDK sees Podman {seen.id}, but {seen.cli} sees {seen.cli_place}"
        raise Problem(LOOKING, f"at {seen.endpoint.shown} {both}", ONE_ENGINE)
    return _engine(seen)


def _engine(seen: Sighting) -> Engine:
    return Engine(
        endpoint=seen.endpoint.host,
        id=seen.id,
        version=seen.version,
        api_version=seen.api_version,
        storage_driver=seen.storage_driver,
        buildx=seen.buildx,
        compose=seen.compose,
        cli=seen.cli,
        tls=seen.endpoint.tls,
        origin=seen.endpoint.origin,
        root=seen.root,
        podman=seen.podman,
    )


def sdk(engine: Engine, timeout: float = 60.0) -> docker.DockerClient:
    """Return a docker SDK client for this engine; each request waits at most `timeout` seconds for the next byte.

    Raises:
        Problem: the engine, which answered before, does not answer any more (exit 3).

    """
    try:
        return client_for(engine.address, timeout, kind=podman.PodmanApi if engine.podman else None)
    except ENGINE_ERRORS as error:
        wrong = f"the engine at {engine.address.shown} answered before and does not now: {classify(error)[1]}"
        raise Problem("talking to the Docker Engine", wrong, "./noxw -s engine, then the same again") from error


def silence(engine: Engine) -> str:
    """Return why an engine that answered before does not answer within ANSWER_SECONDS now; "" where it answers."""
    try:
        with contextlib.closing(client_for(engine.address, ANSWER_SECONDS)) as client:
            client.ping()
    except ENGINE_ERRORS as error:
        return classify(error)[1]
    return ""


def whales(engine: Engine) -> "python_on_whales.DockerClient":
    """Return a python-on-whales client for this engine."""
    import python_on_whales  # noqa: PLC0415  half a second that only a build needs to spend

    tls = engine.tls
    return python_on_whales.DockerClient(
        host=engine.endpoint,
        client_call=[engine.cli],
        client_type="docker",
        tls=bool(tls) or None,
        tlsverify=(tls.verify if tls else None) or None,
        tlscacert=tls.ca if tls else None,
        tlscert=tls.cert if tls else None,
        tlskey=tls.key if tls else None,
    )


def version_numbers(text: str) -> tuple[int, ...]:
    """Read the leading numbers of a version: `v0.13.1+ds1` is (0, 13, 1); no number at all is ()."""
    match = re.search(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in match.group().split(".")) if match else ()


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(str(number) for number in numbers)


def client_for(endpoint: Endpoint, timeout: float, kind: type[docker.APIClient] | None = None) -> docker.DockerClient:
    """Return a docker SDK client for an endpoint, whatever lies behind it; most callers want `sdk`.

    ``kind``: the class of its `api`, where that is not the SDK's own.
    """
    tls: docker.tls.TLSConfig | bool = False
    if endpoint.tls:
        pair = endpoint.tls.cert and endpoint.tls.key and (str(endpoint.tls.cert), str(endpoint.tls.key))
        ca = str(endpoint.tls.ca) if endpoint.tls.ca else None
        tls = docker.tls.TLSConfig(client_cert=pair or None, ca_cert=ca, verify=endpoint.tls.verify)
    options: dict[str, Any] = {"base_url": endpoint.host, "timeout": math.ceil(timeout), "tls": tls}
    options["use_ssh_client"] = endpoint.host.startswith("ssh://")
    client = docker.DockerClient(**options)
    if kind is not None:
        client.close()
        client.api = kind(**options)
    if endpoint.host.startswith("unix://"):
        client.api.trust_env = False  # no proxy leads to a socket; finding that out anew is a third of a request
    return client


def _ask_engine(endpoint: Endpoint, deadline: float) -> dict[str, Any]:
    """Ask the engine what it is; its three requests share the time until the deadline (monotonic clock)."""
    try:
        with contextlib.closing(client_for(endpoint, deadline - time.monotonic())) as client:
            answers = []
            for ask in (client.info, client.version):
                left = max(0.01, deadline - time.monotonic())  # to requests, no time at all is a mistake
                client.api.timeout = left  # type: ignore[assignment]  # requests takes fractions of a second
                answers.append(ask())
        info, version = answers
    except ENGINE_ERRORS as error:
        trouble, detail = classify(error)
        return {"trouble": trouble, "detail": detail}
    known = podman.is_podman(version)
    return {
        "id": podman.identity(info) if known else str(info.get("ID", "")),
        "podman": known,
        "version": str(version.get("Version", "")),
        "api_version": str(version.get("ApiVersion", "")),
        "storage_driver": str(info.get("Driver", "")),
        "root": str(info.get("DockerRootDir", "")),
    }


def _ask_cli(cli: str, endpoint: Endpoint) -> "subprocess.Popen[str]":
    command = [cli, *endpoint.flags(), "info", "--format", "{{json .}}"]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
    )


def _read_cli(process: "subprocess.Popen[str]", timeout: float) -> dict[str, Any]:
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        return {"cli_error": f"docker info did not end within {timeout:.0f} s"}
    return parse_info(output, errors)


def parse_info(output: str, errors: str) -> dict[str, Any]:
    """Read what `docker info` printed, which is JSON even when it found no engine, into fields of a sighting."""
    try:
        document = json.loads(output)
        plugins = (document.get("ClientInfo") or {}).get("Plugins") or []
        whole = [plugin for plugin in plugins if not plugin.get("Err")]
        known = {str(plugin["Name"]): (str(plugin.get("Version", "")), str(plugin.get("Path", ""))) for plugin in whole}
        broken = [f"{plugin['Name']}: {plugin['Err']}" for plugin in plugins if plugin.get("Err")]
    except (ValueError, AttributeError, KeyError, TypeError):
        return {"cli_error": (errors.strip().splitlines() or ["docker info printed no JSON"])[-1]}
    complaints = [*(document.get("ServerErrors") or []), *broken]
    place = podman.identity(document) if document.get("DockerRootDir") else ""
    told = "; ".join(map(str, complaints))
    return {"cli_id": str(document.get("ID") or ""), "cli_place": place, "plugins": known, "cli_error": told}
