"""Reads BuildKit's progress (buildx ``--progress rawjson``) line by line into steps; pure."""

import base64
import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

STEP = re.compile(r"\[(?:[\w.-]+ +)?\d+/\d+\] ")  # a Dockerfile's instruction, not BuildKit's own housekeeping
NUMBER = re.compile(r"(\d+)/\d+\]")
LAST_LINES = 200


@dataclass
class Step:
    """One vertex of the build graph."""

    name: str
    started: datetime | None = None
    completed: datetime | None = None
    cached: bool = False
    error: str = ""
    tail: list[str] = field(default_factory=list)  # the last lines it printed

    @property
    def title(self) -> str:
        """The name on one line, without what is mounted for the step."""
        return " ".join(word for word in self.name.split() if not word.startswith("--mount="))

    @property
    def is_instruction(self) -> bool:
        """Whether it stems from an instruction of the Dockerfile."""
        return STEP.match(self.name) is not None

    @property
    def seconds(self) -> float:
        """Wall-clock seconds between start and completion; 0 for a step that never ran."""
        if self.started is None or self.completed is None:
            return 0.0
        return max(0.0, (self.completed - self.started).total_seconds())


@dataclass
class BuildLog:
    """What a running build has reported so far."""

    steps: dict[str, Step] = field(default_factory=dict)
    other: list[str] = field(default_factory=list)  # lines that are no progress: the client's own errors
    _pending: str = ""

    def feed(self, line: str) -> list[str]:
        """Take one line of output; returns the lines that it adds to the log for people."""
        text = line.rstrip()
        if self._pending or text == "{":  # pretty-printed over lines by older versions of buildx
            self._pending += line
            if text != "}" or line[0] in " \t":
                return []
            text, self._pending = self._pending, ""
        document = _document(text)
        if document is None:
            self.other = [*self.other, *text.splitlines()][-LAST_LINES:]
            return text.splitlines() or [""]
        return [
            *(text for vertex in document.get("vertexes") or [] for text in self._vertex(vertex)),
            *(text for log in document.get("logs") or [] for text in self._log(log)),
        ]

    def _vertex(self, vertex: dict[str, Any]) -> list[str]:
        step = self.steps.setdefault(vertex["digest"], Step(vertex["name"]))
        before = (step.started is not None, step.completed is not None)
        step.started = _time(vertex.get("started")) or step.started
        step.completed = _time(vertex.get("completed")) or step.completed
        step.cached = step.cached or bool(vertex.get("cached"))
        step.error = vertex.get("error") or step.error
        lines = []
        if step.started and not before[0]:
            lines.append(f"=> {step.name}")
        if step.completed and not before[1]:
            state = "CACHED" if step.cached else f"{step.seconds:.1f} s"
            lines.append(f"<= {state} {step.name}" + (f": ERROR {step.error}" if step.error else ""))
        return lines

    def _log(self, log: dict[str, Any]) -> list[str]:
        text = base64.b64decode(log.get("data") or "").decode("utf-8", "replace")
        lines = [line.rstrip() for line in text.splitlines()]
        step = self.steps.get(log["vertex"])
        if step is not None:
            step.tail = [*step.tail, *lines][-LAST_LINES:]
        return [f"   {line}" for line in lines]

    @property
    def current(self) -> str:
        """The name of the step that runs now, the Dockerfile's own instructions first."""
        running = [step for step in self.steps.values() if step.started and not step.completed]
        running.sort(key=lambda step: step.is_instruction)
        return running[-1].title if running else ""

    @property
    def instructions(self) -> list[Step]:
        """The Dockerfile's instructions that were cached or run, in its order; FROM is not one of them."""
        done = [step for step in self.steps.values() if step.is_instruction and (step.cached or step.completed)]
        steps = [step for step in done if "] FROM " not in step.name]
        return sorted(steps, key=lambda step: int(NUMBER.findall(step.name)[0]))

    @property
    def exporting_seconds(self) -> float:
        """Seconds in which the builder handed the image over to the engine."""
        return sum(step.seconds for step in self.steps.values() if step.name.startswith("exporting to "))

    def after(self, step: Step) -> float | None:
        """Seconds from the start of the build's first step to this one's; None for a step that never started."""
        started = [step.started for step in self.steps.values() if step.started is not None]
        return None if step.started is None else (step.started - min(started)).total_seconds()

    @property
    def failed(self) -> Step | None:
        """The step that broke the build, None where the client itself failed or nothing did."""
        failed = [step for step in self.steps.values() if step.error and "context canceled" not in step.error]
        return failed[0] if failed else None


def _document(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
