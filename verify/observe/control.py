"""The control: the engine runs a container of the base image under every other's limits, before an image is blamed."""

import contextlib
import threading
from collections.abc import Iterable
from concurrent.futures import Future

from docker import DockerClient
from docker.errors import APIError, ImageNotFound

from deploy.build_record import Base
from deploy.engine import connection as engines
from deploy.engine.connection import ENGINE_ERRORS, Engine
from deploy.engine.runs import Run
from deploy.image_config import ImageConfig
from verify.observe import containers
from verify.observe.model import ControlRun
from verify.observe.refusal import reason

USER = "10001:10001"  # no image's program runs as root
PLACE = "/data"  # of a volume
SHOWN = 1000  # bytes of what it prints
# A thread and a process: what an engine lets no program start, it lets none of an image's.
PROGRAM = """
import os, threading
thread = threading.Thread(target=os.getpid)
thread.start()
thread.join()
raise SystemExit(os.spawnv(os.P_WAIT, "/bin/true", ["true"]))
"""


class Control:
    """Tries the engine once, however many images are looked at."""

    def __init__(self, engine: Engine, run: Run, gate: containers.Gate, bases: Iterable[Base], seconds: float) -> None:
        """Use the first of these base images that the engine has; the program gets so many seconds."""
        self.engine, self.run, self.gate, self.bases, self.seconds = engine, run, gate, list(bases), seconds
        self.lock = threading.Lock()
        self.trial: Future[ControlRun | None] | None = None

    def begin(self) -> Future[ControlRun | None]:
        """Return what becomes of the trial, which the first call begins.

        None where the engine has no base image, or does not answer.
        """
        with self.lock:
            if self.trial is None:
                self.trial = containers.spawn(self._try)
            return self.trial

    def _try(self) -> ControlRun | None:
        reference = ""
        try:
            with contextlib.closing(engines.sdk(self.engine, timeout=containers.ANSWER)) as client:
                found = next(filter(None, (_found(client, base) for base in self.bases)), None)
                if found is None:
                    return None
                reference, image_id = found
                return ControlRun(reference=reference, error=self._run(client, image_id))
        except APIError as refusal:
            return ControlRun(reference=reference, error=reason(refusal))
        except ENGINE_ERRORS:  # an engine that is gone or silent is told of by whatever else was asked of it
            return None

    def _run(self, client: DockerClient, image_id: str) -> str:
        """Run the program; returns how it failed, "" where it did not."""
        host = containers.host_config(client, labels=self.run.labels, writable=[PLACE])
        with self.gate.passing():
            made = client.api.create_container(
                image_id, entrypoint=["python3", "-I", "-S", "-c", PROGRAM], command=[], user=USER,
                name=self.run.name("control"), labels=self.run.labels, host_config=host,
                healthcheck=containers.NO_HEALTHCHECK, use_config_proxy=False,
            )  # fmt: skip
        try:
            printed, late = containers.run(client, made["Id"], self.seconds)
            code = containers.proof(client, made["Id"]).exit_code
        finally:
            containers.remove(client, made["Id"])
        if late:
            return f"it did not end within {self.seconds:.0f} s"
        said = (printed.stdout + printed.stderr)[-SHOWN:].decode("utf-8", "replace").strip().splitlines()
        return f"it ended with {code}: {said[-1] if said else 'it printed nothing'}" if code else ""


def _found(client: DockerClient, base: Base) -> tuple[str, str] | None:
    """Return name and id of a base image; None where the engine has none of that name and layers."""
    try:
        config = ImageConfig.from_inspect(client.api.inspect_image(base.reference))
    except ImageNotFound:
        return None
    return (base.reference, config.image_id) if list(config.layers) == base.layers else None
