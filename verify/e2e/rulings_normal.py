"""Rulings on normal operation: registration, data, trainings, a backtest."""

import math
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from deploy.faults import Faults
from verify.e2e.observation import ScenarioObservation
from verify.e2e.scenarios import MISPLACED, STARTUP, TESTER, TRAINER, TRAINING
from verify.e2e.system import CLIENT
from verify.e2e.view import View, Wrong, dig, figures, listed, number
from verify.judge.case import NotSeen, Ruling, rule, want_of_memory
from verify.observe.server import seconds_between

FEWEST_SAMPLES = 6_000  # specs, training/smoke: "about 6,000 samples or more"; the sample year has 6,200 bars
CENT = 0.01


def verified_images(view: View) -> Ruling:
    """Both roles have a PASS on the identity that the tag has, and each container ran one of these image ids."""
    expected = "both images verified with PASS, the tags still on them, every container from their ids"
    if view.observed.refused:
        return Ruling("ERROR", expected, view.observed.refused)
    ids = {role: used.image_id for role, used in view.observed.images.items()}
    ran = [*view.observed.containers.values(), *view.scenario("startup").seen.containers.values()]
    other = sorted({seen.name for seen in ran if seen.image_id != ids.get(seen.role)})
    if not ran or other:
        return Ruling("ERROR", expected, f"ran something else: {', '.join(other)}" if other else "no container ran")
    tags = [f"{used.tag} {used.image_id[:19]}" for used in view.observed.images.values()]
    identities = {role: used.identity for role, used in view.observed.images.items()}
    return rule(True, expected, ", ".join(tags), images=identities)


def startup_registration(view: View) -> Ruling:
    """Specs, workers/startup-registration."""
    scenario = view.scenario("startup")
    expected = "health 200; a training and a backtest worker, idle or busy, at a well formed endpoint_url, within 30 s"
    scenario.good("health")
    for name in ("trainer", "tester"):
        scenario.good(name)
    workers = {worker.get("worker_id"): worker for worker in listed(scenario.good("workers"), "workers")}
    faults, times = Faults(), dict[str, float]()
    for name, kind in ((TRAINER, "training"), (TESTER, "backtest")):
        worker = workers.get(name) or {}
        usable = worker.get("type") == kind and worker.get("status") in ("idle", "busy")
        faults.add(not usable, f"{name} is listed as {worker.get('type')}, {worker.get('status')}")
        url = worker.get("endpoint_url")
        faults.add(not _is_well_formed(url), f"{name} has the endpoint_url {url!r}")
        scenario.container(name)
        times[name] = seconds_to_registered(scenario.seen, name) or 0.0
        faults.add(not 0.0 < times[name] <= STARTUP, f"{name} took {times[name]:.1f} s")
    found = "; ".join(faults) or ", ".join(f"{name} after {seconds:.1f} s" for name, seconds in times.items())
    return rule(not faults, expected, found, workers=list(workers.values()))


def _is_well_formed(url: Any) -> bool:
    try:
        parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not parts.query
    except ValueError:
        return False


def seconds_to_registered(startup: ScenarioObservation, name: str) -> float | None:
    """Return the seconds from a container's start to its worker's registration, None where they are not known."""
    answer, seen = startup.answers.get("workers"), startup.containers.get(name)
    if answer is None or seen is None:
        return None
    try:
        workers = {worker.get("worker_id"): worker for worker in listed(answer.body, "workers")}
        return seconds_between(seen.started, workers[name]["registered_at"])
    except (Wrong, LookupError, ValueError, TypeError):
        return None


def data_sample(view: View) -> Ruling:
    """The command ends with 0, and the backend then holds the year."""
    scenario = view.scenario("sample")
    expected = f"`ktrdr data sample --upload` ends with 0, and at least {FEWEST_SAMPLES:,} bars are stored"
    for name, demanded in (("upload", expected), ("copies", "the same bars under other symbols")):
        printed = scenario.printed(name)
        if printed.exit_code != 0:
            return rule(False, demanded, f"it ended with {printed.exit_code}", printed=printed.output[-2000:])
    series = dig(scenario.good("series"), "data")
    points = number(series, "points")
    return rule(points >= FEWEST_SAMPLES, expected, f"{points:,.0f} bars", series=series)


