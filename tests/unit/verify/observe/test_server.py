"""What is read of a running server for its record, how it is stopped, and when its health is decided."""

import io
import json
import tarfile
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker import DockerClient
from docker.errors import APIError, NotFound

from verify.observe import containers, server
from verify.observe.containers import Watch
from verify.observe.model import ProbeResult, Stop, Subject
from verify.observe.server import LOG_AT_MOST, add_late_notes, ask_server, log_of, processes_of, settled, stop


def engine(**answers: Any) -> DockerClient:
    return cast("DockerClient", SimpleNamespace(api=SimpleNamespace(**answers)))


def asked(**report: Any) -> ProbeResult:
    return ProbeResult(outcome="ended", report=report)


def test_of_a_long_log_the_end_is_kept_and_all_of_it_is_counted() -> None:
    lines = [f"{number} {'x' * 400}\n".encode() for number in range(60)]
    kept, size = log_of(engine(logs=lambda *_arguments, **_options: iter(lines)), "c")
    assert (len(kept), size) == (LOG_AT_MOST, sum(map(len, lines)))
    assert kept.splitlines()[-1].startswith("59 ")


def test_a_log_without_end_is_counted_as_far_as_it_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LOG_READ", 1000)
    endless = (b"x" * 100 for _ in iter(int, 1))
    assert log_of(engine(logs=lambda *_arguments, **_options: endless), "c")[1] == 1100


def test_a_log_driver_that_keeps_nothing_is_not_an_empty_log() -> None:
    def refuse(*_arguments: Any, **_options: Any) -> None:
        raise APIError("configured logging driver does not support reading")

    assert log_of(engine(logs=refuse), "c") == ("", None)
    assert log_of(engine(logs=lambda *_arguments, **_options: iter(())), "c") == ("", 0)


@pytest.mark.parametrize(
    ("report", "allowed"),
    [
        (asked(rest={"slowness": 1.0}), 10),
        (asked(rest={"slowness": 2.5}), 25),
        (asked(rest={"slowness": 1e9}), 120),
        (asked(rest={"slowness": 0.1}), 10),
        (asked(rest={"slowness": "x"}), 10),
        (asked(rest=None), 10),
        (asked(), 10),
        (ProbeResult(outcome="timed out"), 10),
        (None, 10),
    ],
)
def test_a_server_is_stopped_by_the_engine_in_the_contract_s_seconds_or_more_where_the_machine_is_slow(
    report: ProbeResult | None, allowed: int
) -> None:
    told: list[tuple[str, int]] = []
    client = engine(
        inspect_container=lambda _: {"State": {"Running": True}},
        stop=lambda container, timeout: told.append((container, timeout)),
    )
    ended = stop(client, "c", 10.0, report)
    assert told == [("c", allowed)]
    assert isinstance(ended, Stop)
    assert (ended.allowed, ended.took < 5) == (allowed, True)


def test_a_server_that_ended_by_itself_is_not_stopped() -> None:
    assert stop(engine(inspect_container=lambda _: {"State": {"Running": False}}), "c", 10.0, None) is None


@pytest.mark.parametrize(
    ("stats", "count"),
    [
        ({"pids_stats": {"current": 256, "limit": 256}}, 256),
        ({"pids_stats": {}}, None),
        ({"pids_stats": None}, None),
        ({}, None),
    ],
)
def test_the_processes_of_a_server_that_nobody_could_ask_are_the_engine_s_count(
    stats: dict[str, Any], count: int | None
) -> None:
    assert processes_of(engine(stats=lambda *_arguments, **_options: stats), "c") == count


