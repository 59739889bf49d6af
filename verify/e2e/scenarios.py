"""The scenarios: how the images at work together are used and disturbed. Nothing is judged here."""

from collections.abc import Callable
from typing import Any

from deploy.artifacts import E2E_BACKEND, E2E_WORKER
from verify.e2e.notes import BreakOff, Notes
from verify.e2e.observation import Answer
from verify.e2e.system import BACKEND, BASE, CLIENT, WAIT_FOR_EVER, Call

STRATEGY = "mlp_fx_hourly"
SYMBOL = "EURUSD-SAMPLE"  # of `ktrdr data sample`, and of the shipped strategies
YEAR: dict[str, Any] = {"strategy_name": STRATEGY}
QUARTER: dict[str, Any] = {**YEAR, "start_date": "2023-01-01", "end_date": "2023-04-01"}
OTHERS = (
    "AUDCAD", "AUDCHF", "AUDJPY", "AUDNZD", "AUDUSD", "CADCHF", "CADJPY", "CHFJPY", "EURAUD", "EURCAD", "EURCHF",
    "EURGBP", "EURJPY", "EURNZD", "GBPUSD", "NZDUSD", "USDCAD", "USDCHF", "USDJPY",
)  # fmt: skip
LONG: dict[str, Any] = {**YEAR, "symbols": [SYMBOL, *OTHERS]}  # a year of one symbol is over at once
HELD_OUT = {"start_date": "2023-11-13", "end_date": "2024-01-01"}  # the sample is of 2023; 70 + 15 % end before it
TRAINER, TESTER, SECOND, THIRD = "training-1", "backtest-1", "training-2", "training-3"
MISPLACED = "misplaced"
FINAL = ["completed", "failed", "cancelled"]
AT_ONCE = 10  # trainings in the queue
PREPARED, AN_EPOCH = 5.0, 90 / 40  # per cent of a training that is before its epochs, and that each of its 40 adds

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
    posted = urllib.request.Request(f"http://{sys.argv[1]}/api/v1/data/{symbol}/1h", bars, {"Content-Type": "text/csv"})
    with urllib.request.urlopen(posted, timeout=60) as answer:
        print(symbol, answer.status)
