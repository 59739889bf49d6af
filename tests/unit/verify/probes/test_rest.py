"""A server at rest: who computes, who is left behind, what was written where, and what limits are in force."""

import importlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from verify.observe.server_report import Held, Rest

probe: Any = importlib.import_module("verify.probes.rest")

# Number: name, state, parent, session, start, ticks
SERVER = {1: ("uvicorn", "S", 0, 1, 10, 50), 7: ("python", "S", 1, 1, 12, 3)}
HEALTHCHECK = {20: ("sh", "S", 0, 20, 90, 0), 21: ("python", "R", 20, 20, 91, 4)}


def test_what_an_engine_starts_in_a_container_is_not_the_server_s() -> None:
    assert probe.of_the_server(SERVER | HEALTHCHECK) == SERVER
    assert probe.of_the_server({}) == {}


@pytest.mark.parametrize(
    ("process", "told"),
    [
        (("sleep", "Z", 1, 20, 95, 0), "zombie sleep"),
        (("true", "Z", 7, 1, 95, 0), "zombie true"),
        (("sleep", "S", 1, 19, 95, 0), "orphan sleep"),
        (("sleep", "S", 1, 1, 95, 0), None),
        (("sleep", "S", 7, 30, 95, 0), None),  # a session of its own, whose leader it is
        (("sh", "Z", 0, 30, 95, 0), None),  # the engine's to wait for
        (("sleep", "S", 21, 20, 95, 0), None),
    ],
)
def test_who_is_waited_for_by_nobody_is_told(process: tuple[Any, ...], told: str | None) -> None:
    assert probe.unwaited(SERVER | HEALTHCHECK | {30: process}) == ({(30, 95): told} if told else {})


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [
        ((1.0, 0.0), (6.0, 0.0), 1.0),  # all the time
        ((1.0, 0.0), (1.25, 4.75), 1.0),  # all the time, as far as a loaded machine let it
        ((1.0, 0.0), (1.1, 0.0), 0.02),
        ((1.0, 0.0), (1.1, 2.5), 0.04),
        ((1.0, 0.0), (1.03, 4.9), 0.0),
        ((1.0, 0.0), (1.01, 4.98), 0.0),  # too little to tell
        ((0.0, 0.0), (0.0, 0.0), 0.0),
    ],
)
def test_how_busy_a_thread_is_does_not_depend_on_the_machine_s_load(
    before: tuple[float, float], after: tuple[float, float], share: float
) -> None:
    assert probe.busiest({"t": before}, {"t": after}, 5.0) == pytest.approx(share)


def test_a_thread_that_has_just_begun_counts() -> None:
    assert probe.busiest({}, {"t": (5.0, 0.0)}, 5.0) == 1.0


def mounts(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr(probe, "text_of", lambda _path: "\n".join(lines))


def test_files_that_changed_since_the_start_are_told_where_none_are_allowed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("tmp", "data", "data2", "readonly", "kernel"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "file").write_text("x", encoding="utf-8")
    (tmp_path / "tmp" / "link").symlink_to("/etc/passwd")
    mounts(
        monkeypatch,
        f"tmpfs {tmp_path}/tmp tmpfs rw,nosuid 0 0",
        f"/dev/vda {tmp_path}/data ext4 rw,relatime 0 0",
        f"/dev/vda {tmp_path}/readonly ext4 ro,relatime 0 0",
        f"proc {tmp_path}/kernel proc rw 0 0",
        f"/dev/vda {tmp_path}/gone ext4 rw 0 0",
    )
    assert probe.written([f"{tmp_path}/data"], 0) == [f"{tmp_path}/tmp/deep/file"]
    assert probe.written([], time.time() + 60) == []
    assert probe.written([], 0) == [f"{tmp_path}/data/deep/file", f"{tmp_path}/tmp/deep/file"]


@pytest.mark.parametrize(
    ("status", "lax"),
    [
        ("Name:\tx\nUmask:\t0022\n", False),
        ("Umask:\t0002\n", False),
        ("Umask:\t0077\n", False),
        ("Umask:\t0000\n", True),
        ("Umask:\t0020\n", True),
        ("Umask:\t0021\n", True),
        ("", False),
    ],
)
def test_a_process_that_lets_everybody_write_is_told_by_its_mask(
    monkeypatch: pytest.MonkeyPatch, status: str, *, lax: bool
) -> None:
    monkeypatch.setattr(probe, "text_of", lambda _path: status)
    assert probe.lets_everybody_write(1) is lax


@pytest.mark.parametrize(("mode", "everybodys"), [(0o644, False), (0o664, False), (0o646, True), (0o666, True)])
def test_a_file_that_everybody_may_write_is_told(tmp_path: Path, mode: int, *, everybodys: bool) -> None:
    path = tmp_path / "file"
    path.touch()
    path.chmod(mode)
    assert probe.everybodys(str(path)) is everybodys
    assert probe.everybodys(str(tmp_path / "gone")) is False


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Max open files            4096                 4096                 files", 4096),
        ("Max open files            unlimited            unlimited            files", None),
        ("Max processes 5\nMax open files 64 64 files", 64),
        ("Max open files", None),
        ("", None),
    ],
)
def test_a_number_is_read_behind_its_words(tmp_path: Path, text: str, number: int | None) -> None:
    path = tmp_path / "limits"
    path.write_text(text, encoding="utf-8")
    assert probe.number_after(str(path), "Max open files") == number
    assert probe.number_after(str(tmp_path / "none"), "Max open files") is None


