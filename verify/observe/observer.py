"""Contract → running containers → observations, with the docker SDK. Nothing is judged here."""

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from docker import DockerClient
from docker.errors import ImageNotFound
from docker.types import DeviceRequest

from deploy.build_record import Base
from deploy.contract import Contract, Image
from deploy.engine import connection as engines
from deploy.engine.connection import ENGINE_ERRORS, Engine
from deploy.engine.runs import Run
from deploy.image_config import ImageConfig
from verify.contents import cache, ways
from verify.contents.model import Contents
from verify.contents.raw_layer import UnreadableArchive
from verify.observe import containers, own
from verify.observe.control import Control
from verify.observe.elsewhere import NotGottenError, base_of, get
from verify.observe.model import Observation, OwnSeen, ProbeRun, ServerRun, Subject
from verify.observe.refusal import reason
from verify.observe.repeats import repeats
from verify.observe.requests import (
    PROBE_SECONDS,
    patience,
    probe_request,
    read_document,
    request,
    source,
    watch,
)
from verify.observe.server import (
    LOG_AT_MOST,
    Health,
    add_late_notes,
    ask_server,
    health_of,
    log_of,
    processes_of,
    settled,
    stop,
)
from verify.observe.settings import SHELL
from verify.observe.subject import GoneError, subject_of

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
NO_BASES: Mapping[str, Base] = {}
RUNS_SECONDS = 720.0  # both containers, with every answer of the engine as late as it may be
EXPORT_SECONDS = 1800.0  # an image's layers, from a busy engine
LOOK = 0.5  # seconds between two looks at a server's health


@dataclass(frozen=True)
class Deadlines:
    """How many seconds an image may take for each step."""

    probe: float = PROBE_SECONDS  # one probe
    run: float = 390.0  # the container that runs them: a probe may wait for processors, patience.LONGEST times as long
    healthy: float = 240.0  # from the server's start to healthy
    asked: float = 120.0  # all our requests to the server, without its rest


def _unseen(image: Image, error: Exception) -> Observation:
    """Return the observation of an image that could not be examined."""
    if isinstance(error, GoneError):
        return Observation(role=image.role, error=str(error), gone=True)
    why = f"no image {image.name} on the engine" if isinstance(error, ImageNotFound) else reason(error)
    return Observation(role=image.role, error=why)


