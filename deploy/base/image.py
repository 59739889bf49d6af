"""The base of all four images: the one given, the official one, or an equivalent where no registry answers."""

import contextlib
import io
import queue
import re
import tarfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import docker
import docker.errors
import requests.exceptions
from docker.utils import parse_repository_tag

from deploy import locks
from deploy.base import bootstrap
from deploy.base.pins import Pins, differences, digest_of, installed, read_pins, said
from deploy.engine import apt
from deploy.engine.connection import Engine, sdk
from deploy.errors import Exit, Problem
from deploy.image_config import ImageConfig

Origin = Literal["given", "local", "registry", "bootstrapped"]

SILENCE_SECONDS = 20.0  # a registry that has not said a word for so long does not answer
STALL_SECONDS = 120.0
PULL_SECONDS = 900.0
LOAD_SECONDS = 300.0


@dataclass(frozen=True)
class BaseImage:
    """The base image as builds use it: its name for FROM, its origin, its configuration."""

    reference: str
    origin: Origin
    config: ImageConfig
    note: str = ""


class NoRegistryError(Exception):
    """No registry answered: the name is unknown, nothing listens, or no answer came in time."""


def default_reference(python: str) -> str:
    """Return the official slim image of this Python ("3.11")."""
    return f"python:{python}-slim-bookworm"


def ensure_base(
    engine: Engine,
    python: str,
    reference: str | None,
    pins: Path,
    progress: Callable[[str], None],
    *,
    platform: str,
) -> BaseImage:
    """Make sure that the engine has the base image, and say where it came from.

    What is pulled is for `platform`, whatever the engine's own is.
    `reference` is the caller's own image (PYTHON_IMAGE); None means the official image, by the digest that is pinned.
    The engine's is used, or it is pulled. Where no registry answers, the engine's own image of that tag is used. Where
    there is none, an equivalent is bootstrapped from the distribution's packages. It is used again until its recipe
    changes or `clean -- --all` removes it. What is not as it is pinned is said.

    Raises:
        Problem: a registry refuses, the given image cannot be had, or nothing can be bootstrapped (exit 3); the given
            name is not one (exit 2).

    """
    client = sdk(engine, timeout=SILENCE_SECONDS)
    try:
        if reference:
            return _given(client, reference, platform, progress)
        tag, pinned = default_reference(python), read_pins(pins)
        official = pinned.image(tag)
        if found := _inspect(client, official):
            return BaseImage(official, "local", found, "the engine had it")
        own = _inspect(client, tag)
        if not own and (earlier := bootstrapped_before(client, python)):
            say_packages(client, earlier, pinned, progress)
            return replace(earlier, note=f"bootstrapped earlier; docker pull {tag} replaces it")
        try:
            return BaseImage(official, "registry", pull(client, official, platform, progress), "pulled")
        except NoRegistryError as silent:
            if own:
                note = f"the engine had it; no registry answers for {official} ({silent})"
                progress(f"base: {tag} is not pinned: {note}")
                return BaseImage(tag, "local", own, note)
            progress(f"base: NO REGISTRY ANSWERS for {official} ({silent}): bootstrapping an equivalent from packages")
            made = _bootstrap(engine, client, python, str(silent), progress)
            say_packages(client, made, pinned, progress)
            return made
    except requests.exceptions.RequestException as error:
        wrong = f"the engine at {engine.address.shown} does not answer: {error}"
        raise Problem("getting the base image", wrong, "./noxw -s engine") from error
    finally:
        client.close()


def _given(client: docker.DockerClient, reference: str, platform: str, progress: Callable[[str], None]) -> BaseImage:
    if found := _inspect(client, reference):
        return BaseImage(reference, "given", found, "the engine had it")
    try:
        return BaseImage(reference, "given", pull(client, reference, platform, progress), "pulled")
    except NoRegistryError as silent:
        wrong = f"the engine does not have it, and no registry answers for it ({silent})"
        next_step = "docker load it or make its registry reachable; without PYTHON_IMAGE an equivalent is bootstrapped"
        raise Problem(f"getting the base image {reference}", wrong, next_step) from silent


