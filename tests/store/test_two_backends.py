"""Two backends on one database, killed in turn at random moments: nothing acknowledged is lost, nothing done twice."""

import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from ktrdr.data.sample import generate, to_csv
from ktrdr.model_files import FILES, digest, pack
from ktrdr.names import model_name
from tests.api.population import STRATEGY, training_result
from tests.store.backend import Backend
from tests.store.conftest import Place
from tests.store.postgres import Postgres
from tests.support.waiting import OFTEN, until

ROUNDS = 4
MORE = 4
"""Acknowledged trainings from a backend's start to the next kill."""
UNDER_WAY = 8
WORKERS = ("w0", "w1", "w2")
SECONDS = 120.0
ABOUT = {"strategy_name": STRATEGY, "created_at": "2024-01-01T00:00:00Z", "symbols": [], "timeframes": []}


def archive(folder: Path) -> bytes:
    """Return a model of its own, as a worker packs it."""
    folder.mkdir()
    for name in FILES:
        (folder / name).write_text(json.dumps({**ABOUT, "of": folder.name}), encoding="utf-8")
    return pack(folder)


@dataclass
class Told:
    """What clients and workers were told: starts that were acknowledged, by whom each began and ended, its model."""

    accepted: list[str] = field(default_factory=list)
    unanswered: int = 0
    begun: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    models: dict[str, str] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    statuses: set[int] = field(default_factory=set)


class Crew:
    """A client that starts trainings at either backend, and workers that do them, until they are told to end."""

    def __init__(self, backends: list[Backend], folder: Path) -> None:
        self.told = Told()
        self._backends = backends
        self._folder = folder
        self._no_more, self._home = threading.Event(), threading.Event()
        self._threads = ThreadPoolExecutor(1 + len(WORKERS))
        self._begun: list[Future[None]] = []

    def begin(self) -> None:
        bodies = [{"worker_id": w, "worker_type": "training", "endpoint_url": f"http://{w}:5003"} for w in WORKERS]
        tokens = [self._backends[0].post("workers/register", body)["token"] for body in bodies]
        self._begun = [self._threads.submit(self._start)]
        self._begun += [self._threads.submit(self._work, *pair) for pair in zip(WORKERS, tokens, strict=True)]

    def finish(self) -> None:
        """Start nothing more, and wait until all that was accepted has ended."""
        self._no_more.set()
        self._begun[0].result(SECONDS)
        self.until(lambda: self.told.ended >= {*self.told.accepted})

    def until(self, condition: Any) -> None:
        """Wait until a condition of what was told holds; fails at once where one of the crew has failed."""
        until(f"the crew: {self.told}", lambda: condition() or any(one.done() for one in self._begun[1:]), SECONDS)
        for one in self._begun:
            if one.done():
                one.result()

    def leave(self) -> None:
        self._no_more.set()
        self._home.set()
        self._threads.shutdown()

    def _ask(self, turn: int, method: str, path: str, **what: Any) -> httpx.Response | None:
        """Ask either backend; None if it is killed, or says that it cannot work at the moment."""
        try:
            answer = self._backends[turn % len(self._backends)].client.request(method, path, **what)
        except httpx.TransportError:
            return None
        self.told.statuses.add(answer.status_code)
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            return None
        assert answer.is_success, answer.text
        return answer

    def _insist(self, method: str, path: str, **what: Any) -> dict[str, Any]:
        """Ask one backend after the other until one has answered."""
        turn = random.randrange(2)  # noqa: S311  no secret
        while not self._home.is_set():
            if answer := self._ask(turn, method, path, **what):
                document: dict[str, Any] = answer.json()
                return document
            turn += 1
            self._home.wait(OFTEN)
        return {"operation": None}

    def _start(self) -> None:
        turn = 0
        while not self._no_more.wait(0.01):
            if len(self.told.accepted) - len(self.told.ended) > UNDER_WAY:
                continue
            turn += 1
            if answer := self._ask(turn, "POST", "trainings/start", json={"strategy_name": STRATEGY}):
                self.told.accepted.append(answer.json()["task_id"])
            else:
                self.told.unanswered += 1

    def _work(self, name: str, token: str) -> None:
        headers = {"X-Worker-Token": token}

        def report(**operation: Any) -> dict[str, Any] | None:
            body = {"operation": operation} if operation else {}
            given = self._insist("POST", f"workers/{name}/heartbeat", json=body, headers=headers)["operation"]
            return given if isinstance(given, dict) else None

        given = None
        while not self._home.wait(OFTEN):
            given = given or report()
            if given is None:
                continue
            held = given["operation_id"]
            content, model = archive(self._folder / held), model_name(STRATEGY, held)
            sent = {**headers, "X-Content-SHA256": digest(content)}
            report(operation_id=held, status="running")
            self.told.begun[held].add(name)
            self._insist("PUT", f"models/{model}/archive", content=content, headers=sent)
            self.told.models[model] = digest(content)
            given = report(operation_id=held, status="completed", result_summary=training_result(held))
            self.told.ended.add(held)


@pytest.fixture
def two(place: Place, tmp_path: Path) -> Iterator[list[Backend]]:
    backends = [Backend(tmp_path / "data", place.url) for _ in range(2)]
    try:
        backends[0].start()
        assert backends[0].client.post("data/EURUSD-SAMPLE/1h", content=to_csv(generate())).status_code == 201
        backends[1].start()
        yield backends
    finally:
        for backend in backends:
            backend.end()


def away(server: Postgres | None, number: int) -> None:
    """Kill the database's server, or stop it in order, at every other kill of a backend; then start it again."""
    if server is not None and number % 2:
        (server.kill if number % 4 == 1 else server.stop)()
        server.start()


def test_two_backends_killed_in_turn_lose_nothing_acknowledged_and_give_nothing_twice(
    place: Place, two: list[Backend], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server = None if place.url.startswith("sqlite") else request.getfixturevalue("postgres")
    (tmp_path / "made").mkdir()
    crew = Crew(two, tmp_path / "made")
    told = crew.told
    try:
        crew.begin()
        for number in range(ROUNDS):
            wanted = len(told.accepted) + MORE
            crew.until(lambda wanted=wanted: len(told.accepted) >= wanted)
            time.sleep(random.uniform(0, 0.5))  # noqa: S311  the random moment itself: nothing is waited for
            two[number % 2].kill()
            away(server, number)
            two[number % 2].start()
        crew.finish()
    finally:
        crew.leave()
    listed = [backend.get("operations?operation_type=training&limit=500")["operations"] for backend in two]
    assert listed[0] == listed[1]
    states = {one["operation_id"]: one["status"] for one in listed[0]}
    assert len(states) == len(listed[0])
    assert {name: states.get(name) for name in told.accepted} == dict.fromkeys(told.accepted, "completed")
    assert len(states) - len(told.accepted) <= told.unanswered
    assert {name: names for name, names in told.begun.items() if len(names) > 1} == {}
    assert told.statuses <= {200, 201, 202, 503}
    for backend in two:
        kept = {name: backend.client.get(f"models/{name}/archive").content for name in told.models}
        assert {name: digest(content) for name, content in kept.items()} == told.models