def training_smoke(view: View) -> Ruling:
    """Specs, training/smoke: the sanity checks, and a loss that falls."""
    scenario = view.scenario("training")
    scenario.good("start")
    operation = scenario.ended("ended", "completed")
    summary = dig(operation, "result_summary")
    seconds = scenario.answer("ended").seconds
    checks = {
        f"completed in under {TRAINING:.0f} s": seconds < TRAINING,
        f"at least {FEWEST_SAMPLES:,} samples": number(summary, "data_summary.total_samples") >= FEWEST_SAMPLES,
        "test accuracy < 0.99": number(summary, "test_metrics.test_accuracy") < 0.99,  # noqa: PLR2004 - specs
        "validation accuracy < 1.0": number(summary, "training_metrics.final_val_accuracy") < 1.0,
        "validation loss > 0.001": number(summary, "training_metrics.final_val_loss") > 0.001,  # noqa: PLR2004 - specs
        "training time > 0.1 s": number(summary, "training_metrics.training_time") > 0.1,  # noqa: PLR2004 - specs
        "the last epoch's loss below the first's": number(summary, "training_metrics.final_train_loss")
        < number(summary, "training_metrics.first_train_loss"),
        "the model is listed": dig(summary, "model_path")
        in [model.get("model_path") for model in listed(scenario.good("models"), "models")],
        "its performance is reported": dig(scenario.good("performance"), "test_metrics")
        == dig(summary, "test_metrics"),
        "no error lines in the logs": not [
            line for seen in scenario.seen.containers.values() for line in error_lines(seen.log)
        ],
    }
    broken = [words for words, holds in checks.items() if not holds]
    accuracy = number(summary, "test_metrics.test_accuracy")
    found = f"not so: {'; '.join(broken)}" if broken else f"completed in {seconds:.1f} s, test accuracy {accuracy:.3f}"
    evidence = {key: value for key, value in summary.items() if key != "model_info"}
    return rule(not broken, "; ".join(checks), found, seconds=seconds, summary=evidence)


def training_repeatable(view: View) -> Ruling:
    """Both trainings of the year give the same figures."""
    expected = "the same training_metrics (time aside) and test_metrics"
    first = figures(view.trained())
    second = figures(dig(view.scenario("again").ended("ended", "completed"), "result_summary"))
    different = sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
    found = f"different: {', '.join(different)}" if different else f"{len(first)} figures are the same"
    pairs = {name: [first.get(name), second.get(name)] for name in different}
    return rule(bool(first) and not different, expected, found, different=pairs)


def backtest_smoke(view: View) -> Ruling:
    """Specs, backtest/smoke; and the return follows from the equity curve, and the curve from the fills."""
    scenario, trained = view.scenario("backtest"), view.trained()
    scenario.good("start")
    operation = scenario.ended("ended", "completed")
    summary, bars = dig(operation, "result_summary"), dig(scenario.good("bars"), "data")
    faults = [*_other_worker(operation), *_other_bars(bars, trained), *_figures(summary, bars)]
    total = number(summary, "metrics.total_return_pct")
    trades = number(summary, "trade_count")
    found = "; ".join(faults) or f"{trades:.0f} trades on {number(bars, 'points'):.0f} bars, {total:+.2f} %"
    expected = (
        "trades on held-out bars by a backtest worker; total return = equity[-1] / equity[0] - 1 = fills and costs"
    )
    evidence = {"metrics": summary.get("metrics"), "worker": dig(operation, "metadata.worker_id")}
    return rule(not faults, expected, found, **evidence, trades=(summary.get("trades") or [])[:5])


def _other_worker(operation: dict[str, Any]) -> Iterator[str]:
    worker = dig(operation, "metadata.worker_id")
    if worker != TESTER:
        yield f"it was done by {worker}, not by {TESTER}"


def _other_bars(bars: dict[str, Any], trained: dict[str, Any]) -> Iterator[str]:
    """The bars are the last ones of the year, and fewer than the test part: no training or validation sample."""
    held_out = number(trained, "data_summary.test_samples")
    if not 0 < number(bars, "points") <= held_out or dig(bars, "dates")[-1] < str(
        dig(trained, "data_summary.end_date")
    ):
        yield f"{number(bars, 'points'):.0f} bars, of which the {held_out:.0f} of the test part are held out"


