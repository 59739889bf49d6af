"""What is made of an engine that was looked for: usable, or a problem with its next step."""

import dataclasses
import json
import socket
import threading
import time
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingUnixStreamServer

import pytest
import requests.exceptions

from deploy.engine import connection
from deploy.engine.connection import Sighting, judge, parse_info, version_numbers
from deploy.engine.endpoint import DEFAULT_HOST, Endpoint
from deploy.engine.trouble import Trouble, classify
from deploy.errors import Exit, Problem

GOOD = Sighting(
    endpoint=Endpoint(DEFAULT_HOST, "default"),
    id="e1",
    version="26.1.5+dfsg1",
    api_version="1.45",
    storage_driver="overlay2",
    cli="/usr/bin/docker",
    cli_id="e1",
    plugins={"buildx": ("0.13.1+ds1", "/plugins/docker-buildx"), "compose": ("2.26.1-4", "/plugins/docker-compose")},
)


def problem_of(**changes: object) -> Problem:
    with pytest.raises(Problem) as caught:
        judge(dataclasses.replace(GOOD, **changes))  # type: ignore[arg-type]  # fields by name, as each test says
    assert caught.value.code == Exit.UNAVAILABLE
    return caught.value


def test_an_engine_with_everything_beside_it_is_usable() -> None:
    found = judge(GOOD)
    assert (found.id, found.buildx, found.compose) == ("e1", "0.13.1+ds1", "2.26.1-4")
    assert found.command() == ["/usr/bin/docker", "--host", DEFAULT_HOST]


def test_where_nothing_answers_at_the_default_socket_the_next_step_is_the_engine_session() -> None:
    problem = problem_of(trouble="absent", detail="connection refused")
    assert problem.next_step == "./noxw -s engine"


def test_where_nothing_answers_at_a_given_address_the_setting_is_named() -> None:
    problem = problem_of(endpoint=Endpoint("tcp://far:2375", "DOCKER_HOST"), trouble="absent", detail="timed out")
    assert "tcp://far:2375 (DOCKER_HOST)" in problem.wrong
    assert problem.next_step.startswith("start that engine, or unset")


@pytest.mark.parametrize(
    ("trouble", "said"),
    [("denied", "permission denied"), ("hung", "does not answer"), ("other", "does not answer")],
)
def test_each_trouble_is_said(trouble: Trouble, said: str) -> None:
    assert said in problem_of(trouble=trouble, detail="it does not answer").wrong


def test_an_engine_that_is_too_old_is_named_with_both_versions() -> None:
    wrong = problem_of(version="20.10.24").wrong
    assert "20.10.24" in wrong
    assert "23 or later" in wrong


def test_a_missing_docker_command_is_named() -> None:
    assert "no docker command" in problem_of(cli="").wrong


def test_a_missing_buildx_is_named_with_what_the_command_said() -> None:
    assert "no buildx plugin (broken)" in problem_of(plugins={}, cli_error="broken").wrong


def test_an_old_buildx_is_named_with_its_path() -> None:
    problem = problem_of(plugins={"buildx": ("v0.12.0", "/old/docker-buildx")})
    assert "/old/docker-buildx is v0.12.0" in problem.wrong


def test_two_different_engines_are_a_problem() -> None:
    wrong = problem_of(cli_id="e2").wrong
    assert "SDK sees engine e1" in wrong
    assert "sees e2" in wrong


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("v0.13.1+ds1", (0, 13, 1)), ("26.1.5+dfsg1", (26, 1, 5)), ("Docker version 27.0, build x", (27, 0)), ("", ())],
)
def test_versions_are_read_from_what_programs_say(text: str, numbers: tuple[int, ...]) -> None:
    assert version_numbers(text) == numbers


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (ConnectionRefusedError("[Errno 111] Connection refused"), "absent"),
        (OSError("FileNotFoundError(2, 'No such file or directory')"), "absent"),
        (OSError("[Errno -2] Name or service not known"), "absent"),
        (requests.exceptions.ConnectTimeout("connect timed out"), "absent"),
        (OSError("PermissionError(13, 'Permission denied')"), "denied"),
        (requests.exceptions.ReadTimeout("Read timed out. (read timeout=1)"), "hung"),
        (RuntimeError("certificate verify failed"), "other"),
    ],
)
def test_reasons_for_silence_are_told_apart(error: BaseException, trouble: Trouble) -> None:
    assert classify(error)[0] == trouble


