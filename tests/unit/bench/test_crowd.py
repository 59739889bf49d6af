"""Workers that compute nothing work for a real backend; what they saw is judged, and told with its unit."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.groups import crowd as group
from bench.inside import crowd


def test_a_small_crowd_does_all_that_was_accepted_once_and_in_order(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    script = Path(crowd.__file__).read_text(encoding="utf-8").replace("8000", str(port))
    for shorter in (("SETTLING_S: Final = 5.0", "SETTLING_S: Final = 0.5"), ("(10.0, 30.0)", "(0.2, 0.4)")):
        assert shorter[0] in script
        script = script.replace(*shorter)
    command = [sys.executable, "-m", "uvicorn", "ktrdr.api.main:app", "--port", str(port)]
    done = subprocess.run(
        [sys.executable, "-", "3", "2,4", *command],
        input=script, check=True, capture_output=True, text=True, timeout=120,
        env={**os.environ, "KTRDR_DATA_DIR": str(tmp_path)},
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert [step["workers"] for step in found["steps"]] == [2, 4]
    assert all(value > 0 for step in found["steps"] for value in step.values())
    assert found["accepted"] >= crowd.WAITING
    assert (found["lost"], found["twice"], found["out_of_order"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ([(0.0, 1.0), (0.5, 1.5), (2.0, 2.1)], 0),
        ([(0.0, 1.0), (0.0, 0.2), (0.1, 0.3)], 0),  # side by side: nobody can tell which was first
        ([(3.0, 3.1), (0.5, 1.5), (2.0, 2.1)], 1),
        ([(3.0, 3.1), (2.0, 2.1), (0.5, 1.5)], 2),
    ],
)
def test_an_operation_that_waited_while_a_later_one_was_given_out_is_out_of_order(
    given: list[tuple[float, float]], wrong: int
) -> None:
    assert crowd.out_of_order(given) == wrong


async def seen_as(monkeypatch: pytest.MonkeyPatch, states: dict[str, str], seen: crowd.Seen) -> dict[str, int]:
    async def ask(*_: object) -> dict[str, Any]:
        return {"operations": [{"operation_id": one, "status": status} for one, status in states.items()]}

    monkeypatch.setattr(crowd, "ask", ask)
    return await crowd.became(seen)


@pytest.mark.parametrize(
    ("states", "given", "expected"),
    [
        ({"a": "completed", "b": "completed"}, {"a": ["w"], "b": ["w"]}, (0, 0)),
        ({"a": "completed", "b": "running"}, {"a": ["w"], "b": ["w"]}, (1, 0)),
        ({"a": "completed"}, {"a": ["w"]}, (1, 0)),
        ({"a": "completed", "b": "completed", "c": "pending"}, {"a": ["w"], "b": ["w"]}, (1, 0)),
        ({"a": "completed", "b": "completed"}, {"a": ["w", "v"], "b": ["w", "w"]}, (0, 1)),
    ],
)
def test_what_is_lost_or_given_out_twice_is_counted(
    monkeypatch: pytest.MonkeyPatch, states: dict[str, str], given: dict[str, list[str]], expected: tuple[int, int]
) -> None:
    handed = {one: [(worker, 0.0, 1.0) for worker in workers] for one, workers in given.items()}
    found = asyncio.run(seen_as(monkeypatch, states, crowd.Seen(accepted=["a", "b"], given=handed)))
    assert (found["lost"], found["twice"]) == expected


def step(workers: int, p99: float) -> dict[str, float]:
    return {"workers": workers, "median": 5.0, "p99": p99, "memory": 80.0, "a_second": 200.0, "cpu": 0.6}


@pytest.mark.parametrize(
    ("late", "number", "note"), [(300.0, 250.0, ""), (60.0, 250.0, "not passed: 250 are the most that were tried")]
)
def test_the_number_of_workers_that_is_too_many_is_told(late: float, number: float, note: str) -> None:
    found = {"steps": [step(200, 50.0), step(250, late)], "accepted": 9, "lost": 1, "twice": 2, "out_of_order": 3}
    figures = {figure.name: figure for figure in group.told(found, 200)}
    most = figures["a crowd: workers with which the 99th percentile passes 100 ms"]
    assert (most.ours.median, most.unit, most.note) == (number, "workers", note)
    p99 = figures["a crowd: 200 workers: a heartbeat, 99th percentile"]
    assert (p99.ours.median, p99.unit, p99.reached) == (50.0, "ms", True)
    wrong = figures["a crowd: operations that went wrong"]
    assert (wrong.ours.median, wrong.reached) == (6.0, False)
