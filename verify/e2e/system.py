"""The system under test: containers of the verified images on a network of their own.

Every container and network carries the run's labels, and the run removes them (deploy.engine.runs). Nothing of the host
is mounted and no port is published: a container inside calls the backend, so that the engine may be anywhere.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from deploy.contract import Contract
from deploy.engine.connection import Engine, sdk
from deploy.engine.runs import Run
from verify.e2e.observation import Answer, ContainerState, Printed
from verify.judge.end_to_end import Used
from verify.observe import containers
from verify.observe.requests import source

BACKEND = "backend"  # the name by which the others reach it
CLIENT = "client"
BASE = f"{BACKEND}:8000"
PREFIX = "/api/v1"
SPARE = 20.0  # seconds beyond a call's own limit, for the engine and a busy machine
LOG_AT_MOST = 4_000_000  # bytes
WAIT_FOR_EVER = ["python", "-c", "import signal; signal.pause()"]


class NoAnswer(Exception):
    """The client container gave no answers; the message names the calls."""


@dataclass(frozen=True)
class Call:
    """A call to the backend; with a condition it is repeated until the answer meets it, for `limit` seconds."""

    method: str
    path: str
    body: dict[str, Any] | None = None
    until: dict[str, Any] = field(default_factory=dict)
    limit: float = 0.0
    waited_for: str = ""

    @property
    def asked(self) -> dict[str, Any]:
        """The call as the client's program reads it (verify/probes/call.py)."""
        return {**vars(self), "path": PREFIX + self.path}


class System:
    """One run's network and containers, each known by a short name that is its host name too."""

    def __init__(self, engine: Engine, contract: Contract, run: Run, images: dict[str, Used]) -> None:
        self.contract, self.run, self.images = contract, run, images
        self.client = sdk(engine, timeout=containers.ANSWER)
        self._patient = sdk(engine, timeout=300.0)  # a call is silent for as long as it waits
        self.network = run.name("net")
        self.roles: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self.client.api.create_network(self.network, driver="bridge", internal=True, labels=run.labels)

    def close(self) -> None:
        """Give the connections to the engine back."""
        self.client.close()
        self._patient.close()

    def start(
        self, name: str, role: str, command: list[str] | None = None, environment: dict[str, str] | None = None
    ) -> None:
        """Make a container of a role's image, by its id, and start it."""
        api, image = self.client.api, self.contract.images[role]
        endpoint = api.create_endpoint_config(aliases=[name])
        made = api.create_container(
            self.images[role].image_id,
            command=command,
            name=self.run.name(name),
            hostname=name,
            labels=self.run.labels,
            environment=environment or {},
            use_config_proxy=False,
            networking_config=api.create_networking_config({self.network: endpoint}),  # type: ignore[arg-type]  # the stubs are wrong
            host_config=containers.host_config(
                self.client,
                labels=self.run.labels,
                writable=image.writable,
                network=self.network,
                limits=image.limits,
            ),
        )
        self._ids[name], self.roles[name] = made["Id"], role
        api.start(made["Id"])

    def restart(self, name: str) -> None:
        """Start a container that has ended, with the volumes that it had."""
        self.client.api.start(self._ids[name])

    def signal(self, name: str, signal: str) -> None:
        """Send a signal to a container's first process."""
        self.client.api.kill(self._ids[name], signal)

    def state(self, name: str, *, log: bool = False) -> ContainerState:
        """Return a container's state in the engine's words; with its log where that is wanted."""
        answer = self.client.api.inspect_container(self._ids[name])
        proof, running = containers.proof_in(answer), bool(answer["State"]["Running"])
        text = self.log(name) if log else ""
        return ContainerState(name=name, role=self.roles[name], running=running, log=text, **proof.model_dump())

    def await_end(self, name: str, limit: float) -> ContainerState:
        """Wait for a container's end, for at most `limit` seconds; return its state then, with its log."""

        def look() -> ContainerState | None:
            seen = self.state(name)
            return None if seen.running else seen

        containers.until(limit, look)
        return self.state(name, log=True)

    def log(self, name: str) -> str:
        """Return the last of what a container printed."""
        return _text(self.client.api.logs(self._ids[name], tail=20_000)[-LOG_AT_MOST:])

    def execute(self, name: str, command: list[str], limit: float) -> Printed:
        """Run a command in a running container."""
        code, output = containers.execute(self._patient, self._ids[name], command, limit)
        return Printed(command=command, exit_code=code, output=_text(output))

    def call(self, *calls: Call) -> list[Answer]:
        """Call the backend from inside the network, one call after another, up to the first whose condition fails.

        Raises:
            NoAnswer: the client container gave no answers.

        """
        argument = json.dumps({"base": BASE, "asks": [call.asked for call in calls]})
        limit = sum(call.limit for call in calls) + SPARE * len(calls)
        printed = self.execute(CLIENT, ["python", "-c", source("call"), argument], limit)
        try:
            answers = json.loads(printed.output)
            return [
                Answer(
                    method=call.method, path=call.path, limit=call.limit, waited_for=call.waited_for, **answer
                )
                for call, answer in zip(calls, answers, strict=False)
            ]  # fmt: skip
        except (ValueError, TypeError):
            called = ", ".join(f"{call.method} {call.path}" for call in calls)
            wrong = f"no answers to {called}: the client ended with {printed.exit_code} and {printed.output[-500:]!r}"
            raise NoAnswer(wrong) from None


def _text(output: bytes) -> str:
    return output.decode("utf-8", "replace")
