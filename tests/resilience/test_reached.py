"""Engines reached by an address and by a context; terminals that are narrow, plain, dumb or not there at all."""

import contextlib
import fcntl
import hashlib
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from deploy.artifacts import VERDICT, Artifacts
from deploy.engine import daemon
from deploy.engine.connection import Engine, find_engine
from deploy.engine.daemon import Daemon
from tests.resilience.conftest import built, carry
from tests.resilience.second import CAN_START, WHY_NOT, pid_of, second_engine
from tests.resilience.site import Site, told
from verify.judge.verdict import Verdict

PORT = 23750
PASSES = "PASS: every image is what its role demands"
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7])m")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def test_over_a_context_it_is_the_same_engine(site: Site, second: Engine, tmp_path: Path) -> None:
    name = "elsewhere"
    meta = tmp_path / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    meta.parent.mkdir(parents=True)
    endpoint = {"Host": second.endpoint, "SkipTLSVerify": False}
    meta.write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}), encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": name}), encoding="utf-8")
    site.environment["DOCKER_HOST"] = ""
    env = {"DOCKER_CONFIG": str(tmp_path)}
    told(site.verify(env=env).end(), 0, PASSES)
    site.write("RUN true")
    told(site.build(env=env).end(), 0, "tiny")


@pytest.mark.skipif(not CAN_START or not shutil.which("nsenter"), reason=f"{WHY_NOT}, and nsenter")
def test_over_tcp_it_is_an_engine_like_any_other(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with second_engine(tmp_path / "third", hosts=(f"tcp://127.0.0.1:{PORT}",)) as place:
        own = own_engine(monkeypatch)
        daemon.start(place, print)
        monkeypatch.setenv("DOCKER_HOST", f"unix://{place.socket}")
        carry(own, find_engine(), built(site.artifacts).tag)
        site.environment["DOCKER_HOST"] = f"tcp://127.0.0.1:{PORT}"
        command = site.begin("verify", "backend", prefix=("nsenter", f"--net=/proc/{network(place)}/ns/net"))
        told(command.end(), 0, PASSES)


def own_engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return find_engine()


def network(place: Daemon) -> int:
    return pid_of(place)


@pytest.fixture(scope="module")
def verified(
    original: Site, good: Artifacts, loaded: Engine, place: Daemon, tmp_path_factory: pytest.TempPathFactory
) -> Site:
    """Artifacts with the verdict of a verification that passed."""
    if not daemon.answers(place.socket):
        daemon.start(place, print)
    folder = tmp_path_factory.mktemp("verified")
    one = original.elsewhere(Path(shutil.copytree(good.root, folder / "artifacts")))
    one.environment = {**one.environment, "DOCKER_HOST": loaded.endpoint, "PYTHON_IMAGE": "ktrdr-try-small:1"}
    told(one.verify().end(), 0, PASSES)
    return one


def shown(site: Site, *words: str, columns: int, env: Mapping[str, str]) -> str:
    """Run a command on a terminal of its own; returns what was written to it."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [sys.executable, "-m", *words, "--artifacts", str(site.artifacts.root)]
    clean = {
        key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR", "TERM", "FORCE_COLOR")
    }
    environment = {**clean, **site.environment, "TERM": "xterm", **env}
    with subprocess.Popen(
        command, cwd=site.checkout, env=environment, stdin=follower, stdout=follower, stderr=follower
    ) as process:
        os.close(follower)
        printed = b"".join(chunks(leader))
        process.wait(60)
    return printed.decode("utf-8", "replace").replace("\r\n", "\n")


def chunks(leader: int) -> Iterator[bytes]:
    with contextlib.suppress(OSError), contextlib.closing(os.fdopen(leader, "rb", buffering=0)) as file:  # EIO: its end
        while block := file.read(4096):
            yield block


def left_standing(printed: str) -> str:
    """Return what a terminal shows in the end: of each line what was written after it was last erased (EL, ECMA-48)."""
    return "\n".join(ESCAPE.sub("", line.rpartition("\x1b[2K")[2]) for line in printed.split("\n"))


@pytest.mark.parametrize(
    ("columns", "env"),
    [(40, {}), (40, {"NO_COLOR": "1"}), (40, {"TERM": "dumb"}), (200, {})],
    ids=["40 columns", "no colour", "dumb", "wide"],
)
def test_no_terminal_hides_an_outcome(verified: Site, columns: int, env: Mapping[str, str]) -> None:
    site = verified
    printed = shown(site, "verify", "summarize", columns=columns, env=env)
    assert not (env and COLOUR.search(printed)), printed
    plain = left_standing(printed)
    lines = plain.splitlines()
    assert "Traceback" not in plain
    words = " ".join(plain.split())
    assert site.artifacts.read("backend", VERDICT, Verdict).outcome == "PASS"
    for role, outcome in (("backend", "PASS"), ("worker-cpu", "ERROR"), ("tiny", "ERROR")):
        assert any(role in line for line in lines), plain
        assert outcome in words.split(role, 1)[1], plain
    assert "ERROR: no image FAILs, but not everything could be seen of:" in words
    assert "…" not in [line.rstrip()[-1:] for line in lines if "PASS" in line or "ERROR" in line]


@pytest.mark.parametrize("env", [{}, {"TERM": "dumb"}, {"NO_COLOR": "1"}], ids=["40 columns", "dumb", "no colour"])
def test_a_build_on_a_narrow_terminal_ends_with_its_outcome(verified: Site, env: Mapping[str, str]) -> None:
    verified.write("RUN echo " + "a long line that does not fit " * 4)
    plain = left_standing(shown(verified, "deploy", "build", "tiny", columns=40, env=env))
    assert "Traceback" not in plain
    last = " ".join(plain.split()).rsplit("tiny", 1)[1]
    assert " built " in last
    assert "steps cached" in last


def test_without_any_terminal_or_stdin_the_outcome_is_written_line_by_line(verified: Site) -> None:
    ended = verified.begin("verify", "summarize").end()
    assert "\x1b" not in ended.printed
    told(ended, 3, "no image FAILs, but not everything could be seen of:")