class Observer:
    """Looks at one image after another, on one engine, with one run's labels."""

    def __init__(
        self,
        engine: Engine,
        contract: Contract,
        run: Run,
        cache: Path,
        deadlines: Deadlines | None = None,
        *,
        bases: Mapping[str, Base] = NO_BASES,
        control: Control | None = None,
        tell: Callable[[str, str], None] = lambda _role, _what: None,
    ) -> None:
        """Look at images that were built on these ``bases``, by role, if their build records say.

        ``cache``: where what was read of layers is kept. ``control``: another observer's on this engine, not its own.

        ``tell``: called with a role and what is done beside its probes; "" for nothing more.
        """
        self.engine, self.contract, self.run, self.gate = engine, contract, run, containers.Gate()
        self.deadlines, self.bases, self.tell, self.cache = deadlines or Deadlines(), bases, tell, cache
        self.control = control or Control(engine, run, self.gate, bases.values(), self.deadlines.run)

    def observe(self, image: Image) -> tuple[Observation, Contents | None]:
        """Resolve the image's tag once, then look at its layers, its probes and its server side by side."""
        began = time.monotonic()
        try:
            with self._client() as client:
                if not image.built_here:
                    get(client, image, self.contract.platform)
                config = ImageConfig.from_inspect(client.api.inspect_image(image.name))
                return self._look(client, image, config, began)
        except (NotGottenError, *ENGINE_ERRORS) as error:
            return _unseen(image, error), None

    def read(self, image: Image) -> tuple[Observation, Contents | None]:
        """Resolve the image's tag and read its layers, as if no directory were meant to be writable; nothing runs."""
        try:
            with self._client() as client:
                config = ImageConfig.from_inspect(client.api.inspect_image(image.name))
                subject = subject_of(client, image.name, config)
        except ENGINE_ERRORS as error:
            return _unseen(image, error), None
        base = self.bases.get(image.role)
        contents, fault = self._contents(image.model_copy(update={"writable": []}), config, base)
        return Observation(role=image.role, subject=subject, contents_error=fault), contents

    def _client(self, seconds: float = containers.ANSWER) -> "contextlib.closing[DockerClient]":
        """Give a client that is closed with the block; each of its answers is waited for so many seconds."""
        return contextlib.closing(engines.sdk(self.engine, timeout=seconds))

    def _look(
        self, client: DockerClient, image: Image, config: ImageConfig, began: float
    ) -> tuple[Observation, Contents | None]:
        subject = subject_of(client, image.name, config)
        base, base_error = (None, "") if image.built_here else base_of(client, image, config)
        trial = self.control.begin()
        reading = containers.spawn(self._contents, image, config, base or self.bases.get(image.role))
        probing = containers.spawn(self.probe, image, subject, self._request(image, config), "probe")
        serving = containers.spawn(self._serve, image, subject)
        owning = containers.spawn(self._own, image, config)
        contents = None
        try:
            contents, contents_error = containers.wait(client, reading, EXPORT_SECONDS)
        except TimeoutError:
            contents_error = f"its layers were not read within {EXPORT_SECONDS:.0f} s"
        except ENGINE_ERRORS as silent:
            contents_error = reason(silent)
        end = time.monotonic() + RUNS_SECONDS
        probes, server = _by(end, probing), _by(end, serving)
        tried, seen = _by(end, trial), _by(end, owning)
        ask, served = partial(self.probe, image, subject), server if self.contract.serves_api(image) else None
        repeated = repeats(self.contract, probes, served, self.deadlines.probe, ask)
        self._check_there(subject, contents_error, probes, server)
        late = f"the engine: it was not done with the image's containers within {RUNS_SECONDS:.0f} s"
        observation = Observation(
            role=image.role,
            subject=subject,
            probes=probes,
            server=server,
            base=base,
            base_error=base_error,
            control=tried,
            repeats=repeated,
            own=seen,
            contents_error=contents_error,
            error="" if probes and server else late,
            seconds=round(time.monotonic() - began, 3),
        )
        return observation, contents

    def _check_there(self, subject: Subject, contents_error: str, *runs: ProbeRun | ServerRun | None) -> None:
        """Raise GoneError if a part was not seen and the engine, whose words differ by part, lacks the image."""
        if contents_error or any(run and run.error for run in runs):
            try:
                with self._client() as client:
                    client.api.inspect_image(subject.image_id)
            except ImageNotFound:
                raise GoneError(subject.image_id) from None
            except ENGINE_ERRORS:
                pass  # the engine's words on the part are reported

    def observe_gpu(self, image: Image) -> Observation:
        """Run the GPU probe with the host's GPU attached: by its CDI name where the engine offers one."""
        began = time.monotonic()
        try:
            with self._client() as client:
                subject = subject_of(client, image.name, ImageConfig.from_inspect(client.api.inspect_image(image.name)))
                devices = gpu_devices(client.info())
            trial = self.control.begin()
            run = self.probe(image, subject, request({"gpu": None}, self.deadlines.probe), "gpu", devices)
            tried = _by(time.monotonic() + RUNS_SECONDS, trial)
            self._check_there(subject, "", run)
        except ENGINE_ERRORS as error:
            return _unseen(image, error)
        seconds = round(time.monotonic() - began, 3)
        return Observation(role=image.role, subject=subject, gpu=run, control=tried, seconds=seconds)

    def _request(self, image: Image, config: ImageConfig) -> dict[str, Any]:
        test, shell = config.healthcheck_test, config.shell or SHELL
        return probe_request(self.contract, image, test, self.deadlines.probe, shell=shell, patience=patience(config))

    def _contents(self, image: Image, config: ImageConfig, base: Base | None) -> tuple[Contents | None, str]:
        begin = partial(self.tell, image.role, "reading the layers")
        permit = ways.Permit(base, self.run.labels, self.gate.passing) if base else None
        try:
            with self._client(EXPORT_SECONDS) as client:
                return cache.contents_of(client, config, self.cache, image.writable, permit=permit, begin=begin), ""
        except UnreadableArchive as error:
            return None, str(error)
        except ENGINE_ERRORS as error:
            return None, reason(error)
        finally:
            self.tell(image.role, "")

    def probe(
        self,
        image: Image,
        subject: Subject,
        request: dict[str, Any],
        name: str,
        devices: list[DeviceRequest] | None = None,
    ) -> ProbeRun:
        """Run the probes of a request in a container of their own and read their one document."""
        began = time.monotonic()
        command = ["python", "-X", "utf8", "-c", source("runner"), json.dumps(request)]
        proof, results, output, refused = None, None, b"", False
        try:
            with self._client() as client, containers.container(
                client, subject.image_id, self.gate, name=self.run.name(f"{image.role}-{name}"),
                labels=self.run.labels, command=command, writable=image.writable, devices=devices,
            ) as container_id:  # fmt: skip
                try:
                    printed, late = containers.run(client, container_id, self.deadlines.run)
                    output = printed.stdout + printed.stderr
                    results, error = read_document(printed, request, late=self.deadlines.run if late else None)
                finally:
                    proof = containers.proof(client, container_id)
        except ENGINE_ERRORS as refusal:
            error, refused = reason(refusal), True
        return ProbeRun(
            nonce=request["nonce"],
            proof=proof,
            seconds=round(time.monotonic() - began, 3),
            results=results,
            error=error,
            refused=refused,
            output="" if results else output[:LOG_AT_MOST].decode("utf-8", "replace"),
        )

    def _own(self, image: Image, config: ImageConfig) -> OwnSeen | None:
        return own.observe(self.engine, self.run, self.gate, image, config, checks=self.contract.checks_of(image))

    def _serve(self, image: Image, subject: Subject) -> ServerRun:
        """Start the image with its own command and wait for its own HEALTHCHECK; ask it, let it rest, and stop it."""
        proof, health, asked, ended, processes, error = None, Health(), None, None, None, ""
        log: tuple[str, int | None] = ("", None)
        listening, rest = watch(self.contract, image), self.contract.rest_of(image)
        try:
            with self._client() as client, containers.container(
                client, subject.image_id, self.gate, name=self.run.name(f"{image.role}-server"),
                labels=self.run.labels, command=None, writable=image.writable, watch=listening, limits=image.limits,
            ) as container_id:  # fmt: skip
                try:
                    client.api.start(container_id)
                    state = containers.until(
                        self.deadlines.healthy, lambda: settled(client, container_id, subject), LOOK
                    )
                    health = health_of(state or client.api.inspect_container(container_id)["State"])
                    if health.running:
                        asked = ask_server(
                            client, container_id, image.health, self.deadlines.asked + rest,
                            rest=rest, writable=image.writable, listening=listening,
                            openapi=self.contract.application.openapi,
                            wait=0.0 if subject.has_healthcheck else image.ready_within,
                        )  # fmt: skip
                        processes = None if asked.report else processes_of(client, container_id)
                        ended = stop(client, container_id, self.contract.serving.stop_seconds, asked)
                    log = log_of(client, container_id)
                    if listening and asked:
                        add_late_notes(client, container_id, listening, asked)
                finally:
                    proof = containers.proof(client, container_id)
        except ENGINE_ERRORS as refusal:
            error = reason(refusal)
        return ServerRun(
            proof=proof,
            health=health.status,
            running=health.running,
            seconds_to_healthy=health.seconds,
            reply=health.reply,
            asked=asked,
            log=log[0],
            log_bytes=log[1],
            processes=processes,
            stop=ended,
            error=error,
        )


def _by(end: float, future: "Future[T]") -> T | None:
    """Return the result of a container's run; None where it was not there by then (monotonic clock)."""
    try:
        return future.result(max(0.0, end - time.monotonic()))
    except TimeoutError:
        return None


def gpu_devices(info: dict[str, Any]) -> list[DeviceRequest]:
    """Return the request for this engine's GPUs: by CDI name where it has found one, otherwise by driver."""
    found = info.get("DiscoveredDevices") or []
    if any(str(device.get("ID", "")).startswith("nvidia.com/gpu") for device in found if isinstance(device, dict)):
        return [DeviceRequest(driver="cdi", device_ids=["nvidia.com/gpu=all"])]
    return [DeviceRequest(driver="nvidia", count=-1, capabilities=[["gpu"]])]
