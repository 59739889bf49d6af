"""The scenes: what is asked of the images at work together, and what is done to them. Nothing is judged here."""

from collections.abc import Callable
from typing import Any

from deploy.artifacts import E2E_BACKEND, E2E_WORKER
from verify.e2e.observation import Answer
from verify.e2e.recorder import BreakOff, Recorder
from verify.e2e.stage import BACKEND, BASE, CLIENT, WAIT_FOR_EVER, Ask

STRATEGY = "mlp_fx_hourly"
YEAR: dict[str, Any] = {"strategy_name": STRATEGY}
QUARTER: dict[str, Any] = {**YEAR, "start_date": "2023-01-01", "end_date": "2023-04-01"}
OTHERS = ("AUDUSD", "EURGBP", "GBPUSD", "NZDUSD", "USDCAD", "USDCHF", "USDJPY")
LONG: dict[str, Any] = {**YEAR, "symbols": ["EURUSD", *OTHERS]}  # a year of one symbol is over in under two seconds
HELD_OUT = {"start_date": "2023-11-13", "end_date": "2024-01-01"}  # the sample is of 2023; 70 + 15 % end before it
TRAINER, TESTER, SECOND, THIRD = "training-1", "backtest-1", "training-2", "training-3"
MISPLACED = "misplaced"
FINAL = ["completed", "failed", "cancelled"]
AT_ONCE = 10  # trainings in the queue

STARTUP = 30.0  # seconds: specs, workers/startup-registration
TRAINING = 60.0  # training/smoke
ENOUGH = 120.0  # for what has no bound of its own
LOST = 15.0  # from a worker's death to its operation's failure; from a backend's return to its workers'
CANCELLED = 2.0
GONE = 10.0  # from SIGTERM to the end of the process

# Run in the production image: the sample's bars once more, under other names.
COPY = """
import subprocess, sys, urllib.request
bars = subprocess.run(["ktrdr", "data", "sample"], capture_output=True, check=True).stdout
for symbol in sys.argv[2:]:
    asked = urllib.request.Request(f"http://{sys.argv[1]}/api/v1/data/{symbol}/1h", bars, {"Content-Type": "text/csv"})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        print(symbol, answer.status)
"""

Scene = Callable[[Recorder], None]


def startup(note: Recorder) -> None:
    """Start backend, both workers, and the container that asks; wait until both workers are registered."""
    note.tell("starting containers")
    note.stage.start(BACKEND, E2E_BACKEND)
    note.stage.start(CLIENT, E2E_BACKEND, WAIT_FOR_EVER)
    hire(note, TRAINER)
    hire(note, TESTER)
    try:
        healthy = Ask("GET", "/health", until={"status": 200}, limit=STARTUP, waited_for="the backend's health")
        note.ask(health=healthy, trainer=registered(TRAINER), tester=registered(TESTER), workers=Ask("GET", "/workers"))
    finally:
        note.look(BACKEND, TRAINER, TESTER, log=True)


def misplaced(note: Recorder) -> None:
    """Start a worker from the production image, which cannot work."""
    hire(note, MISPLACED, role=E2E_BACKEND, command=["python", "-m", "ktrdr.worker"])
    note.await_end(MISPLACED, STARTUP)
    note.ask(workers=Ask("GET", "/workers"))


def sample(note: Recorder) -> None:
    """Make a year of bars inside the production image and upload it; then again under other symbols."""
    note.execute("upload", CLIENT, ["ktrdr", "data", "sample", "--upload", f"http://{BASE}"], ENOUGH)
    note.execute("copies", CLIENT, ["python", "-c", COPY, BASE, *OTHERS], ENOUGH)
    note.ask(series=Ask("POST", "/data/range", {"symbol": "EURUSD", "timeframe": "1h"}))


def training(note: Recorder) -> None:
    """Train the year."""
    task = started(note, start=train(YEAR))
    try:
        note.ask(ended=ended(task, TRAINING))
        note.ask(performance=Ask("GET", f"/trainings/{task}/performance"), models=Ask("GET", "/models"))
    finally:
        note.look(BACKEND, TRAINER, log=True)


def again(note: Recorder) -> None:
    """Train the same once more."""
    task = started(note, start=train(YEAR))
    note.ask(ended=ended(task, TRAINING))


def backtest(note: Recorder) -> None:
    """Let the other worker trade the newest model on bars that its training never saw."""
    body = {"strategy_name": STRATEGY, "symbol": "EURUSD", "timeframe": "1h", **HELD_OUT}
    task = started(note, start=Ask("POST", "/backtests/start", body))
    dates = "&".join(f"{name}={value}" for name, value in HELD_OUT.items())
    note.ask(ended=ended(task, TRAINING), bars=Ask("GET", f"/data/EURUSD/1h?{dates}"))


def cancel(note: Recorder) -> None:
    """Cancel a training in its middle."""
    task = started(note, start=train(LONG))
    note.ask(running=under_way(task))
    cancelled = Ask("DELETE", f"/operations/{task}")
    note.ask(cancel=cancelled, ended=ended(task, CANCELLED), idle=idle(TRAINER))


