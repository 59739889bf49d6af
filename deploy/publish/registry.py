"""One image in a registry, and what refers to it: the OCI distribution specification 1.1, as far as it is needed.

If a registry does not know referrers, they go into an index under a tag made of the image's digest, as the
specification says.

Why not oras: it does not check OCI-Subject in a registry's answer, and does not fall back to the referrers tag.
"""

import hashlib
import ipaddress
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit
from urllib.request import parse_http_list, parse_keqv_list

import docker.auth
import docker.errors
import docker.utils
import requests

from deploy.engine.connection import classify
from deploy.errors import Exit, Problem
from deploy.image_config import ImageConfig

MANIFEST, INDEX = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"
INDEXES = (INDEX, "application/vnd.docker.distribution.manifest.list.v2+json")
KNOWN = (MANIFEST, "application/vnd.docker.distribution.manifest.v2+json", *INDEXES)
EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_HUB = {"docker.io": "registry-1.docker.io"}
SECONDS = (10.0, 120.0)  # to connect, between two pieces of an answer
SHOWN = 300  # characters of a registry's refusal
LOOKING = "looking at the image in its registry"

Descriptor = dict[str, Any]


# OCI distribution specification 1.1, pulling manifests; a host with or without its port
NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
VERSION = re.compile(r"\w[\w.-]{0,127}|sha256:[0-9a-f]{64}", re.ASCII)
HOST = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?", re.ASCII)


def _no_name(wrong: str) -> Problem:
    next_step = (
        "write registry.example/name:tag or registry.example/name@sha256:…, Docker Hub's as docker.io/user/name:tag"
    )
    return Problem("reading the image's name", wrong, next_step, Exit.USAGE)


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

    def address(self, *, plain_http: bool) -> str:
        """Return where the registry answers."""
        return f"{'http' if plain_http or self.is_here else 'https'}://{DOCKER_HUB.get(self.host, self.host)}"