# Flat keyed, as the kernel's documentation of the second version has pids.events; the first writes it so, too
@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({"cgroup/pids.events": "max 3\n"}, 3),
        ({"cgroup/pids.events": "max 0\n"}, 0),
        ({"cgroup/pids/pids.events": "max 7\n"}, 7),
        ({"cgroup/pids.events": "max 3\n", "cgroup/pids/pids.events": "max 7\n"}, 3),
        ({"cgroup/pids.events": "fork 1\nmax 4\n"}, 4),  # keys may be added
        ({"cgroup/pids.events": "", "cgroup/pids/pids.events": "max 2\n"}, 2),
        ({"cgroup/pids.max": "max\n", "cgroup/pids.current": "4\n"}, None),  # a kernel before 4.9, or the root
        ({}, None),
    ],
)
def test_refused_processes_are_counted_in_either_version_of_cgroups(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: dict[str, str], count: int | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert all(path.startswith("/sys/fs/") for path in probe.REFUSALS)
    places = [path.replace("/sys/fs", str(tmp_path)) for path in probe.REFUSALS]
    monkeypatch.setattr(probe, "REFUSALS", places)
    assert probe.refused() == count


def test_an_idle_machine_takes_no_longer_than_itself() -> None:
    assert probe.slowness() >= 1.0


def test_the_start_of_the_first_process_is_a_time_of_the_clock() -> None:
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    assert probe.begun({1: ("init", "S", 0, 1, 0, 0)}) == pytest.approx(boot, abs=1)
    assert probe.begun({}) == pytest.approx(boot, abs=1)


def test_the_processes_of_this_machine_are_read_with_their_parents_and_times() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        known = probe.processes()
        name, state, parent, session, start, ticks = known[child.pid]
        assert (parent, session) == (os.getpid(), os.getsid(0))
        assert name.startswith("python")
        assert state in "RSD"
        assert start > 0
        assert ticks >= 0
        assert child.stdin is not None
        child.stdin.close()


@pytest.mark.parametrize(("program", "busy"), [("input()", False), ("while True: pass", True)])
def test_a_server_at_rest_is_told_from_one_that_computes(
    monkeypatch: pytest.MonkeyPatch, program: str, *, busy: bool
) -> None:
    command = [sys.executable, "-c", f"print(flush=True)\n{program}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as server:
        assert server.stdout is not None
        server.stdout.readline()
        monkeypatch.setattr(probe, "of_the_server", lambda known: {server.pid: known[server.pid]})
        monkeypatch.setattr(probe, "written", lambda _allowed, _since: [])
        seen = Rest.model_validate(probe.rest(1.0, [], [], {"processes": 0, "threads": 9, "files": 1}))
        server.kill()
    assert (seen.left, seen.more, seen.written) == ([], Held(processes=1, threads=0, files=2), [])
    assert (seen.busiest > 0.5) is busy
    assert busy or seen.busy < 0.1
