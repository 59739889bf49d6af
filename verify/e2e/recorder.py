"""Notes what one scene sees, under names that the checks know; what is noted stays when the scene breaks off."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from verify.e2e.observation import Answer, Printed, Scene, Seen
from verify.e2e.stage import Ask, Stage


class BreakOff(Exception):
    """A scene cannot go on; what it has noted says why."""


@dataclass
class Recorder:
    """One scene's notes, and the scene's hands: everything that it does, it does through here."""

    stage: Stage
    tell: Callable[[str], None]
    answers: dict[str, Answer] = field(default_factory=dict)
    printed: dict[str, Printed] = field(default_factory=dict)
    containers: dict[str, Seen] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def scene(self, error: str = "") -> Scene:
        """Return the notes."""
        return Scene(
            answers=self.answers,
            printed=self.printed,
            containers=self.containers,
            times=self.times,
            error=error,
            seconds=round(time.monotonic() - self.began, 3),
        )

    def ask(self, **asks: Ask) -> list[Answer]:
        """Ask, and note each answer under its name; an answer that was waited for in vain breaks the scene off."""
        self.tell(next((one.waited_for for one in asks.values() if one.waited_for), "asking"))
        answers = self.stage.ask(*asks.values())
        self.answers |= dict(zip(asks, answers, strict=False))
        if not all(answer.met for answer in answers):
            raise BreakOff
        return answers

    def execute(self, name: str, container: str, command: list[str], limit: float) -> None:
        """Run a command in a container, and note what it printed."""
        self.tell(" ".join("…" if "\n" in word else word for word in command))  # a program's source is no name of it
        self.printed[name] = self.stage.execute(container, command, limit)

    def look(self, *names: str, log: bool = False) -> None:
        """Note how containers are."""
        self.containers |= {name: self.stage.seen(name, log=log) for name in names}

    def await_end(self, name: str, limit: float) -> None:
        """Wait for a container's end and note how it is then."""
        self.tell(f"waiting for the end of {name}")
        self.containers[name] = self.stage.ended(name, limit)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Note the seconds that something takes, also when it breaks off."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.times[name] = round(time.monotonic() - began, 3)