def test_a_server_is_asked_from_inside_with_its_seconds_and_directories(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[list[str], float, dict[str, str]]] = []

    def execute(
        _client: object, _container: str, command: list[str], deadline: float, environment: dict[str, str]
    ) -> tuple[int, bytes]:
        ran.append((command, deadline, environment))
        return 0, b'{"status": 200}'

    monkeypatch.setattr(containers, "execute", execute)
    watch = Watch("/run/watch", {})
    found = ask_server(
        engine(),
        "c",
        "http://127.0.0.1:8000/x",
        9.0,
        rest=2.0,
        writable=["/data"],
        listening=watch,
        openapi="/v1/openapi.json",
        wait=3.0,
    )
    assert (found.outcome, found.report) == ("ended", {"status": 200})
    ((*_, address, options), deadline, environment) = ran[0]
    assert (address, deadline, environment) == ("http://127.0.0.1:8000/x", 12.0, {"PYTHONPATH": ""})
    assert json.loads(options) == {
        "rest": 2.0,
        "writable": ["/data"],
        "watch": "/run/watch",
        "openapi": "/v1/openapi.json",
        "wait": 3.0,
    }


def notes_of(*texts: bytes) -> bytes:
    """The directory of notes as an engine sends it."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        directory = tarfile.TarInfo("notes")
        directory.type = tarfile.DIRTYPE
        archive.addfile(directory)
        for number, text in enumerate(texts):
            member = tarfile.TarInfo(f"notes/{number}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    return data.getvalue()


def with_notes(archive: bytes, known: Any) -> Any:
    """What a report says of attempts once the notes were read again."""
    report = asked(attempts=known)
    client = engine(get_archive=lambda _container, _path: ([archive], {}))
    add_late_notes(client, "c", Watch("/run/watch", {}), report)
    assert report.report is not None
    return report.report["attempts"]


FIRST, LATE = {"package": "torch", "chain": [1]}, {"package": "torch", "chain": [2]}


def test_what_a_server_notes_until_its_end_is_added_to_what_was_known() -> None:
    lines = [{"process": ["python"]}, FIRST, LATE]
    archive = notes_of("\n".join(map(json.dumps, lines)).encode())
    assert with_notes(archive, [FIRST]) == [FIRST, LATE]


@pytest.mark.parametrize(
    "archive",
    [b"", b"no archive", notes_of(b""), notes_of(b"\xff"), notes_of(b"5"), notes_of(b"[" * 9999), notes_of(b'{"a": "')],
    ids=["empty", "no archive", "no note", "no text", "a number", "deep", "cut off"],
)
def test_notes_that_nobody_can_read_add_nothing(archive: bytes) -> None:
    assert with_notes(archive, [FIRST]) == [FIRST]


def test_a_report_without_attempts_gets_none() -> None:
    assert with_notes(notes_of(json.dumps(LATE).encode()), None) is None


def test_notes_that_are_gone_add_nothing() -> None:
    def gone(_container: str, _path: str) -> None:
        raise NotFound("no such directory")

    report = asked(attempts=[FIRST])
    add_late_notes(engine(get_archive=gone), "c", Watch("/run/watch", {}), report)
    assert report.report == {"attempts": [FIRST]}


CHECKED = cast("Subject", SimpleNamespace(has_healthcheck=True))
UNCHECKED = cast("Subject", SimpleNamespace(has_healthcheck=False))


def state(status: str, *seconds: int, running: bool = True) -> dict[str, Any]:
    """A container's state whose HEALTHCHECK ran for so many tenths of a second each time."""
    runs = [
        {"Start": "2026-11-21T10:00:00Z", "End": f"2026-11-21T10:00:{tenths // 10:02}.{tenths % 10}Z", "ExitCode": 1}
        for tenths in seconds
    ]
    return {"Running": running, "Health": {"Status": status, "Log": runs}}


@pytest.mark.parametrize(
    ("seen", "decided"),
    [
        (state("starting", 2), False),
        (state("healthy", 90), True),
        (state("unhealthy", 2, 2, 2), True),
        (state("unhealthy", 30, 2, 45), True),
        (state("unhealthy", 30, 12, 45), False),
        (state("unhealthy"), True),
        (state("unhealthy", 30, 12, 45, running=False), True),
    ],
)
def test_unhealthy_decides_nothing_on_a_machine_that_hardly_lets_healthcheck_run(
    seen: dict[str, Any], *, decided: bool
) -> None:
    client = engine(inspect_container=lambda _: {"State": seen})
    assert (settled(client, "c", CHECKED) == seen) is decided
    assert settled(client, "c", UNCHECKED) == seen
