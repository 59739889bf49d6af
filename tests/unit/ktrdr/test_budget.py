"""Requests wait until the memory that they may take is free: in their order, and not for ever."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from ktrdr.api import budget
from ktrdr.api.budget import LARGE_TOTAL, REPORTS_TOTAL, SMALL_EACH, SMALL_TOTAL, Budget, Share, cost
from ktrdr.api.costs import CHECKING, COSTS, KIB, SMALL, cost_of
from ktrdr.model_files import MIB

BACKEND_MIB = 60
CONTAINER_MIB = 488  # 512 MB
LARGE, TINY = "/api/v1/models", "/api/v1/workers/w/heartbeat"


def scope(path: str, method: str = "GET", **headers: str) -> Scope:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "path": path, "method": method, "headers": raw}


async def no_body() -> Message:
    return {"type": "http.request"}


def answers(statuses: list[int]) -> Send:
    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    return send


def test_every_route_has_a_cost_and_every_cost_a_route(client: TestClient) -> None:
    paths = client.get("http://backend/openapi.json").json()["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert routes | {"GET /", "GET /docs", "GET /page/{path}", "GET /openapi.json"} == set(COSTS)


@pytest.mark.parametrize("route", COSTS)
def test_a_path_finds_the_cost_of_its_own_route(route: str) -> None:
    method, _, template = route.partition(" ")
    assert cost_of(method, re.sub(r"\{[^}]*\}", "x-1", template)) == COSTS[route]


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/models/a/b/c", "", "*", "/api/v1/workers/register/"])
def test_a_path_without_a_route_costs_little(path: str) -> None:
    assert cost_of("GET", path) == SMALL


def test_all_costs_fit_their_share_and_the_shares_the_container() -> None:
    assert max(one.memory for one in COSTS.values()) <= LARGE_TOTAL
    assert cost(scope(TINY, "POST", transfer_encoding="chunked")) <= REPORTS_TOTAL
    assert BACKEND_MIB * MIB + LARGE_TOTAL + REPORTS_TOTAL + SMALL_TOTAL + CHECKING < 0.8 * CONTAINER_MIB * MIB


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        (scope(TINY, "POST", content_length="300"), 256 * KIB + 10 * 300),
        (scope(TINY, "POST", transfer_encoding="chunked"), 256 * KIB + 10 * 8 * MIB),
        (scope("/api/v1/data/EURUSD/1h", "POST", content_length="60000000"), 2 * MIB),
        (scope("/api/v1/models/m/archive", "PUT", transfer_encoding="chunked"), 2 * MIB),
        (scope("/api/v1/operations/o/checkpoint", "PUT", transfer_encoding="chunked"), 2 * MIB),
        (scope("/api/v1/models", "GET", content_length="60000000"), 64 * MIB),
        (scope("/api/v1/models", "HEAD"), 64 * MIB),
    ],
)
def test_a_body_that_is_kept_in_memory_costs_a_multiple_of_its_bytes(asked: Scope, size: int) -> None:
    assert cost(asked) == size


def test_heartbeats_of_ordinary_workers_are_small() -> None:
    assert cost(scope(TINY, "POST", content_length="4000")) <= SMALL_EACH


def test_who_comes_first_is_served_first_and_who_gives_up_blocks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "WAIT_S", 0.4)
    served: list[str] = []

    async def take(share: Share, name: str, amount: int) -> None:
        await share.take(amount)
        served.append(name)

    async def main() -> None:
        share = Share(10)
        await share.take(8)
        too_large = asyncio.create_task(take(share, "never", 9))
        await asyncio.sleep(0.2)
        small = asyncio.create_task(take(share, "small", 2))  # there is room, but it is not its turn
        await asyncio.sleep(0)
        assert served == []
        with pytest.raises(TimeoutError):
            await too_large
        await small
        assert served == ["small"]
        share.give(8)
        assert share.free == 8
        share.give(2)
        await take(share, "last", 10)

    asyncio.run(main())
    assert served == ["small", "last"]


def in_flight(path: str, number: int, check: Callable[[list[int]], Coroutine[Any, Any, None]]) -> list[int]:
    """Send so many requests to an application that does not end them; then look. Return the statuses."""
    statuses: list[int] = []

    async def main() -> None:
        ending = asyncio.Event()

        async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await ending.wait()

        limited = Budget(app)
        tasks = [asyncio.create_task(limited(scope(path), no_body, answers(statuses))) for _ in range(number)]
        await asyncio.sleep(0.01)
        await check(statuses)
        ending.set()
        await asyncio.gather(*tasks)
        assert limited._large.free == LARGE_TOTAL
        assert limited._small.free == SMALL_TOTAL

    asyncio.run(main())
    return statuses


def test_no_more_large_requests_go_on_than_there_is_memory_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "WAIT_S", 0.1)
    room = LARGE_TOTAL // COSTS[f"GET {LARGE}"].memory

    async def check(statuses: list[int]) -> None:
        assert statuses == [200] * room
        await asyncio.sleep(0.2)

    statuses = in_flight(LARGE, room + 2, check)
    assert statuses == [200] * room + [503] * 2


def test_an_answer_that_is_made_holds_no_more_than_its_bytes() -> None:
    async def main() -> None:
        ending, made = asyncio.Event(), asyncio.Event()

        async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
            made.set()
            await ending.wait()

        limited = Budget(app)
        task = asyncio.create_task(limited(scope(LARGE), no_body, answers([])))
        await made.wait()
        assert limited._large.free == LARGE_TOTAL - 1000 - 128 * KIB
        ending.set()
        await task

    asyncio.run(main())


def test_a_long_body_is_sent_in_pieces() -> None:
    sent: list[tuple[int, bool]] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 150_000})

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            sent.append((len(message["body"]), message.get("more_body", False)))

    asyncio.run(Budget(app)(scope(LARGE), no_body, send))
    assert sent == [(65_536, True), (65_536, True), (18_928, False)]


def test_who_waits_too_long_is_told_to_come_again_and_health_waits_for_nothing(
    monkeypatch: pytest.MonkeyPatch, client: TestClient
) -> None:
    async def take(_share: Share, _amount: int) -> None:
        raise TimeoutError

    monkeypatch.setattr(Share, "take", take)
    answer = client.get("models")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
    assert client.get("health").status_code == 200