def restart(note: Recorder) -> None:
    """Kill the backend while a training runs and others wait; start it again on what it had stored."""
    first = started(note, first=train(LONG))
    tasks = [first, started(note, second=train(QUARTER)), started(note, third=train(QUARTER))]
    note.ask(running=under_way(first), models=Ask("GET", "/models"), before=Ask("GET", "/operations?limit=500"))
    note.tell("killing the backend")
    note.stage.signal(BACKEND, "SIGKILL")
    note.await_end(BACKEND, ENOUGH)
    note.stage.again(BACKEND)
    healthy = Ask("GET", "/health", until={"status": 200}, limit=STARTUP, waited_for="the backend's health")
    kept = {"models_after": Ask("GET", "/models"), "after": Ask("GET", "/operations?limit=500")}
    note.ask(health=healthy, workers=Ask("GET", "/workers"), **kept)
    seen = {one["worker_id"]: one["last_seen"] for one in note.answers["workers"].body["workers"]}
    with note.timed("back"):
        heard = {name: heard_since(name, seen.get(name, "")) for name in (TRAINER, TESTER)}
        note.ask(trainer=heard[TRAINER], tester=heard[TESTER])
    note.ask(**{f"ended-{number}": ended(task, TRAINING) for number, task in enumerate(tasks, start=1)})


def killed(note: Recorder) -> None:
    """Kill the training worker in the middle of its work; hire two others in the meantime."""
    task = started(note, start=train(LONG))
    note.ask(running=under_way(task))
    note.tell(f"killing {TRAINER}")
    with note.timed("lost"):
        note.stage.signal(TRAINER, "SIGKILL")
        hire(note, SECOND)
        hire(note, THIRD)
        note.ask(ended=ended(task, LOST))
    note.look(TRAINER)


def queue(note: Recorder) -> None:
    """Ask for ten trainings at once, with two workers."""
    note.ask(second=registered(SECOND), third=registered(THIRD))
    starts = {f"start-{number}": train(QUARTER) for number in range(1, AT_ONCE + 1)}
    tasks = [task_of(answer) for answer in note.ask(**starts)]
    for number, task in enumerate(tasks, start=1):
        what = f"{number} of {AT_ONCE} trainings to end"
        note.ask(**{f"ended-{number}": ended(task, TRAINING, what)})
    note.ask(operations=Ask("GET", "/operations?limit=500"), models=Ask("GET", "/models"))
    note.look(SECOND, THIRD, log=True)


def terminated(note: Recorder) -> None:
    """Tell a worker to end (SIGTERM) in the middle of its work."""
    task = started(note, start=train(LONG))
    running = note.ask(running=under_way(task))[0]
    worker = str(running.body["operation"]["metadata"]["worker_id"])
    if worker not in note.stage.roles:
        raise BreakOff
    note.tell(f"ending {worker}")
    with note.timed("gone"):
        note.stage.signal(worker, "SIGTERM")
        note.await_end(worker, GONE)
    note.ask(ended=ended(task, CANCELLED), worker=Ask("GET", f"/workers/{worker}"))


SCENES: dict[str, Scene] = {
    "startup": startup,
    "misplaced": misplaced,
    "sample": sample,
    "training": training,
    "again": again,
    "backtest": backtest,
    "cancel": cancel,
    "restart": restart,
    "killed": killed,
    "queue": queue,
    "terminated": terminated,
}


def hire(note: Recorder, name: str, role: str = E2E_WORKER, command: list[str] | None = None) -> None:
    """Start a worker; the first word of its name is its type."""
    kind = name.partition("-")[0] if name != MISPLACED else "training"
    environment = {"KTRDR_API_URL": f"http://{BASE}", "KTRDR_WORKER_TYPE": kind, "KTRDR_WORKER_ID": name}
    note.stage.start(name, role, command, environment)


def train(body: dict[str, Any]) -> Ask:
    """Ask for a training."""
    return Ask("POST", "/trainings/start", body)


def started(note: Recorder, **ask: Ask) -> str:
    """Ask for an operation and return its id; where there is none, the scene breaks off."""
    return task_of(note.ask(**ask)[0])


def task_of(answer: Answer) -> str:
    """Return the id of the operation that an answer is about."""
    body = answer.body if isinstance(answer.body, dict) else {}
    task = body.get("task_id") or body.get("operation_id")
    if answer.status != 200 or not isinstance(task, str):  # noqa: PLR2004 - HTTP's OK
        raise BreakOff
    return task


def registered(worker: str) -> Ask:
    """Wait until a worker is listed and can be used."""
    until = {"status": 200, "where": "worker.status", "one_of": ["idle", "busy"]}
    return Ask("GET", f"/workers/{worker}", until=until, limit=STARTUP, waited_for=f"{worker} to be registered")


def idle(worker: str) -> Ask:
    """Wait until a worker has nothing to do."""
    until = {"status": 200, "where": "worker.status", "one_of": ["idle"]}
    return Ask("GET", f"/workers/{worker}", until=until, limit=STARTUP, waited_for=f"{worker} to be idle")


def heard_since(worker: str, moment: str) -> Ask:
    """Wait until a worker has been heard of after a moment (ISO 8601, the backend's clock)."""
    until = {"status": 200, "where": "worker.last_seen", "above": moment}
    return Ask("GET", f"/workers/{worker}", until=until, limit=LOST, waited_for=f"{worker} to be heard of again")


def under_way(task: str) -> Ask:
    """Wait until an operation is in the middle of its work: at least one epoch is done."""
    until = {"status": 200, "where": "operation.progress.steps_completed", "above": 0}
    return Ask("GET", f"/operations/{task}", until=until, limit=TRAINING, waited_for=f"{task} to be under way")


def ended(task: str, limit: float, what: str = "") -> Ask:
    """Wait for an operation's end."""
    until = {"status": 200, "where": "operation.status", "one_of": FINAL}
    return Ask("GET", f"/operations/{task}", until=until, limit=limit, waited_for=what or f"{task} to end")