"""

Scenario = Callable[[Notes], None]


def startup(notes: Notes) -> None:
    """Start backend, both workers, and the container that calls; wait until both workers are registered."""
    notes.show("starting containers")
    notes.system.start(BACKEND, E2E_BACKEND)
    notes.system.start(CLIENT, E2E_BACKEND, WAIT_FOR_EVER)
    start_worker(notes, TRAINER)
    start_worker(notes, TESTER)
    try:
        workers = {"trainer": registered(TRAINER), "tester": registered(TESTER), "workers": Call("GET", "/workers")}
        notes.call(health=_healthy(), **workers)
    finally:
        notes.look(BACKEND, TRAINER, TESTER, log=True)


def misplaced(notes: Notes) -> None:
    """Start a worker from the production image, which cannot work."""
    start_worker(notes, MISPLACED, role=E2E_BACKEND, command=["python", "-m", "ktrdr.worker"])
    notes.await_end(MISPLACED, STARTUP)
    notes.call(workers=Call("GET", "/workers"))


def sample(notes: Notes) -> None:
    """Make a year of bars inside the production image and upload it; then again under other symbols."""
    notes.execute("upload", CLIENT, ["ktrdr", "data", "sample", "--upload", f"http://{BASE}"], ENOUGH)
    notes.execute("copies", CLIENT, ["python", "-c", COPY, BASE, *OTHERS], ENOUGH)
    notes.call(series=Call("POST", "/data/range", {"symbol": SYMBOL, "timeframe": "1h"}))


def training(notes: Notes) -> None:
    """Train the year."""
    task = started(notes, start=train(YEAR))
    try:
        notes.call(ended=ended(task, TRAINING))
        notes.call(performance=Call("GET", f"/trainings/{task}/performance"), models=Call("GET", "/models"))
    finally:
        notes.look(BACKEND, TRAINER, log=True)


def again(notes: Notes) -> None:
    """Train the same once more."""
    task = started(notes, start=train(YEAR))
    notes.call(ended=ended(task, TRAINING))


def backtest(notes: Notes) -> None:
    """Let the other worker trade the newest model on the bars that its training kept for its test."""
    body = {"strategy_name": STRATEGY, "symbol": SYMBOL, "timeframe": "1h", **HELD_OUT}
    task = started(notes, start=Call("POST", "/backtests/start", body))
    dates = "&".join(f"{name}={value}" for name, value in HELD_OUT.items())
    notes.call(ended=ended(task, TRAINING), bars=Call("GET", f"/data/{SYMBOL}/1h?{dates}"))


def cancel(notes: Notes) -> None:
    """Cancel a training in its middle."""
    task = started(notes, start=train(LONG))
    notes.call(running=under_way(task))
    cancelled = Call("DELETE", f"/operations/{task}")
    notes.call(cancel=cancelled, ended=ended(task, CANCELLED), idle=idle(TRAINER))


def restart(notes: Notes) -> None:
    """Kill the backend while a training runs and others wait; start it again on its stored data."""
    first = started(notes, first=train(LONG))
    tasks = [first, started(notes, second=train(QUARTER)), started(notes, third=train(QUARTER))]
    notes.call(running=under_way(first), models=Call("GET", "/models"), before=Call("GET", "/operations?limit=500"))
    notes.show("killing the backend")
    notes.system.signal(BACKEND, "SIGKILL")
    notes.await_end(BACKEND, ENOUGH)
    notes.system.restart(BACKEND)
    kept = {"models_after": Call("GET", "/models"), "after": Call("GET", "/operations?limit=500")}
    notes.call(health=_healthy(), workers=Call("GET", "/workers"), **kept)
    seen = {worker["worker_id"]: worker["last_seen"] for worker in notes.seen.answers["workers"].body["workers"]}
    with notes.timed("back"):
        heard = {name: heard_since(name, seen.get(name, "")) for name in (TRAINER, TESTER)}
        notes.call(trainer=heard[TRAINER], tester=heard[TESTER])
    notes.call(**{f"ended-{number}": ended(task, TRAINING) for number, task in enumerate(tasks, start=1)})


def killed(notes: Notes) -> None:
    """Kill the training worker in the middle of its work; start two others, one of which goes on with it."""
    task = started(notes, start=train(LONG))
    notes.call(running=under_way(task, epochs=3))
    notes.show(f"killing {TRAINER}")
    with notes.timed("lost"):
        notes.system.signal(TRAINER, "SIGKILL")
        start_worker(notes, SECOND)
        start_worker(notes, THIRD)
        notes.call(ended=ended(task, LOST))
    notes.look(TRAINER)
    again = retried(notes, task)
    notes.call(resumed=ended(again, TRAINING))


def queue(notes: Notes) -> None:
    """Start ten trainings at once, with two workers."""
    notes.call(second=registered(SECOND), third=registered(THIRD))
    starts = {f"start-{number}": train(QUARTER) for number in range(1, AT_ONCE + 1)}
    tasks = [task_of(answer) for answer in notes.call(**starts)]
    for number, task in enumerate(tasks, start=1):
        what = f"{number} of {AT_ONCE} trainings to end"
        notes.call(**{f"ended-{number}": ended(task, TRAINING, what)})
    notes.call(operations=Call("GET", "/operations?limit=500"), models=Call("GET", "/models"))
    notes.look(SECOND, THIRD, log=True)


def terminated(notes: Notes) -> None:
    """Send SIGTERM to a worker in the middle of its work, with which another one goes on."""
    task = started(notes, start=train(LONG))
    running = notes.call(running=under_way(task, epochs=3))[0]
    worker = str(running.body["operation"]["metadata"]["worker_id"])
    if worker not in notes.system.roles:
        raise BreakOff
    notes.show(f"ending {worker}")
    with notes.timed("gone"):
        notes.system.signal(worker, "SIGTERM")
        notes.await_end(worker, GONE)
    found = {"worker": Call("GET", f"/workers/{worker}"), "anew": Call("GET", f"/operations?retry_of={task}")}
    answers = notes.call(ended=ended(task, CANCELLED), **found)
    notes.call(resumed=ended(only_one(answers[-1]), TRAINING))


_IN_ORDER = (startup, misplaced, sample, training, again, backtest, cancel, restart, killed, queue, terminated)
SCENARIOS: dict[str, Scenario] = {scenario.__name__: scenario for scenario in _IN_ORDER}


def start_worker(notes: Notes, name: str, role: str = E2E_WORKER, command: list[str] | None = None) -> None:
    """Start a worker; the first word of its name is its type."""
    kind = name.partition("-")[0] if name != MISPLACED else "training"
    environment = {"KTRDR_API_URL": f"http://{BASE}", "KTRDR_WORKER_TYPE": kind, "KTRDR_WORKER_ID": name}
    notes.system.start(name, role, command, environment)


def train(body: dict[str, Any]) -> Call:
    """Return the call that starts a training."""
    return Call("POST", "/trainings/start", body)


def started(notes: Notes, **call: Call) -> str:
    """Start an operation and return its id; where there is none, the scenario breaks off."""
    return task_of(notes.call(**call)[0])


def task_of(answer: Answer) -> str:
    """Return the id of the operation that an answer is about."""
    body = answer.body if isinstance(answer.body, dict) else {}
    task = body.get("task_id") or body.get("operation_id")
    if answer.status != 200 or not isinstance(task, str):  # noqa: PLR2004 - HTTP's OK
        raise BreakOff
    return task


def only_one(answer: Answer) -> str:
    """Return the id of the operation that an answer lists alone; otherwise the scenario breaks off."""
    found = answer.body.get("operations") if isinstance(answer.body, dict) else None
    if not isinstance(found, list) or len(found) != 1:
        raise BreakOff
    return str(found[0].get("operation_id"))


def retried(notes: Notes, task: str) -> str:
    """Ask for an operation again; return the new one's id. Where there is none, the scenario breaks off."""
    answer = notes.call(retry=Call("POST", f"/operations/{task}/retry"))[0]
    again = answer.body.get("operation_id") if isinstance(answer.body, dict) else None
    if not isinstance(again, str):
        raise BreakOff
    return again


