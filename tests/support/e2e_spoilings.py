"""What can go wrong with the images at work together, each with the check that has to tell it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.e2e_observations import answer, of, operation, seen
from verify.judge.checks import END_TO_END_CHECKS

Document = dict[str, Any]


@dataclass(frozen=True)
class Spoilt:
    """One thing that goes wrong: the check that tells, in which words, and the checks that cannot be seen for it."""

    check: str
    words: str
    spoil: Callable[[Document], object]
    outcome: str = "FAIL"
    with_it: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        return f"{self.check}: {self.words}"


def answers(scenario: str) -> Callable[[Document], Document]:
    return lambda document: document["scenes"][scenario]["answers"]


def body(scenario: str, name: str, change: Callable[[Any], object]) -> Callable[[Document], object]:
    return lambda document: change(answers(scenario)(document)[name]["body"])


def result(scenario: str, name: str, path: str, value: Any) -> Callable[[Document], object]:
    """Set a value inside an operation's result_summary."""

    def change(document: Document) -> None:
        *way, last = path.split(".")
        inner = answers(scenario)(document)[name]["body"]["operation"]["result_summary"]
        for key in way:
            inner = inner[key]
        inner[last] = value

    return change


def replaced(scenario: str, name: str, value: Any) -> Callable[[Document], object]:
    return lambda document: answers(scenario)(document).update({name: value})


def in_vain(scenario: str, name: str) -> Callable[[Document], object]:
    return lambda document: answers(scenario)(document)[name].update(met=False)


def container(scenario: str, name: str, **values: Any) -> Callable[[Document], object]:
    return lambda document: document["scenes"][scenario]["containers"][name].update(values)


def time(scenario: str, name: str, seconds: float) -> Callable[[Document], object]:
    return lambda document: document["scenes"][scenario]["times"].update({name: seconds})


def missing(scenario: str, error: str = "") -> Callable[[Document], object]:
    return lambda document: document["scenes"].update({scenario: {"error": error}})


def worker(number: int, **values: Any) -> Callable[[Document], object]:
    return body("startup", "workers", lambda found: found["workers"][number].update(values))


