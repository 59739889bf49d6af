"""Rulings on what must hold when something happens: cancelling, killing, restarting, a queue, the wrong image."""

from datetime import datetime
from typing import Any

from verify.e2e.scenes import (
    AT_ONCE,
    CANCELLED,
    FINAL,
    GONE,
    LOST,
    MISPLACED,
    SECOND,
    THIRD,
    TRAINER,
)
from verify.e2e.stage import BACKEND
from verify.e2e.view import View, dig, listed
from verify.judge.case import Ruling, rule, want_of_memory

ACCEPTED, NOT_FOUND = 202, 404
SAME_MOMENT = 0.5  # seconds within which two workers may begin in any order: they report side by side


def misplaced(view: View) -> Ruling:
    """It ends by itself with another code than 0, names the images, and was never listed."""
    scene = view.scene("misplaced")
    seen = scene.container(MISPLACED)
    known = [one.get("worker_id") for one in listed(scene.good("workers"), "workers")]
    unnamed = [name for name in view.worker_images if name not in seen.log]
    faults = ["it still runs"] if seen.running else []
    faults += ["it ended with 0"] if not seen.running and seen.exit_code == 0 else []
    faults += [f"it was killed ({seen.exit_code})"] if seen.exit_code in (137, 143) else []
    faults += [why] if (why := want_of_memory(seen.exit_code, out_of_memory=seen.out_of_memory)) else []
    faults += [f"it does not name {', '.join(unnamed)}"] if unnamed else []
    faults += ["it prints a traceback"] if "Traceback" in seen.log else []
    faults += ["it registered"] if MISPLACED in known else []
    expected = f"it stops by itself, not with 0, and names {' and '.join(view.worker_images)}; it never registers"
    return rule(not faults, expected, "; ".join(faults) or f"it ended with {seen.exit_code}", printed=seen.log[-2000:])


def cancel(view: View) -> Ruling:
    """From the request to cancelled in 2 s, and the worker is idle again."""
    scene = view.scene("cancel")
    scene.good("start")
    scene.operation("running")
    scene.good("cancel", ACCEPTED)
    operation = scene.ended("ended", "cancelled")
    seconds = scene.answer("cancel").seconds + scene.answer("ended").seconds
    scene.good("idle")
    progress = dig(operation, "progress.current_step")
    return rule(seconds <= CANCELLED, f"cancelled within {CANCELLED:.0f} s", f"after {seconds:.1f} s, at {progress}")


def restart(view: View) -> Ruling:
    """Everything that was known before is known after; the workers are heard of again; all work completes."""
    scene = view.scene("restart")
    scene.operation("running")
    scene.good("health")
    before, after = (_by_id(listed(scene.good(name), "operations")) for name in ("before", "after"))
    models, models_after = (
        {str(one.get("name")) for one in listed(scene.good(name), "models")} for name in ("models", "models_after")
    )
    gone = (before.keys() - after.keys()) | (models - models_after)
    faults = [f"{name} is not there any more" for name in sorted(gone)]
    faults += [f"{name} has changed" for name in sorted(_ended(before) - gone) if after[name] != before[name]]
    if scene.container(BACKEND).exit_code != 137:  # noqa: PLR2004 - 128 + SIGKILL
        faults.append(f"the backend ended with {scene.container(BACKEND).exit_code}, not killed")
    expected = f"operations, queue and models as before; workers back within {LOST:.0f} s; all work completes"
    if faults:  # whatever follows, follows from that
        return rule(False, expected, "; ".join(faults))
    listed(scene.good("workers"), "workers")
    for name in ("trainer", "tester"):
        scene.good(name)
    back = scene.seconds("back")
    faults = [f"the workers were back after {back:.1f} s"] if back > LOST else []
    ended = [scene.ended(f"ended-{number}", "completed") for number in (1, 2, 3)]
    began = dig(scene.operation("running"), "started_at")
    faults += ["the training that ran was begun anew"] if dig(ended[0], "started_at") != began else []
    healthy = scene.answer("health").seconds
    found = f"{len(after)} operations and {len(models_after)} models kept, health after {healthy:.1f} s"
    return rule(not faults, expected, "; ".join(faults) or f"{found}, workers after {back:.1f} s")


