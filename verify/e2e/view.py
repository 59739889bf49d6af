"""The observations as rulings read them: missing evidence raises NotSeen, a wrong answer raises Wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from verify.e2e.observation import Answer, ContainerState, Printed, ScenarioObservation, SystemObservation
from verify.judge.case import NotSeen

T = TypeVar("T")
OK = 200
# What reading an answer raises that has another form than the API's.
MISSHAPEN = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)
STARTUP = "workers/startup-registration"


def misshapen(error: Exception) -> str:
    """Return in words that an answer has another form than the API's."""
    return f"an answer is not of the API's form: {type(error).__name__}: {error}"


class Wrong(Exception):
    """A wrong answer: a FAIL, with the evidence."""

    def __init__(self, found: str, **evidence: Any) -> None:
        super().__init__(found)
        self.found, self.evidence = found, evidence


TIME_IS_NO_METRIC = "training_time"


@dataclass(frozen=True)
class ScenarioView:
    """What was seen of one scenario. Asking for what it did not reach raises NotSeen."""

    name: str
    seen: ScenarioObservation

    def answer(self, name: str) -> Answer:
        """Return an answer, whatever it is."""
        return self._noted(self.seen.answers, name)

    def printed(self, name: str) -> Printed:
        """Return what a command printed."""
        return self._noted(self.seen.printed, name)

    def container(self, name: str) -> ContainerState:
        """Return a container's state."""
        return self._noted(self.seen.containers, name)

    def seconds(self, name: str) -> float:
        """Return a time that was taken."""
        return self._noted(self.seen.times, name)

    def _noted(self, notes: Mapping[str, T], name: str) -> T:
        if name not in notes:
            raise NotSeen(self.seen.error or f"the scenario {self.name} did not reach {name}", "")
        return notes[name]

    def good(self, name: str, status: int = OK) -> dict[str, Any]:
        """Return an answer's body; Wrong where its status or form is another, or its condition was not met."""
        answer = self.answer(name)
        body = answer.body
        if answer.status != status or not isinstance(body, dict):
            raise Wrong(f"{answer.method} {answer.path} answered {answer.status}: {str(body)[:300]}", answer=body)
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
            reason = operation.get("error_message") or operation.get("error_code") or "no reason given"
            raise Wrong(f"the operation is {operation.get('status')}, not {status}: {reason}", operation=operation)
        return operation


@dataclass(frozen=True)
class View:
    """Everything that was seen, and the images that a misplaced worker has to name."""

    observed: SystemObservation
    worker_images: tuple[str, ...]

    def scenario(self, name: str) -> ScenarioView:
        """Return what was seen of a scenario; NotSeen where it did not run."""
        if self.observed.refused:
            raise NotSeen(self.observed.refused, "verified-images")
        if name not in self.observed.scenarios:
            raise NotSeen(f"the scenario {name} did not run", STARTUP)
        return ScenarioView(name, self.observed.scenarios[name])

    def trained(self) -> dict[str, Any]:
        """Return the result_summary of the year's training; NotSeen where it did not complete."""
        try:
            summary = dig(self.scenario("training").ended("ended", "completed"), "result_summary")
        except Wrong as wrong:
            raise NotSeen(wrong.found, "training/smoke") from None
        if not isinstance(summary, dict):
            raise NotSeen("the training has no result_summary", "training/smoke")
        return summary


def listed(document: Any, path: str) -> list[dict[str, Any]]:
    """Return a list of objects deep inside; Wrong where it is missing or holds anything else."""
    found = dig(document, path)
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
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


def figures(summary: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics of a training's result by group and name, without the time that it took."""
    groups = ("training_metrics", "test_metrics")
    found = {f"{group}.{name}": value for group in groups for name, value in dig(summary, group).items()}
    return {name: value for name, value in found.items() if not name.endswith(TIME_IS_NO_METRIC)}


def _state(body: dict[str, Any]) -> str:
    """Return the state that an answer reports instead of the one that was waited for."""
    operation = body.get("operation")
    if isinstance(operation, dict):
        return f"it is {operation.get('status')}, {(operation.get('progress') or {}).get('current_step')}"
    worker = body.get("worker")
    if isinstance(worker, dict):
        return f"it is {worker.get('status')}, last seen {worker.get('last_seen')}"
    return str(body)[:300]