def test_plugins_are_read_even_when_the_command_found_no_engine() -> None:
    plugins = [{"Name": "buildx", "Version": "0.13.1", "Path": "/p"}, {"Name": "scan", "Err": "exec format error"}]
    seen = parse_info(json.dumps({"ServerErrors": ["refused"], "ClientInfo": {"Plugins": plugins}}), "")
    assert seen["plugins"] == {"buildx": ("0.13.1", "/p")}
    assert seen["cli_id"] == ""
    assert seen["cli_error"] == "refused; scan: exec format error"


def test_a_command_that_prints_no_json_is_quoted() -> None:
    assert parse_info("", "first\nunknown flag: --format\n") == {"cli_error": "unknown flag: --format"}


def test_an_engine_that_accepts_and_never_answers_is_hung_within_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "docker.sock"))
        silent.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
        monkeypatch.setenv("PATH", str(tmp_path))
        started = time.monotonic()
        with pytest.raises(Problem, match="accepts connections and does not answer"):
            connection.find_engine(timeout=1)
        assert time.monotonic() - started < 3


class Dawdling(StreamRequestHandler):
    """An engine that answers each question well within the time that is given for all of them."""

    def handle(self) -> None:
        while self.rfile.readline().startswith(b"GET"):
            while self.rfile.readline().strip():
                pass
            time.sleep(0.6)
            body = b'{"ApiVersion": "1.45"}'
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def test_all_questions_to_an_engine_have_one_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.setenv("PATH", str(tmp_path))
    with ThreadingUnixStreamServer(f"{tmp_path}/docker.sock", Dawdling) as server:
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        started = time.monotonic()
        seen = connection.look(timeout=1)
        assert time.monotonic() - started < 1.5
        server.shutdown()
    assert seen.trouble == "hung"


def test_a_dead_socket_is_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "docker.sock"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert connection.look(timeout=1).trouble == "absent"


@pytest.mark.parametrize(
    "text",
    [
        "('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))",
        "('Connection broken: IncompleteRead(0 bytes read)', IncompleteRead(0 bytes read))",
        "[Errno 104] Connection reset by peer",
        "[Errno 32] Broken pipe",
    ],
)
def test_an_engine_that_goes_while_it_answers_is_told_so(text: str) -> None:
    assert classify(requests.exceptions.ConnectionError(text)) == ("other", "it broke off the connection")
    refused = f"('Connection aborted.', ConnectionRefusedError(111, 'Connection refused')) {text}"
    assert classify(OSError(refused))[0] == "absent"


def test_a_proxy_that_was_asked_for_the_engine_is_named_with_what_keeps_it_out() -> None:
    told = "HTTPConnectionPool(host='proxy', port=3128): Max retries exceeded (Caused by ProxyError('Cannot connect'))"
    trouble, detail = classify(OSError(f"Error while fetching server API version: {told}"))
    assert trouble == classify(requests.exceptions.ProxyError("refused"))[0] == "proxy"
    problem = problem_of(endpoint=Endpoint("tcp://10.0.0.1:2375", "DOCKER_HOST"), trouble=trouble, detail=detail)
    assert "the proxy of HTTP_PROXY was asked" in problem.wrong
    assert problem.next_step.endswith("export NO_PROXY=${NO_PROXY:+$NO_PROXY,}10.0.0.1")
