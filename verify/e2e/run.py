"""Runs the scenarios one after another on one system; returns everything that was seen."""

import time
from collections.abc import Callable, Iterable

from deploy.contract import Contract
from deploy.engine.connection import ENGINE_ERRORS, Engine
from deploy.engine.runs import new_run
from verify.e2e.notes import BreakOff, Notes
from verify.e2e.observation import ContainerState, ScenarioObservation, SystemObservation
from verify.e2e.scenarios import CANCELLED, FINAL, SCENARIOS, ended
from verify.e2e.system import Call, NoAnswer, System
from verify.e2e.view import MISSHAPEN, misshapen
from verify.judge.end_to_end import Used
from verify.observe.refusal import reason

Show = Callable[[str, str], None]
"""Shows a scenario's progress: its name, and what it does or waits for; "" when it has ended."""


def run_scenarios(
    engine: Engine, contract: Contract, images: dict[str, Used], show: Show, names: Iterable[str] = tuple(SCENARIOS)
) -> SystemObservation:
    """Start the images by id on a network of their own and run these scenarios; nothing is left on the engine."""
    began = time.monotonic()
    seen: dict[str, ScenarioObservation] = {}
    containers: dict[str, ContainerState] = {}
    with new_run(engine) as run:
        system = System(engine, contract, run, images)
        try:
            for name in names:
                seen[name] = _run(system, name, show)
                if name == "startup" and not _is_up(seen[name]):
                    break  # no later scenario could run
            containers = _states(system)
        finally:
            system.close()
    seconds = round(time.monotonic() - began, 3)
    return SystemObservation(images=images, scenes=seen, containers=containers, seconds=seconds)


def _run(system: System, name: str, show: Show) -> ScenarioObservation:
    notes = Notes(system, lambda detail: show(name, detail))
    error = ""
    try:
        SCENARIOS[name](notes)
    except BreakOff:  # the notes say why
        error = _tidied(notes)
    except NoAnswer as silence:
        error = str(silence)
    except ENGINE_ERRORS as refusal:
        error = reason(refusal)
    except MISSHAPEN as unexpected:
        error = "; ".join(filter(None, (misshapen(unexpected), _tidied(notes))))
    show(name, "")
    return notes.observation(error)


def _tidied(notes: Notes) -> str:
    """Cancel what a scenario left unfinished, so that the next one finds idle workers; returns why that failed."""
    try:
        answer = notes.system.call(Call("GET", "/operations?limit=500"))[0]
        operations = answer.body["operations"] if isinstance(answer.body, dict) and "operations" in answer.body else []
        left = [operation["operation_id"] for operation in operations if operation["status"] not in FINAL]
        notes.system.call(*(Call("DELETE", f"/operations/{task}") for task in left))
        notes.system.call(*(ended(task, CANCELLED) for task in left))
    except (NoAnswer, *ENGINE_ERRORS) as trouble:
        return str(trouble)
    except MISSHAPEN as unexpected:
        return misshapen(unexpected)
    return ""


def _is_up(startup: ScenarioObservation) -> bool:
    met = {name for name, answer in startup.answers.items() if answer.met}
    return not startup.error and met >= {"health", "trainer", "tester"}


def _states(system: System) -> dict[str, ContainerState]:
    """Return every container's state at the end, with its whole log, as far as the engine still answers."""
    found = {}
    for name in system.roles:
        try:
            found[name] = system.state(name, log=True)
        except ENGINE_ERRORS:
            continue
    return found