def _inspect(client: docker.DockerClient, reference: str) -> ImageConfig | None:
    try:
        return ImageConfig.from_inspect(client.images.get(reference).attrs)
    except docker.errors.ImageNotFound:
        return None
    except docker.errors.APIError as error:
        next_step = "PYTHON_IMAGE takes what a Dockerfile's FROM takes, for example python:3.11-slim-bookworm"
        wrong = str(error.explanation or error)
        raise Problem(f"looking for the base image {reference}", wrong, next_step, Exit.USAGE) from error


def pull(client: docker.DockerClient, reference: str, platform: str, progress: Callable[[str], None]) -> ImageConfig:
    """Pull an image for this platform; NoRegistryError if no registry answers, Problem if one answers and refuses."""
    progress(f"base: pulling {reference}")
    repository, tag = parse_repository_tag(reference)
    try:
        follow_pull(_events(client, repository, tag or "latest", platform), progress)
    except docker.errors.APIError as error:
        raise refused(reference, str(error.explanation or error)) from error
    except requests.exceptions.RequestException as error:
        raise Problem(f"pulling {reference}", f"the engine broke off: {error}", "./noxw -s engine") from error
    except PullError as error:
        if error.begun:
            wrong, next_step = f"it broke off: {error}", "run this again; layers that are complete are kept"
            raise Problem(f"pulling the base image {reference}", wrong, next_step) from error
        raise refused(reference, str(error)) from error
    if found := _inspect(client, reference):
        return found
    wrong = "the engine reports success, but does not have the image"
    raise Problem(f"pulling {reference}", wrong, "docker pull it by hand")


def _events(client: docker.DockerClient, repository: str, tag: str, platform: str) -> Iterator[Mapping[str, Any]]:
    """Yield a pull's events as they come; NoRegistryError when the first is late, PullError when a later one is.

    The SDK sets no limit to a pull. It therefore waits in a thread of its own, which is abandoned when it is too late.
    """
    came: queue.Queue[Mapping[str, Any] | BaseException | None] = queue.Queue()

    def ask() -> None:
        try:
            for event in client.api.pull(repository, tag=tag, stream=True, decode=True, platform=platform):
                came.put(event)
            came.put(None)
        except BaseException as error:  # noqa: BLE001  raised again where somebody listens
            came.put(error)

    threading.Thread(target=ask, daemon=True).start()
    begun = False
    while True:
        try:
            event = came.get(timeout=STALL_SECONDS if begun else SILENCE_SECONDS)
        except queue.Empty:
            if begun:
                raise PullError(f"no progress for {STALL_SECONDS:.0f} s", begun=True) from None
            raise NoRegistryError(f"nothing said within {SILENCE_SECONDS:.0f} s") from None
        if event is None:
            return
        if isinstance(event, BaseException):
            raise event
        yield event
        begun = True


class PullError(Exception):
    """The engine reported that a pull failed; `begun` is whether it had begun to receive layers."""

    def __init__(self, message: str, *, begun: bool) -> None:
        super().__init__(message)
        self.begun = begun


def follow_pull(events: Iterable[Mapping[str, Any]], progress: Callable[[str], None]) -> None:
    """Read a pull's events to the end, with a line of progress a few seconds apart and a deadline."""
    started = said = time.monotonic()
    done, layers = set[str](), set[str]()
    for event in events:
        if message := event.get("error"):
            raise PullError(str(message), begun=bool(layers))
        status, layer = event.get("status", ""), event.get("id", "")
        layers |= {layer} if status == "Pulling fs layer" else set()
        done |= {layer} if status in {"Pull complete", "Already exists"} else set()
        now = time.monotonic()
        if now - started > PULL_SECONDS:
            raise PullError(f"not done within {PULL_SECONDS:.0f} s", begun=True)
        if now - said > 5.0:  # noqa: PLR2004  seconds between two lines of progress
            said = now
            progress(f"base: pulled {len(done)} of {len(layers | done)} layers in {now - started:.0f} s")


