"""What asks the backend from inside waits for what it was told to, and for no longer."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.support.servers import nobody, running, speaking
from verify.e2e import scenarios
from verify.observe.requests import source


@contextmanager
def counting() -> Iterator[str]:
    """A server that counts the requests to each path, and tells what it was sent; yields host and port."""
    counts: dict[str, int] = {}

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            number = counts[self.path] = counts.get(self.path, 0) + 1
            status = ["running", "running", "completed"][min(number, 3) - 1]
            document = {"operation": {"status": status, "progress": {"steps_completed": number - 1}}, "sent": sent}
            self.send_response(404 if self.path == "/missing" else 200)
            self.end_headers()
            self.wfile.write(b"no JSON" if self.path == "/text" else json.dumps(document).encode())

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the names of http.server

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, running(server):
        yield f"127.0.0.1:{server.server_address[1]}"


def call(base: str, *asks: dict[str, Any]) -> list[dict[str, Any]]:
    whole = [{"method": "GET", "path": "/", "body": None, "until": {}, "limit": 0.0, **one} for one in asks]
    argument = json.dumps({"base": base, "asks": whole})
    command = [sys.executable, "-c", source("call"), argument]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_a_question_without_a_condition_is_asked_once() -> None:
    with counting() as base:
        (answer,) = call(base, {"method": "POST", "body": {"a": 1}})
    assert (answer["status"], answer["met"], answer["body"]["sent"]) == (200, True, '{"a": 1}')


@pytest.mark.parametrize(
    "until",
    [
        {"where": "operation.status", "one_of": ["completed", "failed"]},
        {"where": "operation.progress.steps_completed", "above": 1},
        {"status": 200, "where": "operation.status", "one_of": ["completed"]},
    ],
)
def test_a_question_with_a_condition_is_asked_until_the_answer_fits(until: dict[str, Any]) -> None:
    with counting() as base:
        (answer,) = call(base, {"until": until, "limit": 20.0})
    assert (answer["met"], answer["body"]["operation"]["status"]) == (True, "completed")
    assert 0.2 <= answer["seconds"] < 20


@pytest.mark.parametrize(
    "until",
    [{"status": 201}, {"where": "operation.missing.deeper", "one_of": [1]}, {"where": "operation.none", "above": 0}],
)
def test_what_never_comes_is_reported_with_the_last_answer(until: dict[str, Any]) -> None:
    with counting() as base:
        (answer,) = call(base, {"until": until | {"status": until.get("status", 404)}, "path": "/x", "limit": 0.3})
    assert (answer["met"], answer["status"]) == (False, 200)
    assert 0.3 <= answer["seconds"] < 5


def test_questions_are_asked_in_their_order() -> None:
    with counting() as base:
        answers = call(base, *({"path": "/same"} for _ in range(3)), {"path": "/missing"}, {"path": "/text"})
    steps = [one["body"]["operation"]["progress"]["steps_completed"] for one in answers[:3]]
    assert (steps, answers[3]["status"], answers[4]["body"]) == ([0, 1, 2], 404, "no JSON")


def test_after_a_question_in_vain_nothing_more_is_asked() -> None:
    with counting() as base:
        answers = call(base, {}, {"until": {"status": 201}, "limit": 0.1}, {})
    assert [one["met"] for one in answers] == [True, False]


def test_a_backend_that_is_not_there_or_speaks_something_else_is_an_answer_too() -> None:
    with speaking(b"SSH-2.0\r\n") as port:
        answers = [*call(f"127.0.0.1:{port}", {}), *call(f"127.0.0.1:{nobody()}", {"until": {"status": 200}})]
    assert [(one["status"], one["met"]) for one in answers] == [(0, True), (0, False)]
    assert "refused" in answers[1]["body"]


def test_every_scenario_says_what_it_waits_for() -> None:
    waits = [scenarios.registered("w"), scenarios.idle("w"), scenarios.heard_since("w", "")]
    waits += [scenarios.under_way("o"), scenarios.ended("o", 1.0)]
    assert all(one.waited_for and one.limit and one.until for one in waits)
