"""The access log holds what people look for in it."""

import logging

import pytest

from ktrdr.api.access_log import is_worth_a_line


def record(method: str, path: str, status: int) -> logging.LogRecord:
    """What uvicorn logs of a request."""
    values = ("127.0.0.1:5", method, path, "1.1", status)
    return logging.LogRecord("uvicorn.access", logging.INFO, "", 0, '%s - "%s %s HTTP/%s" %d', values, None)


@pytest.mark.parametrize(
    ("method", "path", "status", "kept"),
    [
        ("GET", "/api/v1/health", 200, False),
        ("GET", "/metrics", 200, False),
        ("HEAD", "/api/v1/health", 200, False),
        ("HEAD", "/api/v1/health", 503, True),
        ("POST", "/api/v1/workers/w1/heartbeat", 200, False),
        ("PUT", "/api/v1/operations/op_1/checkpoint", 201, False),
        ("PUT", "/api/v1/operations/op_1/checkpoint", 409, True),
        ("GET", "/api/v1/operations/op_1/checkpoint", 200, True),
        ("GET", "/api/v1/health", 503, True),
        ("POST", "/api/v1/workers/w1/heartbeat", 404, True),
        ("POST", "/api/v1/workers/w1/heartbeat", 422, True),
        ("GET", "/api/v1/healthy", 200, True),
        ("GET", "/api/v1/workers", 200, True),
        ("POST", "/api/v1/trainings/start", 200, True),
        ("DELETE", "/api/v1/workers/w1", 200, True),
    ],
)
def test_what_programs_ask_every_few_seconds_is_left_out_unless_it_fails(
    method: str,
    path: str,
    status: int,
    kept: bool,  # noqa: FBT001
) -> None:
    assert is_worth_a_line(record(method, path, status)) is kept


def test_a_record_of_another_form_is_kept() -> None:
    assert is_worth_a_line(logging.LogRecord("uvicorn.access", logging.INFO, "", 0, "hello", None, None))
