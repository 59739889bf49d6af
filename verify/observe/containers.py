"""Containers with tight limits: made from an image id, watched with a deadline, bounded in their resources."""

import io
import tarfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from docker import DockerClient
from docker.errors import APIError
from docker.types import DeviceRequest, Mount, Ulimit

from deploy.serving import Limits
from verify.observe.model import Proof

# What a container of probes may use; loading CUDA torch takes about a third of the memory
MEMORY = 4 * 10**9  # bytes
PIDS = 512
OUTPUT_AT_MOST = 4_000_000  # bytes read of what a container prints
NO_HEALTHCHECK = {"test": ["NONE"]}
ANSWER = 20.0  # seconds that the engine may take for one answer
PATIENCE = 10.0  # seconds of waiting after which the engine is pinged

T = TypeVar("T")
_OWN: Mapping[str, str] = {}  # a container's own environment, as it is


def spawn(function: Callable[..., T], *arguments: Any) -> "Future[T]":
    """Call a function in a thread that ends with the program, so that Ctrl-C need not wait."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(function(*arguments))
        except BaseException as error:  # noqa: BLE001 - it is raised again where the result is asked for
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future


def wait(client: DockerClient, future: "Future[T]", deadline: float) -> T:
    """Wait for a call of a container or the engine, for at most ``deadline`` seconds, while the engine answers.

    Raises TimeoutError past the deadline, and the SDK's errors once the engine is gone or silent for ANSWER seconds.
    """
    end = time.monotonic() + deadline
    while True:
        left = end - time.monotonic()
        try:
            return future.result(max(0.0, min(left, PATIENCE)))
        except TimeoutError:
            if future.done():
                return future.result()
            if left <= PATIENCE:
                raise
        client.ping()


class Gate:
    """Lets containers be made until it is closed; closing waits for those being made, so that none is missed."""

    def __init__(self) -> None:
        self.condition, self.making, self.closed = threading.Condition(), 0, False

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Hold the gate open for one making; raises InterruptedError once it is closed."""
        with self.condition:
            if self.closed:
                raise InterruptedError("the run is ending")
            self.making += 1
        try:
            yield
        finally:
            with self.condition:
                self.making -= 1
                self.condition.notify_all()

    def close(self) -> None:
        """Refuse new containers, and wait for those being made (at most ANSWER seconds)."""
        with self.condition:
            self.closed = True
            self.condition.wait_for(lambda: self.making == 0, ANSWER)


@dataclass
class Output:
    """The output of a container, as far as it was read."""

    stdout: bytes = b""
    stderr: bytes = b""
    flooded: bool = False


@dataclass(frozen=True)
class Watch:
    """Files that every Python of a container finds first, and beside them ``notes``, where everybody may write."""

    directory: str
    files: Mapping[str, str]

    def archive(self) -> bytes:
        """Return them as the engine takes them, a tar archive."""
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as archive:
            notes = tarfile.TarInfo("notes")
            notes.type, notes.mode = tarfile.DIRTYPE, 0o1777
            archive.addfile(notes)
            for name, text in self.files.items():
                content = text.encode()
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(content), 0o644
                archive.addfile(member, io.BytesIO(content))
        return data.getvalue()


@contextmanager
def container(
    client: DockerClient,
    image_id: str,
    gate: Gate,
    *,
    name: str,
    labels: dict[str, str],
    command: list[str] | None,
    writable: Iterable[str],
    devices: list[DeviceRequest] | None = None,
    watch: Watch | None = None,
    limits: Limits | None = None,
) -> Iterator[str]:
    """Make a container with the least that it needs, and remove it whatever happens; yields its id.

    It has the image's own user and environment, no network, no capability, a read-only root file system,
    ``/tmp`` in memory, and a new volume on each of the ``writable`` directories, owned as the image has them. With a
    ``watch`` its Pythons find that in a volume of its own; nothing else differs. Entry point and HEALTHCHECK are the
    image's with the image's own command alone: what an entry point does to the words of another proves nothing. The
    docker client's own proxies do not reach it.
    """
    places = [*writable, watch.directory] if watch else writable
    host = host_config(client, labels=labels, writable=places, devices=devices, limits=limits)
    environment = {"PYTHONPATH": watch.directory} if watch else None
    health = None if command is None else NO_HEALTHCHECK
    with gate.passing():
        made = client.api.create_container(
            image_id, entrypoint=command, name=name, labels=labels, host_config=host, healthcheck=health,
            environment=environment, use_config_proxy=False,
        )  # fmt: skip
    try:
        if watch:
            client.api.put_archive(made["Id"], watch.directory, watch.archive())
        yield str(made["Id"])
    finally:
        remove(client, made["Id"])


