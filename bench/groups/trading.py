"""An upload, a training and a backtest in the images, and backtesting.py on the same signals."""

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.measure import SECONDS
from bench.model import Figure, Series
from bench.workplace import Workplace
from deploy.engine.runs import Run, new_run

INSIDE = Path(__file__).parent.parent / "inside"
PEER = "backtesting==0.6.6"
MINUTES = (374_400, "5m")  # five years
QUICK = 12_400  # bars, where it is only shown that it runs
ROWS_A_SECOND = 200_000
MOST_MB = {"training": 300.0, "backtest": 200.0}
COMMISSION = "0.0001"
IDLE_AND_PEAK = "import re; print(*re.findall(r'Vm(?:HWM|RSS):\\s+(\\d+)', open('/proc/1/status').read()))"

TRADES = """
from urllib.request import urlopen
print(urlopen("http://127.0.0.1:8000/api/v1/operations/{}/trades?format=csv").read().decode(), end="")
"""


@dataclass
class Taken:
    """Seconds of upload, training and backtest, and the worker's memory for the last two beside its own, in MB."""

    seconds: dict[str, float]
    memory: dict[str, float] = field(default_factory=dict)
    peer: float = 0.0


def figures(place: Workplace) -> Iterator[Figure]:
    """Upload, train and backtest five years of 5-minute bars, and repeat the backtest with the other tool."""
    count, timeframe = MINUTES if place.rounds > 1 else (QUICK, MINUTES[1])
    bars = f"{count:,} bars of {timeframe}"
    place.say(bars)
    rounds = [_taken(place, count, timeframe) for _ in range(place.rounds)]
    upload = Series(what="upload", values=[one.seconds["upload"] for one in rounds])
    yield Figure(name=f"upload of {bars}", unit="s", at_most=round(count / ROWS_A_SECOND, 3), ours=upload)
    training = Series(what="training", values=[one.seconds["training"] for one in rounds])
    yield Figure(name=f"training on {bars}, three epochs", unit="s", ours=training)
    ours, other = [one.seconds["backtest"] for one in rounds], [one.peer for one in rounds]
    yield _beside(f"backtest of {bars}", ours, other, f"{PEER} on the same signals", 1.0)
    for what, most in MOST_MB.items():
        held = Series(what=what, values=[one.memory[what] for one in rounds])
        yield Figure(name=f"{what}: memory beside the idle worker's", unit="MB", at_most=most, ours=held)


def _beside(name: str, ours: list[float], other: list[float], what: str, at_most: float) -> Figure:
    return Figure(
        name=name, unit="s", at_most=at_most,
        ours=Series(what=name, values=ours), other=Series(what=what, values=other),
    )  # fmt: skip


def _taken(place: Workplace, count: int, timeframe: str) -> Taken:
    with new_run(place.engine) as held, _system(place, held) as names:
        script = (INSIDE / "trading.py").read_text(encoding="utf-8")
        command = place.docker("exec", "--interactive", names["backend"], "python", "-")
        _printed([*command, "0", timeframe], script)
        idle = {kind: _memory(place, names[kind])[1] for kind in MOST_MB}
        told = json.loads(_printed([*command, str(count), timeframe], script))
        found = Taken(told["seconds"])
        found.memory = {kind: (_memory(place, names[kind])[0] - idle[kind]) / 1e3 for kind in MOST_MB}
        found.peer = _peer(place, names["backend"], told["operation"], timeframe)
    return found


@contextlib.contextmanager
def _system(place: Workplace, held: Run) -> Iterator[dict[str, str]]:
    """Run a backend and two workers on a network of their own; yield their names."""
    backend = next(image for image in place.contract.images.values() if image.torch == "absent")
    worker = next(image for image in place.contract.images.values() if {*MOST_MB} <= {*image.worker_types})
    labels = [f"--label={name}={value}" for name, value in held.labels.items()]
    network = held.name("trading")
    names = {part: held.name(f"trading-{part}") for part in ("backend", *MOST_MB)}
    _printed(place.docker("network", "create", "--internal", *labels, network))
    for part, name in names.items():
        url = f"--env=KTRDR_API_URL=http://{names['backend']}:8000"
        options = [*labels, f"--network={network}", f"--name={name}", url]
        options += [f"--env=KTRDR_WORKER_TYPE={part}"] * (part in MOST_MB)
        image = worker if part in MOST_MB else backend
        _printed(place.docker("create", *options, image.name))
        _printed(place.docker("start", name))
    yield names


def _memory(place: Workplace, name: str) -> tuple[float, float]:
    """Return the most that a container's process had resident, and what it has now, in kB."""
    peak, now = map(float, _printed(place.docker("exec", name, "python", "-c", IDLE_AND_PEAK)).split())
    return peak, now


def _peer(place: Workplace, backend: str, operation: str, timeframe: str) -> float:
    bars, trades = (place.directory / f"{kind}.csv" for kind in ("bars", "trades"))
    for file, program in (
        (bars, f"print(open('/data/BENCH_{timeframe}.csv').read(), end='')"),
        (trades, TRADES.format(operation)),
    ):
        file.write_text(_printed(place.docker("exec", backend, "python", "-c", program)), encoding="utf-8")
    uv = [sys.executable, "-m", "uv", "run", "--no-project", "--with", PEER]
    printed = _printed([*uv, "python", str(INSIDE / "peer.py"), str(bars), str(trades), COMMISSION])
    return float(re.findall(r"^[0-9.]+$", printed, re.MULTILINE)[-1])


def _printed(command: list[str], given: str = "") -> str:
    done = subprocess.run(command, check=True, capture_output=True, input=given, text=True, timeout=SECONDS)
    return done.stdout
