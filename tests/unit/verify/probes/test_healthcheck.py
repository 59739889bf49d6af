"""HEALTHCHECK is run against nobody and against stand-ins for its server: only a good answer may content it."""

import shlex
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.probing import probe, results, run
from tests.support.servers import HEALTH, nobody
from verify.observe.probe_reports import HealthcheckReport

OWN = [sys.executable, "-m", "ktrdr.healthcheck"]
CONNECT = "import socket, sys\nsocket.create_connection(('127.0.0.1', int(sys.argv[1])))"
ANY = "import http.client, sys\nc = http.client.HTTPConnection('127.0.0.1', sys.argv[1])\nc.request('GET', '/{}')\n"
READ = "answer = c.getresponse()\nassert answer.status == 200 {}, answer.read()"
FAR = "answer = c.getresponse()\nassert answer.status < {} and b'\"status\"' in answer.read()"
PATIENT = ANY.format(HEALTH[1:]).replace("argv[1])", "argv[1], timeout=0.5)")
CONTENT = f"""
{PATIENT}
try:
    answer = c.getresponse()
    assert answer.status == 200
    assert "status" in __import__("json").load(answer)
except TimeoutError:
    pass
"""
ROOT = Path(__file__).parents[4]


def report(directory: Path, command: list[str], port: str, seconds: float = 10.0) -> dict[str, Any]:
    argument = {"command": command, "address": f"http://127.0.0.1:{port}{HEALTH}", "seconds": seconds}
    done = run(directory, {"healthcheck": probe("healthcheck", argument)}, PYTHONPATH=str(ROOT))
    found: dict[str, Any] = results(done)["healthcheck"]["report"]
    return found


def passed(directory: Path, source: str) -> list[str]:
    port, seconds = nobody(), 5.0 if "timeout=" in source else 1.5  # the others wait for ever, or not at all
    seen = HealthcheckReport.model_validate(report(directory, [sys.executable, "-c", source, port], port, seconds))
    names = ("nobody", "failure", "unready", "moved", "missing", "stateless", "good", "gone", "hung")
    return [name for name in names if (one := getattr(seen, name)) is not None and one.passed]


def test_the_images_own_healthcheck_passes_at_a_good_answer_alone(tmp_path: Path) -> None:
    port = nobody()
    seen = report(tmp_path, [*OWN, f"http://127.0.0.1:{port}{HEALTH}"], port)
    assert {name: one["exit_code"] for name, one in seen.items()} == {
        "nobody": 1, "failure": 1, "unready": 1, "moved": 1, "missing": 1, "stateless": 1, "good": 0,
        "gone": 1, "hung": 1,
    }  # fmt: skip
    assert [one.get("asked") for one in seen.values()] == [None, 1, 1, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("source", "passes"),
    [
        ("", ["nobody", "failure", "unready", "moved", "missing", "stateless", "good", "gone", "hung"]),
        (CONNECT, ["failure", "unready", "moved", "missing", "stateless", "good", "gone", "hung"]),
        (ANY.format(HEALTH[1:]) + "c.getresponse()", ["failure", "unready", "moved", "missing", "stateless", "good"]),
        (ANY.format(HEALTH[1:]) + READ.format(""), ["stateless", "good"]),
        (ANY.format(HEALTH[1:]) + FAR.format(600), ["failure", "unready", "moved", "missing", "stateless", "good"]),
        (ANY.format(HEALTH[1:]) + FAR.format(500), ["moved", "missing", "stateless", "good"]),
        (ANY.format(HEALTH[1:]) + FAR.format(300), ["stateless", "good"]),
        (CONTENT, ["good", "hung"]),
        (CONTENT + "    raise", ["good"]),
        (CONTENT.replace("pass", "c.close(); c.request('GET', '/'); c.getresponse()"), ["good"]),
        (ANY.format("openapi.json") + READ.format(""), ["failure", "unready", "moved", "missing", "stateless", "gone"]),
        ("raise SystemExit(1)", []),
    ],
    ids=[
        "always",
        "connects",
        "any answer",
        "any 200",
        "any status",
        "any status below 500",
        "the word alone",
        "no answer in time",
        "an answer in time",
        "an answer in time, twice",
        "another page",
        "never",
    ],
)
def test_a_healthcheck_that_takes_too_much_passes_at_a_wrong_answer(
    tmp_path: Path, source: str, passes: list[str]
) -> None:
    assert passed(tmp_path, source) == passes


def test_a_healthcheck_that_cannot_be_run_is_told_and_not_tried_again(tmp_path: Path) -> None:
    seen = report(tmp_path, ["no-such-command"], nobody())
    assert list(seen) == ["nobody"]
    assert (seen["nobody"]["outcome"], "no-such-command" in seen["nobody"]["error"]) == ("not started", True)


def test_a_healthcheck_that_waits_for_ever_is_ended_with_all_that_it_started_and_keeps_nobody_waiting(
    tmp_path: Path,
) -> None:
    port, began = nobody(), time.monotonic()
    waits = shlex.join([sys.executable, "-c", ANY.format(HEALTH[1:]) + READ.format(""), port])
    seen = report(tmp_path, ["sh", "-c", f"{waits}; exit $?"], port, 2.0)
    assert (seen["hung"]["outcome"], seen["good"]["exit_code"]) == ("timed out", 0)
    assert 2.0 < time.monotonic() - began < 8.0