def killed(view: View) -> Ruling:
    """SIGKILL in the middle of a training."""
    scene = view.scene("killed")
    scene.good("start")
    scene.operation("running")
    operation = scene.ended("ended", "failed")
    code, seconds, seen = operation.get("error_code"), scene.seconds("lost"), scene.container(TRAINER)
    faults = [f"the code is {code}"] if code != "worker_lost" else []
    faults += [f"it took {seconds:.1f} s"] if seconds > LOST else []
    faults += [f"the worker ended with {seen.exit_code}, not killed"] if seen.running or seen.exit_code != 137 else []  # noqa: PLR2004 - 128 + SIGKILL
    expected = f"failed with worker_lost within {LOST:.0f} s"
    found = "; ".join(faults) or f"after {seconds:.1f} s: {operation.get('error_message')}"
    return rule(not faults, expected, found, operation={key: operation.get(key) for key in ("status", "error_code")})


def queue(view: View) -> Ruling:
    """Each completes once, begun in the order in which they were asked for, by two workers."""
    scene = view.scene("queue")
    tasks = [dig(scene.good(f"start-{number}"), "task_id") for number in range(1, AT_ONCE + 1)]
    ended = [scene.ended(f"ended-{number}", "completed") for number in range(1, AT_ONCE + 1)]
    known = [one.get("operation_id") for one in listed(scene.good("operations"), "operations")]
    models = [dig(one, "result_summary.model_path") for one in ended]
    kept = [one.get("model_path") for one in listed(scene.good("models"), "models")]
    logs = "\n".join(scene.container(name).log for name in (SECOND, THIRD))
    begun = {task: logs.count(f"{task} begins") for task in tasks}
    faults = [f"{task} was begun {times} times" for task, times in begun.items() if times != 1]
    faults += ["an operation has two ids"] if len(set(tasks)) != AT_ONCE else []
    faults += [f"{task} is listed {known.count(task)} times" for task in tasks if known.count(task) != 1]
    faults += ["two trainings came to one model"] if len(set(models)) != AT_ONCE or not set(models) <= set(kept) else []
    faults += out_of_order([str(one.get("started_at")) for one in ended])
    workers = {str(dig(one, "metadata.worker_id")) for one in ended}
    faults += [f"done by {', '.join(sorted(workers))}"] if workers != {SECOND, THIRD} else []
    expected = f"{AT_ONCE} completed, each begun once, in the order asked for, by {SECOND} and {THIRD}"
    started = {task: one.get("started_at") for task, one in zip(tasks, ended, strict=True)}
    return rule(not faults, expected, "; ".join(faults) or f"{len(ended)} completed, in order", started=started)


def out_of_order(started: list[str]) -> list[str]:
    """Return which ones (counted from 1) began clearly before one that was asked for earlier."""
    try:
        moments = [datetime.fromisoformat(text).timestamp() for text in started]
    except ValueError:
        return [f"started_at is no time: {', '.join(started)}"]
    return [
        f"number {place + 1} began before an earlier one"
        for place, moment in enumerate(moments)
        if any(moment < earlier - SAME_MOMENT for earlier in moments[:place])
    ]


def terminated(view: View) -> Ruling:
    """SIGTERM in the middle of a training."""
    scene = view.scene("terminated")
    scene.good("start")
    worker = str(dig(scene.operation("running"), "metadata.worker_id"))
    seen, seconds = scene.container(worker), scene.seconds("gone")
    expected = f"the operation cancelled and reported, the process gone within {GONE:.0f} s, the worker not listed"
    if seen.running:
        return rule(False, expected, f"{worker} still runs after {seconds:.1f} s", log=seen.log[-2000:])
    scene.ended("ended", "cancelled")
    status = scene.answer("worker").status
    faults = [f"{worker} ended with {seen.exit_code}"] if seen.exit_code not in (0, 143) else []
    faults += [f"it took {seconds:.1f} s"] if seconds > GONE else []
    faults += [f"it is still listed: {status}"] if status != NOT_FOUND else []
    return rule(not faults, expected, "; ".join(faults) or f"gone after {seconds:.1f} s", log=seen.log[-2000:])


def _ended(operations: dict[str, dict[str, Any]]) -> set[str]:
    return {name for name, one in operations.items() if one.get("status") in FINAL}


def _by_id(operations: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {str(dig(one, "operation_id")): one for one in operations}


RULINGS = {
    "workers/misplaced": misplaced,
    "operations/cancel": cancel,
    "backend/restart": restart,
    "workers/killed": killed,
    "operations/queue": queue,
    "workers/terminated": terminated,
}
