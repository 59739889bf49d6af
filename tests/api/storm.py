"""Everything that is large, asked of a backend many times at once, and clients that ask and read nothing."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.api.extremes import HOLDERS, at_work, beat, holder, report
from tests.api.population import Worker


def at_once(number: int, ask: Callable[[int], httpx.Response]) -> list[int]:
    """Ask so many times at once; return the statuses."""
    with ThreadPoolExecutor(number) as threads:
        return [answer.status_code for answer in threads.map(ask, range(number))]


def connect(api: httpx.Client, sent: bytes) -> socket.socket:
    """Open a connection to a backend, and send bytes."""
    url = api.base_url
    connection = socket.create_connection((url.host, url.port or 80), timeout=30)
    connection.sendall(sent)
    return connection


@contextlib.contextmanager
def unread(api: httpx.Client, *paths: str, number: int = 10) -> Iterator[None]:
    """Ask for each of these so many times, and read nothing meanwhile."""
    with contextlib.ExitStack() as opened:
        for path in paths:
            for _ in range(number):
                opened.enter_context(connect(api, f"GET /api/v1/{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()))
        yield


def storm(api: httpx.Client, training: str, model: str, large: bytes) -> dict[str, list[int]]:
    """Ask for everything that is large, many times at once; return the statuses."""
    holders = [holder(api) for _ in range(HOLDERS)]
    Worker(api, "trainer", "training").register()
    with at_work(*holders):
        uploads = at_once(HOLDERS, lambda place: holders[place].upload(large))
    return {
        "uploads of models": uploads,
        "downloads of models": at_once(8, lambda _: api.get(f"models/{model}/archive")),
        "lists of models": at_once(12, lambda _: api.get("models")),
        "bars": at_once(50, lambda _: api.get("data/EURUSD/1m", params={"limit": 50_000})),
        "results": at_once(24, lambda _: api.get(f"operations/{training}/results")),
        "reports": at_once(12, lambda _: beat(api, "trainer", report("op_none"))),
        "workers": at_once(24, lambda _: api.get("workers")),
        "operations": at_once(12, lambda _: api.get("operations", params={"limit": 2})),
    }