AFTER_TRAINING = {"training/repeatable", "backtest/smoke"}
STARTUP, MISPLACED, SMOKE = "workers/startup-registration", "workers/misplaced", "training/smoke"
BACKTEST, RESTART, QUEUE = "backtest/smoke", "backend/restart", "operations/queue"
EVERY = [
    Spoilt("verified-images", "no verdict", lambda d: d.update(refused="backend has no verdict", scenes={}), "ERROR",
           set(END_TO_END_CHECKS) - {"verified-images"}),
    Spoilt("verified-images", "something else: backend", lambda d: d["containers"]["backend"].update(image_id="sha256:x"),
           "ERROR"),
    Spoilt(STARTUP, "waited 30 s for it", in_vain("startup", "trainer")),
    Spoilt(STARTUP, "answered 503", lambda d: answers("startup")(d)["health"].update(status=503)),
    Spoilt(STARTUP, "backtest-1 is listed as None", body("startup", "workers", lambda b: b["workers"].pop())),
    Spoilt(STARTUP, "listed as training, offline", worker(0, status="offline")),
    Spoilt(STARTUP, "listed as backtest", worker(0, type="backtest")),
    Spoilt(STARTUP, "endpoint_url 'training-1:5003'", worker(0, endpoint_url="training-1:5003")),
    Spoilt(STARTUP, "endpoint_url 'http://a:99999'", worker(0, endpoint_url="http://a:99999")),
    Spoilt(STARTUP, "training-1 took 31.5 s", worker(0, registered_at="2026-01-01T10:00:31.623+00:00")),
    Spoilt(STARTUP, "workers is no list", body("startup", "workers", lambda b: b.update(workers=["training-1"]))),
    Spoilt(MISPLACED, "it still runs", container("misplaced", "misplaced", running=True)),
    Spoilt(MISPLACED, "ended with 0", container("misplaced", "misplaced", exit_code=0)),
    Spoilt(MISPLACED, "killed (137)", container("misplaced", "misplaced", exit_code=137)),
    Spoilt(MISPLACED, "ended by its memory limit", container("misplaced", "misplaced", exit_code=137, out_of_memory=True)),
    Spoilt(MISPLACED, "something in it was killed", container("misplaced", "misplaced", exit_code=2, out_of_memory=True)),
    Spoilt(MISPLACED, "not name ktrdr-worker-gpu:test", container("misplaced", "misplaced", log="ktrdr-worker-cpu:test")),
    Spoilt(MISPLACED, "it registered", body("misplaced", "workers", lambda b: b["workers"].append({"worker_id": "misplaced"}))),
    Spoilt("data/sample", "ended with 1", lambda d: d["scenes"]["sample"]["printed"]["upload"].update(exit_code=1)),
    Spoilt("data/sample", "ended with 2", lambda d: d["scenes"]["sample"]["printed"]["copies"].update(exit_code=2)),
    Spoilt("data/sample", "ended with None", lambda d: d["scenes"]["sample"]["printed"]["upload"].update(exit_code=None)),
    Spoilt("data/sample", "5,999 bars", body("sample", "series", lambda b: b["data"].update(points=5999))),
    Spoilt(SMOKE, "waited 30 s for it: it is running", lambda d: answers("training")(d).update(
        ended={**of("running"), "met": False}), with_it=AFTER_TRAINING),
    Spoilt(SMOKE, "is failed, not completed: out of luck", replaced("training", "ended", of("failed", error_message="out of luck")),
           with_it=AFTER_TRAINING),
    Spoilt(SMOKE, "in under 60 s", lambda d: answers("training")(d)["ended"].update(seconds=60.1)),
    Spoilt(SMOKE, "6,000 samples", result("training", "ended", "data_summary.total_samples", 5999)),
    Spoilt(SMOKE, "test accuracy", result("training", "ended", "test_metrics.test_accuracy", 0.99),
           with_it={"training/repeatable"}),
    Spoilt(SMOKE, "validation accuracy", result("training", "ended", "training_metrics.final_val_accuracy", 1.0),
           with_it={"training/repeatable"}),
    Spoilt(SMOKE, "validation loss", result("training", "ended", "training_metrics.final_val_loss", 0.001),
           with_it={"training/repeatable"}),
    Spoilt(SMOKE, "training time", result("training", "ended", "training_metrics.training_time", 0.1)),
    Spoilt(SMOKE, "below the first", result("training", "ended", "training_metrics.final_train_loss", 1.08),
           with_it={"training/repeatable"}),
    Spoilt(SMOKE, "final_val_loss is 'low', no number", result("training", "ended", "training_metrics.final_val_loss", "low"),
           with_it={"training/repeatable"}),
    Spoilt(SMOKE, "the model is listed", result("training", "ended", "model_path", "models/other")),
    Spoilt(SMOKE, "its performance", body("training", "performance", lambda b: b.update(test_metrics={}))),
    Spoilt(SMOKE, "no error lines", container("training", "training-1", log="INFO: x\nERROR: no")),
    Spoilt("training/repeatable", "test_metrics.test_loss", result("again", "ended", "test_metrics.test_loss", 1.03)),
    Spoilt("training/repeatable", "is failed", replaced("again", "ended", of("failed"))),
    Spoilt(BACKTEST, "is failed", replaced("backtest", "ended", of("failed", worker="backtest-1"))),
    Spoilt(BACKTEST, "done by training-1", lambda d: answers("backtest")(d)["ended"]["body"]["operation"]["metadata"].update(
        worker_id="training-1")),
    Spoilt(BACKTEST, "no trades", result("backtest", "ended", "trade_count", 0)),
    Spoilt(BACKTEST, "2 trades are listed, 3", result("backtest", "ended", "trade_count", 3)),
    Spoilt(BACKTEST, "total return", result("backtest", "ended", "metrics.total_return_pct", 1.0)),
    Spoilt(BACKTEST, "fills and costs give", result("backtest", "ended", "config.commission", 0.0)),
    Spoilt(BACKTEST, "fills and costs give", lambda d: answers("backtest")(d)["ended"]["body"]["operation"][
        "result_summary"]["trades"][0].update(entry_time="2023-12-29T18:00:00Z")),
    Spoilt(BACKTEST, "fills and costs give nan", lambda d: answers("backtest")(d)["ended"]["body"]["operation"][
        "result_summary"]["trades"][0].update(entry_time="never")),
    Spoilt(BACKTEST, "of which the 3 of the test part", result("training", "ended", "data_summary.test_samples", 3)),
    Spoilt(BACKTEST, "held out", result("training", "ended", "data_summary.end_date", "2024-01-02T00:00:00Z")),
    Spoilt("operations/cancel", "after 2.5 s", lambda d: answers("cancel")(d)["ended"].update(seconds=2.4)),
    Spoilt("operations/cancel", "is completed, not cancelled", replaced("cancel", "ended", of("completed"))),
    Spoilt("operations/cancel", "waited 30 s", in_vain("cancel", "idle")),
    Spoilt("operations/cancel", "answered 409", lambda d: answers("cancel")(d)["cancel"].update(status=409)),
    Spoilt(RESTART, "c is not there", body("restart", "after", lambda b: b["operations"].pop())),
    Spoilt(RESTART, "m10 is not there", body("restart", "models_after", lambda b: b["models"].pop())),
    Spoilt(RESTART, "a has changed", body("restart", "after", lambda b: b["operations"][0].update(error_code="x"))),
    Spoilt(RESTART, "back after 15.5 s", time("restart", "back", 15.5)),
    Spoilt(RESTART, "waited 30 s for it", in_vain("restart", "tester")),
    Spoilt(RESTART, "waited 30 s for it", in_vain("restart", "health")),
    Spoilt(RESTART, "/x answered 503", replaced("restart", "workers", answer({}, 503))),
    Spoilt(RESTART, "is failed, not completed", replaced("restart", "ended-2", of("failed"))),
    Spoilt(RESTART, "begun anew", lambda d: answers("restart")(d)["ended-1"]["body"]["operation"].update(started_at="x")),
    Spoilt(RESTART, "not killed", container("restart", "backend", exit_code=0)),
    Spoilt("workers/killed", "15.4 s", time("killed", "lost", 15.4)),
    Spoilt("workers/killed", "the code is worker_error", replaced("killed", "ended", of("failed", error_code="worker_error"))),
    Spoilt("workers/killed", "is completed, not failed", replaced("killed", "ended", of("completed"))),
    Spoilt("workers/killed", "not killed", container("killed", "training-1", exit_code=0)),
    Spoilt("workers/resumed", "it began anew", result("killed", "resumed", "resumed_after_epoch", None)),
    Spoilt("workers/resumed", "different from an uninterrupted training: training_metrics.final_val_loss",
        result("killed", "resumed", "training_metrics.final_val_loss", 0.97)),
    Spoilt("workers/resumed", "is failed, not completed", replaced("killed", "resumed", of("failed"))),
    Spoilt("workers/resumed", "answered 409", replaced("killed", "retry", answer({"success": False}, 409))),
    Spoilt(QUEUE, "is running", replaced("queue", "ended-7", {**of("running"), "met": False})),
    Spoilt(QUEUE, "op03 was begun 2 times", lambda d: d["scenes"]["queue"]["containers"]["training-3"].update(
        log=d["scenes"]["queue"]["containers"]["training-3"]["log"] + "op03 begins")),
    Spoilt(QUEUE, "op10 is listed 0 times", body("queue", "operations", lambda b: b["operations"].pop())),
    Spoilt(QUEUE, "op01 is listed 2 times", body("queue", "operations", lambda b: b["operations"].append(operation("completed", "op01")))),
    Spoilt(QUEUE, "gave one model", result("queue", "ended-2", "model_path", "models/m1")),
    Spoilt(QUEUE, "gave one model", body("queue", "models", lambda b: b["models"].pop())),
    Spoilt(QUEUE, "number 5 began before", lambda d: answers("queue")(d)["ended-5"]["body"]["operation"].update(
        started_at="2026-01-01T10:00:02.400+00:00")),
    Spoilt(QUEUE, "started_at is no time", lambda d: answers("queue")(d)["ended-5"]["body"]["operation"].update(started_at=None)),
    Spoilt(QUEUE, "done by training-2", lambda d: [
        answers("queue")(d)[f"ended-{n}"]["body"]["operation"]["metadata"].update(worker_id="training-2") for n in range(1, 11)]),
    Spoilt("workers/terminated", "still runs", container("terminated", "training-2", running=True)),
    Spoilt("workers/terminated", "ended with 137", container("terminated", "training-2", exit_code=137)),
    Spoilt("workers/terminated", "took 10.2 s", time("terminated", "gone", 10.2)),
    Spoilt("workers/terminated", "still listed: 200", lambda d: answers("terminated")(d)["worker"].update(status=200)),
    Spoilt("workers/terminated", "is cancelled, not failed", replaced("terminated", "ended", of("cancelled"))),
    Spoilt("workers/terminated", "the code is worker_lost", replaced("terminated", "ended", of("failed", error_code="worker_lost"))),
    Spoilt("workers/terminated", "queued anew 0 times", body("terminated", "anew", lambda b: b["operations"].clear())),
    Spoilt("workers/terminated", "queued anew 2 times", body("terminated", "anew", lambda b: b["operations"].append(operation("pending", "c")))),
    Spoilt("workers/terminated", "is failed, not completed", replaced("terminated", "resumed", of("failed"))),
    Spoilt("workers/terminated", "it began anew", result("terminated", "resumed", "resumed_after_epoch", None)),
    Spoilt("workers/terminated", "different from an uninterrupted training: training_metrics.final_val_loss",
        result("terminated", "resumed", "training_metrics.final_val_loss", 0.97)),
    Spoilt("workers/terminated", "training-2 itself went on", lambda d: answers("terminated")(d)["resumed"]["body"]["operation"][
        "metadata"].update(worker_id="training-2")),
    Spoilt("containers/logs", "errors of: backend", lambda d: d["containers"]["backend"].update(log="a\nTraceback (most")),
    Spoilt("containers/logs", "backend: something in it was killed for want of memory",
           lambda d: d["containers"]["backend"].update(out_of_memory=True)),
    Spoilt("containers/logs", "backend: something in it was killed", container("startup", "backend", out_of_memory=True)),
    Spoilt("containers/logs", "training-1: it was ended by its memory limit",
           lambda d: d["containers"]["training-1"].update(running=False, exit_code=137, out_of_memory=True)),
    Spoilt("containers/logs", "nothing was logged by: training-2", lambda d: d["containers"].update(
        {"training-2": {**seen("training-2"), "log": " "}})),
]  # fmt: skip