def _figures(summary: dict[str, Any], bars: dict[str, Any]) -> Iterator[str]:
    curve, trades = listed(summary, "equity_curve"), listed(summary, "trades")
    if number(summary, "trade_count") < 1 or not trades or not curve:
        yield "no trades"
        return
    if len(trades) != number(summary, "trade_count"):
        yield f"{len(trades)} trades are listed, {number(summary, 'trade_count'):.0f} were counted"
    first, last = number(curve[0], "equity"), number(curve[-1], "equity")
    total = number(summary, "metrics.total_return_pct") / 100
    if not math.isclose(total, last / first - 1, abs_tol=2 * CENT / first):
        yield f"total return {total:.8f}, but equity[-1] / equity[0] - 1 is {last / first - 1:.8f}"
    worth = worth_of(trades, bars, dig(summary, "config"))
    if not math.isclose(worth, last, abs_tol=CENT):
        yield f"the equity ends at {last:.2f}, but fills and costs give {worth:.2f}"


def worth_of(trades: list[dict[str, Any]], bars: dict[str, Any], config: dict[str, Any]) -> float:
    """Return the final capital after these trades, at the bars' own prices.

    All of it is in every position. A fill is at its bar's open, worsened by the slippage, the very last one at the last
    close; the commission is a share of what is traded.
    """
    opens = dict(zip(dig(bars, "dates"), (row[0] for row in dig(bars, "ohlcv")), strict=True))
    end = (dig(bars, "dates")[-1], dig(bars, "ohlcv")[-1][3])
    capital, commission, slippage = (number(config, key) for key in ("initial_capital", "commission", "slippage"))
    for trade in trades:
        sign = 1 if trade.get("direction") == "long" else -1
        entry = opens.get(trade.get("entry_time"), math.nan) * (1 + sign * slippage)
        leaves_at_end = trade is trades[-1] and trade.get("exit_time") == end[0]
        exits = end[1] if leaves_at_end else opens.get(trade.get("exit_time"), math.nan)
        leave = exits * (1 - sign * slippage)
        units = capital / (entry * (1 + commission))
        capital += units * (sign * (leave - entry) - commission * (entry + leave))
    return capital


def error_lines(log: str) -> list[str]:
    """Return the lines of a log that report an error."""
    return [line for line in log.splitlines() if line.startswith(("ERROR", "CRITICAL", "Traceback"))]


def containers_logs(view: View) -> Ruling:
    """No container logs an error or loses a process; workers/misplaced judges the misplaced worker."""
    startup = view.scenario("startup").seen
    logs = {name: seen.log for name, seen in view.observed.containers.items() if name != CLIENT}
    if not logs:
        raise NotSeen("the engine returned no logs", "")
    if empty := sorted(name for name, log in logs.items() if not log.strip()):
        if not all(answer.met for answer in startup.answers.values()):
            raise NotSeen(f"{', '.join(empty)} logged nothing", "workers/startup-registration")
        raise Wrong(f"nothing was logged by: {', '.join(empty)}")
    found = {name: lines for name, log in logs.items() if (lines := error_lines(log))}
    faults = Faults()
    faults.add(found, f"errors of: {', '.join(sorted(found))}")
    faults += _short_of_memory(view)
    expected = "no line that begins with ERROR, CRITICAL or Traceback, and no process killed for want of memory"
    return rule(not faults, expected, "; ".join(faults) or f"none in {len(logs)} logs", lines=found)


def _short_of_memory(view: View) -> list[str]:
    """Return the containers that the engine calls OOMKilled, at the end or in a scenario; a restart clears that."""
    places = [view.observed.containers, *(scenario.containers for scenario in view.observed.scenarios.values())]
    killed = {
        f"{name}: {why}"
        for containers in places
        for name, seen in containers.items()
        if name != MISPLACED and (why := want_of_memory(seen.exit_code, out_of_memory=seen.out_of_memory))
    }
    return sorted(killed)


RULINGS = {
    "verified-images": verified_images,
    "workers/startup-registration": startup_registration,
    "data/sample": data_sample,
    "training/smoke": training_smoke,
    "training/repeatable": training_repeatable,
    "backtest/smoke": backtest_smoke,
    "containers/logs": containers_logs,
}
