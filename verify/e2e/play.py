"""Plays the scenes one after another on one stage; returns everything that was seen."""

import time
from collections.abc import Callable, Iterable

from deploy.contract import Contract
from deploy.engine.connection import ENGINE_ERRORS, Engine
from deploy.engine.runs import new_run
from verify.e2e.observation import Observed, Scene, Seen
from verify.e2e.recorder import BreakOff, Recorder
from verify.e2e.scenes import CANCELLED, FINAL, SCENES, ended
from verify.e2e.stage import Ask, Silent, Stage
from verify.e2e.view import MISSHAPEN
from verify.judge.end_to_end import Used
from verify.observe.observer import reason

Tell = Callable[[str, str], None]
"""Told what a scene is at: the scene's name, and what it does or waits for; "" when it has ended."""


def play(
    engine: Engine, contract: Contract, images: dict[str, Used], tell: Tell, scenes: Iterable[str] = tuple(SCENES)
) -> Observed:
    """Start the images by id on a network of their own and play these scenes; nothing is left on the engine."""
    began = time.monotonic()
    played: dict[str, Scene] = {}
    containers: dict[str, Seen] = {}
    with new_run(engine) as run:
        stage = Stage(engine, contract, run, images)
        try:
            for name in scenes:
                played[name] = _play(stage, name, tell)
                if name == "startup" and not _is_up(played[name]):
                    break  # there is nobody who could do the rest
            containers = _all(stage)
        finally:
            stage.close()
    return Observed(images=images, scenes=played, containers=containers, seconds=round(time.monotonic() - began, 3))


def _play(stage: Stage, name: str, tell: Tell) -> Scene:
    note = Recorder(stage, lambda detail: tell(name, detail))
    error = ""
    try:
        SCENES[name](note)
    except BreakOff:  # what it has noted says why
        error = _tidied(note)
    except Silent as silence:
        error = str(silence)
    except ENGINE_ERRORS as refusal:
        error = reason(refusal)
    except MISSHAPEN as misshapen:
        error = "; ".join(filter(None, (_stumbled(misshapen), _tidied(note))))
    tell(name, "")
    return note.scene(error)


def _tidied(note: Recorder) -> str:
    """Cancel what a scene that broke off left unfinished, so that the next one finds idle workers."""
    try:
        answer = note.stage.ask(Ask("GET", "/operations?limit=500"))[0]
        operations = answer.body["operations"] if isinstance(answer.body, dict) and "operations" in answer.body else []
        left = [one["operation_id"] for one in operations if one["status"] not in FINAL]
        note.stage.ask(*(Ask("DELETE", f"/operations/{task}") for task in left))
        note.stage.ask(*(ended(task, CANCELLED) for task in left))
    except (Silent, *ENGINE_ERRORS) as trouble:
        return str(trouble)
    except MISSHAPEN as misshapen:
        return _stumbled(misshapen)
    return ""


def _stumbled(error: Exception) -> str:
    return f"an answer is not of the API's form: {type(error).__name__}: {error}"


def _is_up(scene: Scene) -> bool:
    return not scene.error and {"health", "trainer", "tester"} <= {
        name for name, answer in scene.answers.items() if answer.met
    }


def _all(stage: Stage) -> dict[str, Seen]:
    """Return every container as it is at the end, with its whole log, as far as the engine still tells."""
    found = {}
    for name in stage.roles:
        try:
            found[name] = stage.seen(name, log=True)
        except ENGINE_ERRORS:
            continue
    return found
