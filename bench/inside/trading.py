"""Uploads bars, trains on them and backtests: `python trading.py BARS TIMEFRAME` prints a JSON object.

It runs in the backend's container, and waits for both workers; with 0 bars it does nothing else.
All figures are seconds: the upload's from the first byte to the answer, the
operations' from their beginning on a worker to their end.
"""

import contextlib
import http.client
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ktrdr.data.bars import HEADER, iso
from ktrdr.names import TIMEFRAME_SECONDS

SERVER: Final = "127.0.0.1:8000"
SECONDS: Final = 1800.0
NAME: Final = "bench"
SYMBOL: Final = "BENCH"
WORKERS: Final = 2
FRIDAY, SATURDAY, SUNDAY, CLOSES = 4, 5, 6, 22
SETS: Final = {
    "momentum": {"indicator": "rsi", "low": [0, 25, 45], "middle": [40, 50, 60], "high": [55, 75, 100]},
    "bands": {"indicator": "bands.percent_b", "low": [-1, 0, 0.5], "middle": [0.2, 0.5, 0.8], "high": [0.5, 1, 2]},
    "strength": {"indicator": "adx", "calm": [0, 0, 15, 25], "trending": [20, 35, 100, 101]},
}
"""With the MACD, the rate of change and the true range eleven features."""
STRATEGY: Final[dict[str, Any]] = {
    "name": NAME,
    "version": "3.0",
    "training_data": {"symbols": [SYMBOL], "history_required": 60},
    "indicators": {name: {"type": kind} for name, kind in (
        ("rsi", "rsi"), ("macd", "macd"), ("bands", "bollinger_bands"), ("adx", "adx"), ("roc", "roc"), ("atr", "atr"),
    )},
    "fuzzy_sets": SETS,
    "nn_inputs": [*({"fuzzy_set": name} for name in SETS), {"indicator": "macd.histogram"}, {"indicator": "roc"},
                  {"indicator": "atr"}],
    "model": {"type": "mlp", "architecture": {"hidden_layers": [32, 16], "dropout": 0.1, "activation": "relu"}},
    "decisions": {"confidence_threshold": 0.4},
    "training": {"epochs": 3, "patience": 3, "batch_size": 64, "learning_rate": 0.001, "seed": 42,
                 "labels": {"type": "forward_return", "horizon": 12, "threshold": 0.002}},
}  # fmt: skip
"""Three epochs, none of which ends the training early."""


def main() -> None:
    """Do all three, and print."""
    count, timeframe = int(sys.argv[1]), sys.argv[2]
    _until_there()
    if not count:
        return
    document = json.loads(json.dumps(STRATEGY))
    document["training_data"]["timeframes"] = [timeframe]
    strategies = Path(os.environ.get("KTRDR_DATA_DIR", "/data")) / "strategies"
    strategies.mkdir(exist_ok=True)
    (strategies / f"{NAME}.yaml").write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
    text = "\n".join([HEADER, *_lines(count, TIMEFRAME_SECONDS[timeframe])]).encode() + b"\n"
    began = time.monotonic()
    _ask("POST", f"data/{SYMBOL}/{timeframe}", text, "text/csv")
    found = {"upload": time.monotonic() - began}
    found["training"] = _took(_post("trainings/start", {"strategy_name": NAME})["task_id"])
    wanted = {"strategy_name": NAME, "symbol": SYMBOL, "timeframe": timeframe}
    operation = _post("backtests/start", wanted)["operation_id"]
    found["backtest"] = _took(operation)
    print(json.dumps({"seconds": found, "operation": operation}))


def _until_there() -> None:
    """Wait for the backend and both its workers."""
    end = time.monotonic() + SECONDS
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if len(json.loads(_ask("GET", "workers"))["workers"]) == WORKERS:
                return
        if time.monotonic() > end:
            sys.exit("the backend has no two workers")
        time.sleep(0.1)


def _lines(count: int, step: int) -> Iterator[str]:
    """Yield the lines of bars that go up and down, on the days when markets are open."""
    dice, price, time_ = random.Random(7), 1.1, 1_388_959_200  # noqa: S311  repeatable on purpose
    while count:
        moment = datetime.fromtimestamp(time_, UTC)
        if not _is_closed(moment):
            close = round(price * (1 + dice.gauss(0, 0.0003) + 0.0005 * (1.1 - price)), 5)
            high, low = (max(price, close) + 0.0001, min(price, close) - 0.0001)
            yield f"{iso(time_)},{price},{high:.5f},{low:.5f},{close},{dice.randrange(50, 2000)}.0"
            price, count = close, count - 1
        time_ += step


def _is_closed(moment: datetime) -> bool:
    day, late = moment.weekday(), moment.hour >= CLOSES
    return day == SATURDAY or (day == FRIDAY and late) or (day == SUNDAY and not late)


def _took(operation: str) -> float:
    """Wait for an operation's end; return its seconds on the worker."""
    end = time.monotonic() + SECONDS
    while True:
        found = json.loads(_ask("GET", f"operations/{operation}"))["operation"]
        if found["status"] == "completed":
            began, ended = (datetime.fromisoformat(found[f"{edge}_at"]) for edge in ("started", "completed"))
            return (ended - began).total_seconds()
        if found["status"] in ("failed", "cancelled") or time.monotonic() > end:
            sys.exit(f"{operation} is {found['status']}: {found['error_message']}")
        time.sleep(0.1)


def _post(path: str, body: dict[str, Any]) -> Any:
    return json.loads(_ask("POST", path, json.dumps(body).encode(), "application/json"))


def _ask(method: str, path: str, content: bytes | None = None, kind: str = "") -> bytes:
    with contextlib.closing(http.client.HTTPConnection(SERVER, timeout=SECONDS)) as connection:
        connection.request(method, f"/api/v1/{path}", content, {"Content-Type": kind} if kind else {})
        answer = connection.getresponse()
        found = answer.read()
    if answer.status >= http.client.BAD_REQUEST:
        sys.exit(f"{path} was answered with {answer.status}: {found[:500]!r}")
    return found


if __name__ == "__main__":
    main()