def host_config(
    client: DockerClient,
    *,
    labels: dict[str, str],
    writable: Iterable[str],
    network: str = "none",
    devices: list[DeviceRequest] | None = None,
    limits: Limits | None = None,
    writable_root: bool = False,
) -> Any:
    """Return the host configuration of a container with the least that it needs: the contract's limits, or ours.

    With a ``writable_root`` it writes where its user may, and ``/tmp`` is the image's own.
    """
    memory, processes = (limits.memory, limits.processes) if limits else (MEMORY, PIDS)
    return client.api.create_host_config(
        network_mode=network,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        mem_limit=memory,
        memswap_limit=memory,
        pids_limit=processes,
        ulimits=[Ulimit(name="nofile", soft=limits.open_files, hard=limits.open_files)] if limits else None,
        read_only=not writable_root,
        tmpfs=None if writable_root else {"/tmp": "rw,size=256m,mode=1777"},  # noqa: S108 - inside the container
        mounts=[Mount(path, None, type="volume", labels=labels) for path in writable],
        device_requests=devices,
    )


def remove(client: DockerClient, container_id: str) -> None:
    """Remove a container with its anonymous volumes, if it is still there."""
    try:
        client.api.remove_container(container_id, force=True, v=True)
    except APIError as error:
        if error.status_code not in (404, 409):  # gone, or being removed already
            raise


def run(client: DockerClient, container_id: str, deadline: float) -> tuple[Output, bool]:
    """Start a container and read what it prints until it ends; returns the output, and whether the deadline struck.

    A container that prints more than OUTPUT_AT_MOST bytes, or that outlasts the deadline (seconds), is killed.
    """
    stream = client.api.attach(container_id, stdout=True, stderr=True, stream=True, demux=True)
    client.api.start(container_id)
    output = Output()
    reading = spawn(_read, stream, output)
    try:
        wait(client, reading, deadline)
        late = False
    except TimeoutError:
        late = True
    if late or output.flooded:
        _kill(client, container_id)
    spawn(client.api.wait, container_id).result(ANSWER)
    return output, late


def _read(stream: Iterator[tuple[bytes | None, bytes | None]], output: Output) -> None:
    with closing(stream):  # type: ignore[type-var]  # the SDK's CancellableStream has close()
        for stdout, stderr in stream:
            output.stdout += stdout or b""
            output.stderr += stderr or b""
            if len(output.stdout) + len(output.stderr) > OUTPUT_AT_MOST:
                output.flooded = True
                return


def _kill(client: DockerClient, container_id: str) -> None:
    try:
        client.api.kill(container_id)
    except APIError as error:
        if error.status_code not in (404, 409):  # it ended by itself in the meantime
            raise


def execute(
    client: DockerClient, container_id: str, command: list[str], deadline: float, environment: Mapping[str, str] = _OWN
) -> tuple[int | None, bytes]:
    """Run a command in a running container; returns its exit code (None past the deadline) and what it printed.

    ``environment``: variables that differ from the container's own.
    """
    made = client.api.exec_create(container_id, command, stderr=True, environment=dict(environment))
    output = Output()
    reading = spawn(_read, client.api.exec_start(made["Id"], stream=True, demux=True), output)
    try:
        wait(client, reading, deadline)
    except TimeoutError:
        return None, output.stdout
    return client.api.exec_inspect(made["Id"])["ExitCode"], output.stdout


def proof(client: DockerClient, container_id: str) -> Proof:
    """Ask the engine what it ran, when, and how that ended."""
    return proof_in(client.api.inspect_container(container_id))


def proof_in(answer: dict[str, Any]) -> Proof:
    """Return what the engine's answer about a container (inspect) proves."""
    state = answer["State"]
    return Proof(
        container_id=answer["Id"],
        image_id=answer["Image"],
        started="" if state["StartedAt"].startswith("0001-") else state["StartedAt"],
        finished="" if state["FinishedAt"].startswith("0001-") else state["FinishedAt"],
        exit_code=state["ExitCode"],
        out_of_memory=bool(state.get("OOMKilled")),
    )


def until(deadline: float, ask: Callable[[], T | None], pause: float = 0.1) -> T | None:
    """Ask until there is an answer, for at most ``deadline`` seconds; None when there was none."""
    end = time.monotonic() + deadline
    while True:
        answer = ask()
        if answer is not None or time.monotonic() >= end:
            return answer
        time.sleep(pause)
