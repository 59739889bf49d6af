"""One scenario's notes under names that the checks know; they are kept when the scenario breaks off."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from verify.e2e.observation import Answer, ScenarioObservation
from verify.e2e.system import Call, System


class BreakOff(Exception):
    """A scenario cannot go on; its notes say why."""


@dataclass
class Notes:
    """Carries out the steps of one scenario, and notes what each returned."""

    system: System
    show: Callable[[str], None]
    seen: ScenarioObservation = field(default_factory=ScenarioObservation)
    began: float = field(default_factory=time.monotonic)

    def observation(self, error: str = "") -> ScenarioObservation:
        """Return the notes."""
        seconds = round(time.monotonic() - self.began, 3)
        return self.seen.model_copy(update={"error": error, "seconds": seconds})

    def call(self, **calls: Call) -> list[Answer]:
        """Call the backend, and note each answer under its name; a condition that fails breaks the scenario off."""
        self.show(next((call.waited_for for call in calls.values() if call.waited_for), "calling the backend"))
        answers = self.system.call(*calls.values())
        self.seen.answers.update(zip(calls, answers, strict=False))
        if not all(answer.met for answer in answers):
            raise BreakOff
        return answers

    def execute(self, name: str, container: str, command: list[str], limit: float) -> None:
        """Run a command in a container, and note what it printed."""
        self.show(" ".join("…" if "\n" in word else word for word in command))  # without a program's source
        self.seen.printed[name] = self.system.execute(container, command, limit)

    def look(self, *names: str, log: bool = False) -> None:
        """Note the states of containers."""
        self.seen.containers.update((name, self.system.state(name, log=log)) for name in names)

    def await_end(self, name: str, limit: float) -> None:
        """Wait for a container's end, and note its state then."""
        self.show(f"waiting for the end of {name}")
        self.seen.containers[name] = self.system.await_end(name, limit)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Note the seconds that something takes, also when it breaks off."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seen.times[name] = round(time.monotonic() - began, 3)
