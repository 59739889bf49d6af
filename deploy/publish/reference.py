"""The name of an image in a registry, as the docker command reads it."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import docker.auth
import docker.errors
import docker.utils

from deploy.errors import Exit, Problem

DOCKER_HUB = {"docker.io": "registry-1.docker.io"}
# OCI distribution specification 1.1, pulling manifests; a host with or without its port
NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
VERSION = re.compile(r"\w[\w.-]{0,127}|sha256:[0-9a-f]{64}", re.ASCII)
HOST = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?", re.ASCII)
LOGIN = re.compile(r"[^/@\s]*@(?!sha256:)")  # user:password@ before a host


def _no_name(wrong: str) -> Problem:
    next_step = (
        "write registry.example/name:tag or registry.example/name@sha256:…, Docker Hub's as docker.io/user/name:tag"
    )
    return Problem("reading the image's name", LOGIN.sub("…@", wrong), next_step, Exit.USAGE)


@dataclass(frozen=True)
class Reference:
    """An image's name in a registry; ``version`` is a tag or a digest."""

    host: str
    name: str
    version: str

    @classmethod
    def read(cls, text: str) -> "Reference":
        """Read a name as the docker command does.

        Raises:
            Problem: it is not an image's name (exit 2).

        """
        try:
            repository, version = docker.utils.parse_repository_tag(text)
            if version and version.startswith("sha256:"):  # beside a digest a tag says nothing
                repository, _ = docker.utils.parse_repository_tag(repository)
            host, name = docker.auth.resolve_repository_name(repository)
        except docker.errors.InvalidRepository as error:
            raise _no_name(str(error)) from None
        if not NAME.fullmatch(name) or not HOST.fullmatch(host) or not VERSION.fullmatch(version or "latest"):
            raise _no_name(f"{text!r} is not the name of an image")
        if host == "docker.io" and not text.startswith("docker.io/"):
            raise _no_name(f"{text!r} names no registry")
        if host == "docker.io" and "/" not in name:
            name = f"library/{name}"
        return cls(host, name, version or "latest")

    @property
    def is_here(self) -> bool:
        """Whether the registry is on this machine, where the docker command accepts plain HTTP."""
        host = urlsplit(f"//{self.host}").hostname or ""
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    @property
    def repository(self) -> str:
        """The name without its version, with its host."""
        return f"{self.host}/{self.name}"

    def at(self, version: str) -> str:
        """Return the name with this tag or digest, as an engine takes it."""
        return f"{self.repository}{'@' if version.startswith('sha256:') else ':'}{version}"

    @property
    def answers_at(self) -> str:
        """The host that answers for the registry."""
        return DOCKER_HUB.get(self.host, self.host)
