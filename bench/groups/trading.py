"""An upload, a training and a backtest, beside a former revision's code in the same images, and backtesting.py."""

import contextlib
import io
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.checkout import ROOT
from bench.measure import SECONDS
from bench.model import Figure, Series
from bench.workplace import Workplace
from deploy.engine.runs import Run, new_run
from deploy.errors import Problem

INSIDE = Path(__file__).parent.parent / "inside"
PEER = "backtesting==0.6.6"
FORMER = "5df399785ef14e5e427634faf48d50cbdfb3204c"  # what the first users tried
ELSEWHERE = "/former"  # its code in the container; PYTHONPATH puts it before the image's
MINUTES = (374_400, "5m")  # five years
HOURS = (6_200, "1h")  # one year
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
    """Do the same with both revisions in turn, over five years of 5-minute bars and over a year of hours."""
    size, hours = (MINUTES, HOURS) if place.rounds > 1 else ((HOURS[0] * 2, MINUTES[1]), HOURS)
    archive = _former()
    rounds = []
    for _ in range(place.rounds):
        place.say(f"{size[0]:,} bars of {size[1]} and {hours[0]:,} of {hours[1]}, with both revisions")
        now = [_taken(place, None, *size, peer=True), _taken(place, None, *hours)]
        rounds.append((now, [_taken(place, archive, *size), _taken(place, archive, *hours)]))
    bars = f"{size[0]:,} bars of {size[1]}"
    yield Figure(
        name=f"upload of {bars}", unit="s", at_most=round(size[0] / ROWS_A_SECOND, 3),
        ours=Series(what="upload", values=[now[0].seconds["upload"] for now, _ in rounds]),
    )  # fmt: skip
    yield _beside(
        f"backtest of {bars}", [now[0].seconds["backtest"] for now, _ in rounds],
        [now[0].peer for now, _ in rounds], f"{PEER} on the same signals", 1.0,
    )  # fmt: skip
    for what, part, at_most in (("training", 0, 0.4), ("training", 1, 1.0), ("backtest", 1, 1.0)):
        name = f"{what} on {bars}" if part == 0 else f"{what} on a year of hours"
        ours, other = ([side[part].seconds[what] for side in sides] for sides in zip(*rounds, strict=True))
        yield _beside(name, ours, other, f"revision {FORMER[:7]}", at_most)
    for what, most in MOST_MB.items():
        yield Figure(
            name=f"{what}: memory beside the idle worker's", unit="MB", at_most=most,
            ours=Series(what=what, values=[now[0].memory[what] for now, _ in rounds]),
        )  # fmt: skip


def _beside(name: str, ours: list[float], other: list[float], what: str, at_most: float) -> Figure:
    return Figure(
        name=name, unit="s", at_most=at_most,
        ours=Series(what=name, values=ours), other=Series(what=what, values=other),
    )  # fmt: skip


def _former() -> bytes:
    """Return the former revision's code as a tar archive."""
    try:
        command = ["git", "archive", FORMER, "ktrdr"]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=SECONDS).stdout
    except (OSError, subprocess.SubprocessError) as error:
        next_step = "run it in a clone with the whole history"
        raise Problem(f"reading revision {FORMER[:7]}", str(error), next_step) from None


def _taken(place: Workplace, code: bytes | None, count: int, timeframe: str, *, peer: bool = False) -> Taken:
    with new_run(place.engine) as held, _system(place, held, code) as names:
        script = (INSIDE / "trading.py").read_text(encoding="utf-8")
        command = place.docker("exec", "--interactive", names["backend"], "python", "-")
        _printed([*command, "0", timeframe], script)
        idle = {kind: _memory(place, names[kind])[1] for kind in MOST_MB}
        told = json.loads(_printed([*command, str(count), timeframe], script))
        found = Taken(told["seconds"])
        found.memory = {kind: (_memory(place, names[kind])[0] - idle[kind]) / 1e3 for kind in MOST_MB}
        if peer:
            found.peer = _peer(place, names["backend"], told["operation"], timeframe)
    return found


@contextlib.contextmanager
def _system(place: Workplace, held: Run, code: bytes | None) -> Iterator[dict[str, str]]:
    """Run a backend and two workers on a network of their own, with other code if any; yield their names."""
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
        options += [f"--env=PYTHONPATH={ELSEWHERE}"] * (code is not None)
        image = worker if part in MOST_MB else backend
        _printed(place.docker("create", *options, image.name))
        if code is not None:
            _printed(place.docker("cp", "-", f"{name}:/"), _moved(code))
        _printed(place.docker("start", name))
    yield names


def _moved(code: bytes) -> bytes:
    """Return a tar archive with its files below ELSEWHERE."""
    made = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(code)) as given, tarfile.open(fileobj=made, mode="w") as moved:
        for member in given:
            content = given.extractfile(member) if member.isfile() else None
            member.name = f"{ELSEWHERE[1:]}/{member.name}"
            moved.addfile(member, content)
    return made.getvalue()


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


def _printed(command: list[str], given: str | bytes | None = None) -> str:
    content = given.encode() if isinstance(given, str) else given
    done = subprocess.run(command, check=True, capture_output=True, input=content, timeout=SECONDS)
    return done.stdout.decode()
