"""What the checks may look at: the scenes' notes, with an exception for what is missing and one for what is wrong."""

from dataclasses import dataclass
from typing import Any

from verify.e2e.observation import Answer, Observed, Printed, Scene, Seen
from verify.judge.case import NotSeen

OK = 200
# What reading an answer of another form than the API's comes to.
MISSHAPEN = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)
STARTUP = "workers/startup-registration"


class Wrong(Exception):
    """What was seen is not what must be: a FAIL, with the evidence."""

    def __init__(self, found: str, **evidence: Any) -> None:
        super().__init__(found)
        self.found, self.evidence = found, evidence


@dataclass(frozen=True)
class Notes:
    """One scene's notes. Asking for what it did not come to raises NotSeen."""

    name: str
    scene: Scene

    def answer(self, name: str) -> Answer:
        """Return an answer, whatever it is."""
        if name not in self.scene.answers:
            raise NotSeen(self.scene.error or f"the scene {self.name} did not come to {name}", "")
        return self.scene.answers[name]

    def good(self, name: str, status: int = OK) -> dict[str, Any]:
        """Return an answer's body; Wrong where it is not of this status or no JSON object, or came in vain."""
        answer = self.answer(name)
        asked = f"{answer.method} {answer.path}"
        body = answer.body
        if answer.status != status or not isinstance(body, dict):
            raise Wrong(f"{asked} answered {answer.status}: {str(body)[:300]}", answer=body)
        if not answer.met:
            raise Wrong(f"waited {answer.limit:.0f} s for {answer.waited_for}: {_state(body)}", answer=body)
        return body

    def operation(self, name: str) -> dict[str, Any]:
        """Return the operation of a good answer."""
        found = self.good(name).get("operation")
        if not isinstance(found, dict):
            raise Wrong("the answer holds no operation", answer=self.answer(name).body)
        return found

    def ended(self, name: str, status: str) -> dict[str, Any]:
        """Return the operation of an answer; Wrong where it did not end in this way."""
        operation = self.operation(name)
        if operation.get("status") != status:
            told = operation.get("error_message") or operation.get("error_code") or "no reason given"
            raise Wrong(f"the operation is {operation.get('status')}, not {status}: {told}", operation=operation)
        return operation

    def printed(self, name: str) -> Printed:
        """Return what a command printed."""
        if name not in self.scene.printed:
            raise NotSeen(self.scene.error or f"the scene {self.name} did not come to {name}", "")
        return self.scene.printed[name]

    def container(self, name: str) -> Seen:
        """Return how a container was."""
        if name not in self.scene.containers:
            raise NotSeen(self.scene.error or f"the scene {self.name} did not come to look at {name}", "")
        return self.scene.containers[name]

    def seconds(self, name: str) -> float:
        """Return a time that was taken."""
        if name not in self.scene.times:
            raise NotSeen(self.scene.error or f"the scene {self.name} did not come to time {name}", "")
        return self.scene.times[name]


@dataclass(frozen=True)
class View:
    """Everything that was seen, and the images that a misplaced worker has to name."""

    observed: Observed
    worker_images: tuple[str, ...]

    def scene(self, name: str) -> Notes:
        """Return a scene's notes; NotSeen where it was not played."""
        if self.observed.refused:
            raise NotSeen(self.observed.refused, "verified-images")
        if name not in self.observed.scenes:
            raise NotSeen(f"the scene {name} was not played", STARTUP)
        return Notes(name, self.observed.scenes[name])

    def trained(self) -> dict[str, Any]:
        """Return the result_summary of the year's training; NotSeen where it did not complete."""
        try:
            summary = dig(self.scene("training").ended("ended", "completed"), "result_summary")
        except Wrong as wrong:
            raise NotSeen(wrong.found, "training/smoke") from None
        if not isinstance(summary, dict):
            raise NotSeen("the training has no result_summary", "training/smoke")
        return summary


def listed(document: Any, path: str) -> list[dict[str, Any]]:
    """Return a list of objects deep inside; Wrong where it is missing or holds anything else."""
    found = dig(document, path)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Wrong(f"{path} is no list of objects", document=document)
    return found


def dig(document: Any, path: str) -> Any:
    """Return a value deep inside; Wrong, naming the path, where it is missing."""
    value = document
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            raise Wrong(f"{path} is missing", document=document)
        value = value[key]
    return value


def number(document: Any, path: str) -> float:
    """Return a number deep inside; Wrong where it is missing or none."""
    value = dig(document, path)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Wrong(f"{path} is {value!r}, no number", document=document)
    return float(value)


def _state(body: dict[str, Any]) -> str:
    """Return what became of what was waited for, as far as the answer says it."""
    operation = body.get("operation")
    if isinstance(operation, dict):
        return f"it is {operation.get('status')}, {(operation.get('progress') or {}).get('current_step')}"
    worker = body.get("worker")
    if isinstance(worker, dict):
        return f"it is {worker.get('status')}, last seen {worker.get('last_seen')}"
    return str(body)[:300]
