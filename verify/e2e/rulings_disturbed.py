"""Rulings on disturbed operation: cancelling, killing, restarting, a queue, the wrong image."""

from datetime import datetime
from typing import Any

from deploy.faults import Faults
from verify.e2e.scenarios import (
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
from verify.e2e.system import BACKEND
from verify.e2e.view import View, dig, figures, listed
from verify.judge.case import NotSeen, Ruling, rule, want_of_memory

ACCEPTED, NOT_FOUND = 202, 404
KILLED, TERMINATED = 137, 143  # 128 + SIGKILL, 128 + SIGTERM
SHUTDOWN = "worker_shutdown"
SAME_MOMENT = 0.5  # seconds within which two workers may begin in any order: they report side by side


def misplaced(view: View) -> Ruling:
    """It ends by itself with another code than 0, names the images, and was never listed."""
    scenario = view.scenario("misplaced")
    seen = scenario.container(MISPLACED)
    known = [worker.get("worker_id") for worker in listed(scenario.good("workers"), "workers")]
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
    scenario = view.scenario("cancel")
    scenario.good("start")
    scenario.operation("running")
    scenario.good("cancel", ACCEPTED)
    operation = scenario.ended("ended", "cancelled")
    seconds = scenario.answer("cancel").seconds + scenario.answer("ended").seconds
    scenario.good("idle")
    progress = dig(operation, "progress.current_step")
    return rule(seconds <= CANCELLED, f"cancelled within {CANCELLED:.0f} s", f"after {seconds:.1f} s, at {progress}")


def restart(view: View) -> Ruling:
    """Everything that was known before is known after; the workers are heard of again; all work completes."""
    scenario = view.scenario("restart")
    scenario.operation("running")
    scenario.good("health")
    before, after = (_by_id(listed(scenario.good(name), "operations")) for name in ("before", "after"))
    models, models_after = (
        {str(model.get("name")) for model in listed(scenario.good(name), "models")}
        for name in ("models", "models_after")
    )
    gone = (before.keys() - after.keys()) | (models - models_after)
    faults = Faults(f"{name} is not there any more" for name in sorted(gone))
    faults += [f"{name} has changed" for name in sorted(_ended(before) - gone) if after[name] != before[name]]
    code = scenario.container(BACKEND).exit_code
    faults.add(code != KILLED, f"the backend ended with {code}, not killed")
    expected = f"operations, queue and models as before; workers back within {LOST:.0f} s; all work completes"
    if faults:  # later faults would only follow from these
        return rule(False, expected, "; ".join(faults))
    listed(scenario.good("workers"), "workers")
    for name in ("trainer", "tester"):
        scenario.good(name)
    back = scenario.seconds("back")
    faults = Faults()
    faults.add(back > LOST, f"the workers were back after {back:.1f} s")
    ended = [scenario.ended(f"ended-{number}", "completed") for number in (1, 2, 3)]
    began = dig(scenario.operation("running"), "started_at")
    faults.add(dig(ended[0], "started_at") != began, "the training that ran was begun anew")
    healthy = scenario.answer("health").seconds
    found = f"{len(after)} operations and {len(models_after)} models kept, health after {healthy:.1f} s"
    return rule(not faults, expected, "; ".join(faults) or f"{found}, workers after {back:.1f} s")


def killed(view: View) -> Ruling:
    """SIGKILL in the middle of a training."""
    scenario = view.scenario("killed")
    scenario.good("start")
    scenario.operation("running")
    operation = scenario.ended("ended", "failed")
    code, seconds, seen = operation.get("error_code"), scenario.seconds("lost"), scenario.container(TRAINER)
    faults = Faults()
    faults.add(code != "worker_lost", f"the code is {code}")
    faults.add(seconds > LOST, f"it took {seconds:.1f} s")
    faults.add(seen.running or seen.exit_code != KILLED, f"the worker ended with {seen.exit_code}, not killed")
    expected = f"failed with worker_lost within {LOST:.0f} s"
    found = "; ".join(faults) or f"after {seconds:.1f} s: {operation.get('error_message')}"
    return rule(not faults, expected, found, operation={key: operation.get(key) for key in ("status", "error_code")})


def resumed(view: View) -> Ruling:
    """The retry went on after an epoch, and ended as the same training that no worker left: that of `restart`."""
    scenario = view.scenario("killed")
    scenario.good("retry", ACCEPTED)
    faults, found, evidence = _gone_on(view, "killed")
    expected = "completed from a checkpoint, with the figures of the same training without interruption"
    return rule(not faults, expected, "; ".join(faults) or found, **evidence)


def _gone_on(view: View, name: str) -> tuple[Faults, str, dict[str, Any]]:
    """Compare a training that a second worker took over with that of `restart`; return faults, words and evidence."""
    summary = dig(view.scenario(name).ended("resumed", "completed"), "result_summary")
    whole = view.scenario("restart").operation("ended-1").get("result_summary")
    if not isinstance(whole, dict):
        raise NotSeen("the same training did not complete before", "backend/restart")
    after = dig(summary, "resumed_after_epoch")
    first, second = figures(whole), figures(summary)
    different = sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
    faults = Faults()
    faults.add(not isinstance(after, int) or after < 1, "it began anew")
    faults.add(different, f"different from an uninterrupted training: {', '.join(different)}")
    pairs = {name: [first.get(name), second.get(name)] for name in different}
    found = f"went on after epoch {after}; {len(first)} figures are the same"
    return faults, found, {"different": pairs, "resumed_after_epoch": after}


def queue(view: View) -> Ruling:
    """Each completes once, begun in the order of their calls, by two workers."""
    scenario = view.scenario("queue")
    tasks = [dig(scenario.good(f"start-{number}"), "task_id") for number in range(1, AT_ONCE + 1)]
    ended = [scenario.ended(f"ended-{number}", "completed") for number in range(1, AT_ONCE + 1)]
    known = [operation.get("operation_id") for operation in listed(scenario.good("operations"), "operations")]
    models = [dig(operation, "result_summary.model_path") for operation in ended]
    kept = [model.get("model_path") for model in listed(scenario.good("models"), "models")]
    logs = "\n".join(scenario.container(name).log for name in (SECOND, THIRD))
    begun = {task: logs.count(f"{task} begins") for task in tasks}
    faults = Faults(f"{task} was begun {times} times" for task, times in begun.items() if times != 1)
    faults.add(len(set(tasks)) != AT_ONCE, "an operation has two ids")
    faults += [f"{task} is listed {known.count(task)} times" for task in tasks if known.count(task) != 1]
    faults.add(len(set(models)) != AT_ONCE or not set(models) <= set(kept), "two trainings gave one model")
    faults += out_of_order([str(operation.get("started_at")) for operation in ended])
    workers = {str(dig(operation, "metadata.worker_id")) for operation in ended}
    faults.add(workers != {SECOND, THIRD}, f"done by {', '.join(sorted(workers))}")
    expected = f"{AT_ONCE} completed, each begun once, in the order of their calls, by {SECOND} and {THIRD}"
    started = {task: operation.get("started_at") for task, operation in zip(tasks, ended, strict=True)}
    return rule(not faults, expected, "; ".join(faults) or f"{len(ended)} completed, in order", started=started)


def out_of_order(started: list[str]) -> list[str]:
    """Return the numbers, from 1, of operations that began clearly before one with an earlier call."""
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
    """SIGTERM in the middle of a training, which another worker goes on with."""
    scenario = view.scenario("terminated")
    scenario.good("start")
    worker = str(dig(scenario.operation("running"), "metadata.worker_id"))
    seen, seconds = scenario.container(worker), scenario.seconds("gone")
    expected = (
        f"the process gone within {GONE:.0f} s, the worker not listed, the operation failed as {SHUTDOWN}; done by"
        " another worker from its checkpoint, with the figures of the same training without interruption"
    )
    if seen.running:
        return rule(False, expected, f"{worker} still runs after {seconds:.1f} s", log=seen.log[-2000:])
    code = scenario.ended("ended", "failed").get("error_code")
    status, repeats = scenario.answer("worker").status, len(listed(scenario.good("anew"), "operations"))
    faults = Faults()
    faults.add(code != SHUTDOWN, f"the code is {code}")
    faults.add(seen.exit_code not in (0, TERMINATED), f"{worker} ended with {seen.exit_code}")
    faults.add(seconds > GONE, f"it took {seconds:.1f} s")
    faults.add(status != NOT_FOUND, f"it is still listed: {status}")
    faults.add(repeats != 1, f"it was queued anew {repeats} times")
    if faults:  # how another worker went on would only follow from these
        return rule(False, expected, "; ".join(faults), log=seen.log[-2000:])
    faults, found, evidence = _gone_on(view, "terminated")
    faults.add(dig(scenario.operation("resumed"), "metadata.worker_id") == worker, f"{worker} itself went on with it")
    found = "; ".join(faults) or f"gone after {seconds:.1f} s; another worker {found}"
    return rule(not faults, expected, found, log=seen.log[-2000:], **evidence)


def _ended(operations: dict[str, dict[str, Any]]) -> set[str]:
    return {name for name, operation in operations.items() if operation.get("status") in FINAL}


def _by_id(operations: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {str(dig(operation, "operation_id")): operation for operation in operations}


RULINGS = {
    "workers/misplaced": misplaced,
    "operations/cancel": cancel,
    "backend/restart": restart,
    "workers/killed": killed,
    "workers/resumed": resumed,
    "operations/queue": queue,
    "workers/terminated": terminated,
}
