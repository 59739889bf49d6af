"""Rulings on what must hold when something happens: cancelling, killing, restarting, a queue, the wrong image."""

from datetime import datetime
from typing import Any

from deploy.faults import Faults
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
KILLED, TERMINATED = 137, 143  # 128 + SIGKILL, 128 + SIGTERM
SAME_MOMENT = 0.5  # seconds within which two workers may begin in any order: they report side by side


def misplaced(view: View) -> Ruling:
    """It ends by itself with another code than 0, names the images, and was never listed."""
    scene = view.scene("misplaced")
    seen = scene.container(MISPLACED)
    known = [worker.get("worker_id") for worker in listed(scene.good("workers"), "workers")]
    unnamed = [name for name in view.worker_images if name not in seen.log]
    faults = Faults()
    faults.add(seen.running, "it still runs")
    faults.add(not seen.running and seen.exit_code == 0, "it ended with 0")
    faults.add(seen.exit_code in (KILLED, TERMINATED), f"it was killed ({seen.exit_code})")
    out_of_memory = want_of_memory(seen.exit_code, out_of_memory=seen.out_of_memory)
    faults.add(out_of_memory, out_of_memory)
    faults.add(unnamed, f"it does not name {', '.join(unnamed)}")
    faults.add("Traceback" in seen.log, "it prints a traceback")
    faults.add(MISPLACED in known, "it registered")
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
        {str(model.get("name")) for model in listed(scene.good(name), "models")} for name in ("models", "models_after")
    )
    gone = (before.keys() - after.keys()) | (models - models_after)
    faults = Faults(f"{name} is not there any more" for name in sorted(gone))
    faults += [f"{name} has changed" for name in sorted(_ended(before) - gone) if after[name] != before[name]]
    code = scene.container(BACKEND).exit_code
    faults.add(code != KILLED, f"the backend ended with {code}, not killed")
    expected = f"operations, queue and models as before; workers back within {LOST:.0f} s; all work completes"
    if faults:  # whatever follows, follows from that
        return rule(False, expected, "; ".join(faults))
    listed(scene.good("workers"), "workers")
    for name in ("trainer", "tester"):
        scene.good(name)
    back = scene.seconds("back")
    faults = Faults()
    faults.add(back > LOST, f"the workers were back after {back:.1f} s")
    ended = [scene.ended(f"ended-{number}", "completed") for number in (1, 2, 3)]
    began = dig(scene.operation("running"), "started_at")
    faults.add(dig(ended[0], "started_at") != began, "the training that ran was begun anew")
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
    faults = Faults()
    faults.add(code != "worker_lost", f"the code is {code}")
    faults.add(seconds > LOST, f"it took {seconds:.1f} s")
    faults.add(seen.running or seen.exit_code != KILLED, f"the worker ended with {seen.exit_code}, not killed")
    expected = f"failed with worker_lost within {LOST:.0f} s"
    found = "; ".join(faults) or f"after {seconds:.1f} s: {operation.get('error_message')}"
    return rule(not faults, expected, found, operation={key: operation.get(key) for key in ("status", "error_code")})


def queue(view: View) -> Ruling:
    """Each completes once, begun in the order in which they were asked for, by two workers."""
    scene = view.scene("queue")
    tasks = [dig(scene.good(f"start-{number}"), "task_id") for number in range(1, AT_ONCE + 1)]
    ended = [scene.ended(f"ended-{number}", "completed") for number in range(1, AT_ONCE + 1)]
    known = [operation.get("operation_id") for operation in listed(scene.good("operations"), "operations")]
    models = [dig(operation, "result_summary.model_path") for operation in ended]
    kept = [model.get("model_path") for model in listed(scene.good("models"), "models")]
    logs = "\n".join(scene.container(name).log for name in (SECOND, THIRD))
    begun = {task: logs.count(f"{task} begins") for task in tasks}
    faults = Faults(f"{task} was begun {times} times" for task, times in begun.items() if times != 1)
    faults.add(len(set(tasks)) != AT_ONCE, "an operation has two ids")
    faults += [f"{task} is listed {known.count(task)} times" for task in tasks if known.count(task) != 1]
    faults.add(len(set(models)) != AT_ONCE or not set(models) <= set(kept), "two trainings came to one model")
    faults += out_of_order([str(operation.get("started_at")) for operation in ended])
    workers = {str(dig(operation, "metadata.worker_id")) for operation in ended}
    faults.add(workers != {SECOND, THIRD}, f"done by {', '.join(sorted(workers))}")
    expected = f"{AT_ONCE} completed, each begun once, in the order asked for, by {SECOND} and {THIRD}"
    started = {task: operation.get("started_at") for task, operation in zip(tasks, ended, strict=True)}
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
    faults = Faults()
    faults.add(seen.exit_code not in (0, TERMINATED), f"{worker} ended with {seen.exit_code}")
    faults.add(seconds > GONE, f"it took {seconds:.1f} s")
    faults.add(status != NOT_FOUND, f"it is still listed: {status}")
    return rule(not faults, expected, "; ".join(faults) or f"gone after {seconds:.1f} s", log=seen.log[-2000:])


def _ended(operations: dict[str, dict[str, Any]]) -> set[str]:
    return {name for name, operation in operations.items() if operation.get("status") in FINAL}


def _by_id(operations: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {str(dig(operation, "operation_id")): operation for operation in operations}


RULINGS = {
    "workers/misplaced": misplaced,
    "operations/cancel": cancel,
    "backend/restart": restart,
    "workers/killed": killed,
    "operations/queue": queue,
    "workers/terminated": terminated,
}