def registered(worker: str) -> Call:
    """Wait until a worker is listed and can be used."""
    return _await(f"/workers/{worker}", "worker.status", STARTUP, f"{worker} to be registered", one_of=["idle", "busy"])


def idle(worker: str) -> Call:
    """Wait until a worker has nothing to do."""
    return _await(f"/workers/{worker}", "worker.status", STARTUP, f"{worker} to be idle", one_of=["idle"])


def heard_since(worker: str, moment: str) -> Call:
    """Wait until a worker has been heard of after a moment (ISO 8601, the backend's clock)."""
    return _await(f"/workers/{worker}", "worker.last_seen", LOST, f"{worker} to be heard of again", above=moment)


def under_way(task: str, epochs: int = 1) -> Call:
    """Wait until an operation is in the middle of its work: at least so many epochs are done."""
    path, where = f"/operations/{task}", "operation.progress.percentage"
    return _await(path, where, TRAINING, f"{task} to be under way", above=PREPARED + AN_EPOCH * (epochs - 1))


def ended(task: str, limit: float, what: str = "") -> Call:
    """Wait for an operation's end."""
    return _await(f"/operations/{task}", "operation.status", limit, what or f"{task} to end", one_of=FINAL)


def _await(path: str, where: str, limit: float, what: str, **condition: Any) -> Call:
    """Ask until a value of the answer (``where``: its keys, with dots) meets a condition of verify/probes/call.py."""
    return Call("GET", path, until={"status": 200, "where": where, **condition}, limit=limit, waited_for=what)


def _healthy() -> Call:
    """Wait until the backend is healthy."""
    return Call("GET", "/health", until={"status": 200}, limit=STARTUP, waited_for="the backend's health")