# What engines and Go's network library say when nothing answers, in the words of both image stores.
_SILENT = re.compile(
    r"no such host|server misbehaving|name resolution|name or service not known|i/o timeout|connection refused"
    r"|network is unreachable|no route to host|host is down|connection reset by peer|connection timed out"
    r"|Client\.Timeout|context deadline exceeded|TLS handshake timeout|proxyconnect|unexpected EOF"
    # a proxy that refuses the tunnel: the registry itself was never reached
    r"|\": (Forbidden|Bad Gateway|Service Unavailable|Gateway Time-?out|Proxy Authentication Required)\s*$",
    re.IGNORECASE,
)


def is_silent(message: str) -> bool:
    """Whether an engine's message says that no registry answered, rather than that one refused."""
    return bool(_SILENT.search(message))


def refused(reference: str, message: str) -> Exception:
    """Turn an engine's message into NoRegistryError (nobody there) or a Problem (a registry answered: no)."""
    if is_silent(message):
        return NoRegistryError(message.rsplit(": ", 1)[-1])
    next_step = "set PYTHON_IMAGE to an image that the registry gives, or docker load this one"
    if "x509" in message or "certificate" in message:
        next_step = "give the engine your company's certificate (in /etc/docker/certs.d/REGISTRY), or set PYTHON_IMAGE"
    elif "toomanyrequests" in message or "rate limit" in message:
        next_step = "docker login, or wait, or set PYTHON_IMAGE to a mirror's name of the image"
    elif "denied" in message or "unauthorized" in message:
        next_step = "docker login to that registry, or " + next_step
    return Problem(f"pulling the base image {reference}", f"the registry answers: {message}", next_step)


def say_packages(client: docker.DockerClient, base: BaseImage, pins: Pins, progress: Callable[[str], None]) -> None:
    """Say how a bootstrapped image's packages differ from the pinned ones; nothing where they are the same."""
    pinned = pins.packages.get(base.config.labels.get(bootstrap.PLACE, ""), {})
    if base.config.labels.get(bootstrap.PACKAGES_LABEL) != digest_of(pinned):
        progress(f"base: {said(differences(packages_of(client, base.reference), pinned))}")


def packages_of(client: docker.DockerClient, reference: str) -> dict[str, str]:
    """Return package -> version of an image on the engine, from its package database."""
    container = client.api.create_container(reference, use_config_proxy=False)
    try:
        chunks, _facts = client.api.get_archive(container["Id"], "/" + bootstrap.STATUS)
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
            return installed(bootstrap.text_in(tar, Path(bootstrap.STATUS).name))
    finally:
        client.api.remove_container(container["Id"], force=True, v=True)


def bootstrapped_before(client: docker.DockerClient, python: str) -> BaseImage | None:
    """Return the image that today's recipe gave; None where there is none."""
    try:
        made = bootstrap.recipe(python, apt.this_distribution())
    except Problem:
        return None
    found = _inspect(client, made.reference)
    known = found and found.labels.get(bootstrap.LABEL) == made.digest
    return BaseImage(made.reference, "bootstrapped", found) if found and known else None


def _bootstrap(
    engine: Engine, client: docker.DockerClient, python: str, silent: str, progress: Callable[[str], None]
) -> BaseImage:
    made = bootstrap.recipe(python, apt.this_distribution())
    note = f"bootstrapped from {made.suite}'s packages: no registry answered ({silent})"
    with locks.lock(locks.folder() / "base.lock", bootstrap.SECONDS):
        if found := bootstrapped_before(client, python):  # by another process, while this one waited
            return replace(found, note=note)
        started = time.monotonic()
        with bootstrap.archive(made, progress) as path, path.open("rb") as stream:
            progress("base: loading it into the engine")
            try:
                with contextlib.closing(sdk(engine, timeout=LOAD_SECONDS)) as patient:
                    patient.images.load(stream)
            except (docker.errors.APIError, docker.errors.ImageLoadError) as error:
                next_step = "see that the engine's disk has room (docker system df), then build again"
                raise Problem(bootstrap.DOING, f"the engine does not load it: {error}", next_step) from error
    if not (found := bootstrapped_before(client, python)):
        raise Problem(bootstrap.DOING, f"the engine loaded {made.reference} and does not show it", "build again")
    progress(f"base: {made.reference} is ready after {time.monotonic() - started:.0f} s")
    return replace(found, note=note)