def digest_of(data: bytes) -> str:
    """Return the digest by which a registry knows these bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def descriptor(kind: str, data: bytes, **more: Any) -> Descriptor:
    """Return how a manifest names these bytes."""
    return {"mediaType": kind, "digest": digest_of(data), "size": len(data), **more}


class Repository:
    """An image's repository; every refusal is a Problem (exit 3)."""

    def __init__(
        self, reference: Reference, *, plain_http: bool = False, environ: Mapping[str, str] = os.environ
    ) -> None:
        self.reference = reference
        self.address = reference.address(plain_http=plain_http)
        self.session = requests.Session()
        self.session.trust_env = not reference.is_here  # no proxy is asked for what this machine itself serves
        if bundle := environ.get("SSL_CERT_FILE"):
            self.session.verify = bundle
        self.token = ""

    def image(self, wanted: str) -> Descriptor:
        """Return the manifest of the image, which must have this identity.

        Raises:
            Problem: another image lies there (exit 1), or its manifest cannot be read (exit 3).

        """
        try:
            there = {self._identity(manifest): found for manifest, found in self._manifests(self.reference.version)}
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._refused(f"its manifest cannot be read: {error or type(error).__name__}") from None
        if wanted not in there:
            seen = ", ".join(filter(None, there)) or "no image"
            next_step = "verify the image that was pushed, or push the one that was verified"
            raise Problem(LOOKING, f"expected {wanted}, there is {seen}", next_step, Exit.FAILED)
        return there[wanted]

    def put(self, data: bytes) -> None:
        """Send the registry these bytes, unless it has them."""
        if self._ask("HEAD", f"blobs/{digest_of(data)}", allowed=(404,)).ok:
            return
        begun = self._ask("POST", "blobs/uploads/")
        place = urljoin(begun.url, begun.headers.get("Location", ""))
        kind = {"Content-Type": "application/octet-stream"}
        self._ask("PUT", place, params={"digest": digest_of(data)}, data=data, headers=kind)

    def refer(self, manifest: Descriptor) -> str:
        """Send the registry a manifest that names its ``subject``; returns the manifest's digest."""
        data = json.dumps(manifest).encode()
        told = self._ask("PUT", f"manifests/{digest_of(data)}", data=data, headers={"Content-Type": MANIFEST})
        if "OCI-Subject" not in told.headers:
            self._list(descriptor(MANIFEST, data, artifactType=manifest["artifactType"]), manifest["subject"]["digest"])
        return digest_of(data)

    def _list(self, referrer: Descriptor, subject: str) -> None:
        """Add a manifest to those that refer to an image, in a registry that does not list them by itself."""
        tag = f"manifests/{subject.replace(':', '-')}"
        before = self._ask("GET", tag, allowed=(404,), headers={"Accept": INDEX})
        try:
            listed = list(before.json()["manifests"]) if before.ok else []
        except (ValueError, LookupError, TypeError) as error:
            raise self._refused(f"{tag} is not an index: {error or type(error).__name__}") from None
        if referrer not in listed:
            index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*listed, referrer]}
            self._ask("PUT", tag, data=json.dumps(index).encode(), headers={"Content-Type": INDEX})

    def _manifests(self, version: str) -> list[tuple[dict[str, Any], Descriptor]]:
        """Return the manifest of this tag or digest; of an index, the manifest of each platform."""
        manifest, found = self._manifest(version)
        if found["mediaType"] in INDEXES:
            return [self._manifest(listed["digest"]) for listed in manifest["manifests"]]
        return [(manifest, found)]

    def _manifest(self, version: str) -> tuple[dict[str, Any], Descriptor]:
        answer = self._ask("GET", f"manifests/{version}", headers={"Accept": ", ".join(KNOWN)})
        found = descriptor(answer.headers.get("Content-Type", ""), answer.content)
        if version.startswith("sha256:") and found["digest"] != version:
            raise self._refused(f"what it gives for {version} has another digest")
        if found["mediaType"] not in KNOWN:
            raise self._refused(f"{version} is no image but {found['mediaType'] or 'nothing that it names'}")
        return answer.json(), found

    def _identity(self, manifest: dict[str, Any]) -> str:
        """Return the identity of a manifest's image; "" where it has none, as an attestation."""
        answer = self._ask("GET", f"blobs/{manifest['config']['digest']}")
        if digest_of(answer.content) != manifest["config"]["digest"]:
            raise self._refused(f"what it gives for {manifest['config']['digest']} has another digest")
        config = ImageConfig.from_registry(manifest["config"]["digest"], answer.json())
        return config.identity if config else ""

    def _ask(self, method: str, path: str, allowed: tuple[int, ...] = (), **more: Any) -> requests.Response:
        """Send a request, and once more with credentials if the registry asks for them."""
        url = urljoin(f"{self.address}/v2/{self.reference.name}/", path)
        try:
            answer = self._send(method, url, **more)
            if answer.status_code == requests.codes.unauthorized:
                self._identify(answer.headers.get("WWW-Authenticate", ""))
                answer = self._send(method, url, **more)
        except requests.ConnectionError as error:
            raise self._refused(f"it does not answer: {classify(error)[1]}") from None
        except (requests.RequestException, ValueError, KeyError) as error:
            raise self._refused(str(error) or type(error).__name__) from None
        if not answer.ok and answer.status_code not in allowed:
            what = f"{method} {urlsplit(url).path}: {answer.status_code} {answer.text[:SHOWN].strip()}"
            raise self._refused(what)
        return answer

    def _send(self, method: str, url: str, **more: Any) -> requests.Response:
        return self.session.request(method, url, auth=self._authorized, timeout=SECONDS, **more)

    def _authorized(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token, for this registry alone; requests would replace it with an entry of ~/.netrc."""
        if self.token and urlsplit(request.url).netloc == urlsplit(self.address).netloc:
            request.headers["Authorization"] = self.token
        return request

    def _identify(self, challenge: str) -> None:
        """Use what `docker login` stored for this registry, or get a token where the registry points to."""
        scheme, _, rest = challenge.partition(" ")
        words = parse_keqv_list(parse_http_list(rest))
        known = self._login()
        if scheme.lower() == "bearer":
            scope = words.get("scope") or f"repository:{self.reference.name}:pull,push"
            asked = {"service": words.get("service", ""), "scope": scope}
            answer = self.session.get(words["realm"], params=asked, auth=known, timeout=SECONDS)
            answer.raise_for_status()
            document = answer.json()
            self.token = f"Bearer {document.get('token') or document['access_token']}"
        elif known:
            self.token = str(requests.Request("GET", self.address, auth=known).prepare().headers["Authorization"])

    def _login(self) -> tuple[str, str] | None:
        host = self.reference.host
        try:
            found = docker.auth.load_config().resolve_authconfig(host if host != "docker.io" else None) or {}
        except docker.errors.DockerException as error:
            raise self._refused(f"the credentials of docker login cannot be read: {error}") from None
        name, password = found.get("username") or found.get("Username"), found.get("password") or found.get("Password")
        return (name, password) if name and password else None

    def _refused(self, wrong: str) -> Problem:
        next_step = "see `docker login`, the registry's log, and --plain-http"
        return Problem(f"asking the registry at {self.address}", wrong, next_step)
