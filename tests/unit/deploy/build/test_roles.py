"""Roles are built side by side, each in a process of its own; one that fails stops no other and nothing is left."""

import os
import signal
import threading
import time
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest

from deploy import signals
from deploy.artifacts import BUILD, STAGES, write_text
from deploy.build import forkserver, roles
from deploy.build.messages import Failed, Line
from deploy.build_record import BuildRecord
from deploy.errors import Exit
from tests.support.builds import GOOD, PLAIN, RUN, Stage, said, step
from tests.support.checkout import read_contract

LINGER = "sleep 60 &\necho $! >child.pid\nwait"


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(tmp_path, monkeypatch)


def record(stage: Stage, role: str = "backend") -> BuildRecord:
    return stage.artifacts.read(role, BUILD, BuildRecord)


def test_a_build_leaves_a_record_of_what_was_built_and_how(stage: Stage) -> None:
    stage.plays("backend", GOOD)
    assert stage.build("backend") == Exit.OK
    found = record(stage)
    assert (found.role, found.tag, found.image_id, found.identity) == (
        "backend",
        "ktrdr-backend:prod",
        "sha256:i",
        "sha256:y",
    )
    assert found.layers == ["sha256:base", "sha256:l"]
    assert (found.steps_cached, found.steps_run, found.steps[1].seconds) == (1, 1, 2.0)
    assert (found.base.reference, found.base.origin, found.base.layers) == (
        "python:3.11-slim-bookworm",
        "local",
        ["sha256:base"],
    )
    assert (found.base.environment, found.base.labels) == (
        {"LANG": "C.UTF-8", "API_TOKEN": "•••"},
        {"maker": "the base's"},
    )
    assert found.torch_source == "none"
    assert {"docker engine", "buildx", "uv"} <= set(found.tools)
    assert found.seconds > 0
    assert found.exporting_seconds == 2.0
    assert "1 steps cached, 1 run" in stage.shown


@pytest.mark.parametrize(
    ("role", "wheel", "source"),
    [
        ("worker-gpu", None, "the lock's index"),
        ("worker-cpu", None, "pytorch-cpu index"),
        ("dev", "torch-2.13.0+cpu-x.whl", "torch-2.13.0+cpu-x.whl"),
    ],
)
def test_the_record_says_where_torch_came_from(stage: Stage, role: str, wheel: str | None, source: str) -> None:
    stage.settings = replace(PLAIN, torch_wheel=wheel)
    stage.plays(role, GOOD)
    stage.build(role)
    assert record(stage, role).torch_source == source


def test_a_build_is_asked_for_with_the_contract_s_file_and_tag_and_the_host_s_settings(stage: Stage) -> None:
    stage.settings = replace(PLAIN, build_args={"HTTPS_PROXY": "http://p"}, secrets=["id=certificates,src=/c"])
    stage.plays("dev", GOOD)
    stage.build("dev")
    asked = stage.request("dev").options
    assert asked.file.endswith("deploy/docker/Dockerfile.dev")
    assert asked.tags == ["ktrdr-backend:dev"]
    assert asked.build_contexts == {"uv": "/uv"}
    assert asked.secrets == ["id=certificates,src=/c"]
    assert asked.build_args["HTTPS_PROXY"] == "http://p"
    assert asked.build_args["PYTHON_IMAGE"] == "python:3.11-slim-bookworm"
    assert set(asked.build_args) == {"HTTPS_PROXY", "PYTHON_IMAGE", "REVISION"}


def test_secrets_from_the_environment_reach_the_process_and_not_its_request(stage: Stage) -> None:
    stage.settings = replace(PLAIN, environment={"KTRDR_UV_SETTINGS": "UV_INDEX=x"})
    stage.plays("backend", GOOD, 'printf "%s" "$KTRDR_UV_SETTINGS" >seen')
    stage.build("backend")
    assert (stage.path / "seen").read_text(encoding="utf-8") == "UV_INDEX=x"
    assert "UV_INDEX" not in str(stage.request("backend"))


def test_a_build_client_that_would_label_images_with_the_checkout_does_not(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUILDX_GIT_LABELS", "full")
    stage.plays("backend", GOOD, 'printf "<%s>" "$BUILDX_GIT_LABELS" >seen')
    stage.build("backend")
    assert (stage.path / "seen").read_text(encoding="utf-8") == "<>"


def test_the_whole_log_is_kept(stage: Stage) -> None:
    stage.plays("backend", [*GOOD, "a traceback's line"])
    stage.build("backend")
    assert stage.log("backend").splitlines() == [
        "=> [stage-1 1/2] RUN one", "<= CACHED [stage-1 1/2] RUN one",
        f"=> {RUN}", f"<= 2.0 s {RUN}", "   Installed 5", "=> exporting to image",
            "<= 2.0 s exporting to image", "a traceback's line",
    ]  # fmt: skip


def test_a_failed_build_shows_the_failing_step_its_last_lines_and_where_the_log_lies(stage: Stage) -> None:
    lines = "".join(f"line {number}\n" for number in range(60))
    broken = [step(text=lines, error="exit code: 2"), said(Failed(reason="buildx ended with an error"))]
    stage.plays("backend", broken, "exit 1")
    assert stage.build("backend") == Exit.FAILED
    assert "backend: build failed: buildx ended with an error" in stage.shown
    assert f"step  {RUN}" in stage.shown
    assert "error exit code: 2" in stage.shown
    assert "| line 59" in stage.shown
    assert "| line 40" in stage.shown
    assert "| line 39" not in stage.shown
    assert f"whole log: {stage.artifacts.path('backend', 'build.log')}" in stage.shown


def test_a_client_that_fails_before_any_step_is_shown_with_its_own_words(stage: Stage) -> None:
    stage.plays(
        "backend",
        [said(Line(text="ERROR: no builder found\n")), said(Failed(reason="buildx ended with an error"))],
        "exit 1",
    )
    stage.build("backend")
    assert "no step: the build client itself failed" in stage.shown
    assert "| ERROR: no builder found" in stage.shown


def test_a_failed_build_stops_no_other(stage: Stage) -> None:
    stage.plays("backend", [said(Failed(reason="no"))], "exit 1")
    stage.plays("dev", GOOD, "sleep 0.3")
    assert stage.build("backend", "dev") == Exit.FAILED
    assert record(stage, "dev").role == "dev"


def test_an_unforeseen_error_in_one_build_comes_after_the_others_have_ended(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take(state: roles.Build, *arguments: Any) -> None:
        if state.image.role == "backend":
            raise ZeroDivisionError
        taken(state, *arguments)

    taken = roles._take
    monkeypatch.setattr(roles, "_take", take)
    stage.plays("backend", GOOD)
    stage.plays("dev", GOOD, "sleep 0.3")
    with pytest.raises(ZeroDivisionError):
        stage.build("backend", "dev")
    assert record(stage, "dev").role == "dev"


@pytest.mark.parametrize("trouble", [BlockingIOError(11, "no more processes"), EOFError()])
def test_a_process_that_cannot_be_started_is_told_with_what_to_do_and_stops_no_other(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    def process(target: Any, args: Any) -> ForkServerProcess:
        one = ForkServerProcess(target=target, args=args)
        if args[0].args[-1].options.tags == [read_contract().images["backend"].name]:
            monkeypatch.setattr(one, "start", refuse)
        return one

    def refuse() -> None:
        raise trouble

    monkeypatch.setattr(forkserver._CONTEXT, "Process", process)
    stage.plays("dev", GOOD)
    assert stage.build("backend", "dev") == Exit.UNAVAILABLE
    assert f"starting a build's process: {trouble or 'EOFError'}" in stage.shown
    assert "ulimit -u" in stage.shown
    assert record(stage, "dev").role == "dev"


def test_a_failed_build_leaves_no_record_not_even_the_one_before(stage: Stage) -> None:
    for name in STAGES:
        write_text(stage.artifacts.path("backend", name), "{}")
    stage.plays("backend", [said(Failed(reason="no"))], "exit 1")
    stage.build("backend")
    assert [path.name for path in (stage.artifacts.root / "backend").iterdir()] == ["build.log"]


def test_roles_that_were_not_named_keep_their_records(stage: Stage) -> None:
    write_text(stage.artifacts.path("dev", BUILD), "{}")
    stage.plays("backend", GOOD)
    stage.build("backend")
    assert stage.artifacts.path("dev", BUILD).exists()


def test_a_process_that_dies_without_a_word_is_a_failed_build(stage: Stage) -> None:
    stage.plays("backend", ["Traceback (most recent call last):", "MemoryError"], "exit 7")
    assert stage.build("backend") == Exit.FAILED
    assert "the build's process ended with 7" in stage.shown
    assert "| MemoryError" in stage.shown


@pytest.mark.parametrize("line", ["5", "null", "[]", '"text"', "{}"])
def test_a_line_that_is_json_and_no_message_is_no_harm(stage: Stage, line: str) -> None:
    stage.plays("backend", [line, *GOOD])
    assert stage.build("backend") == Exit.OK


@pytest.mark.parametrize("words", ["write: no space left on device", "OSError: [Errno 28] No space left on device"])
def test_a_full_disk_has_an_exit_code_and_a_hint_of_its_own(stage: Stage, words: str) -> None:
    stage.plays("backend", [step(text=f"{words}\n", error="exit code: 1"), said(Failed(reason="no"))], "exit 1")
    assert stage.build("backend") == Exit.UNAVAILABLE
    assert "no space left on device on the disk that holds /var/lib/docker" in stage.shown
    assert "clean -- --all" in stage.shown


def test_an_engine_that_goes_while_it_builds_is_no_failure_of_the_build(stage: Stage) -> None:
    stage.silence = "connection refused"
    stage.plays("backend", [step(ended=False), said(Failed(reason="buildx ended with an error"))], "exit 1")
    assert stage.build("backend") == Exit.UNAVAILABLE
    told = "building on the engine at unix:///s: it answered before and does not now: connection refused"
    assert told in stage.shown
    assert "next: restart the engine" in stage.shown


def test_an_engine_that_hangs_ends_a_silent_build_long_before_its_deadline(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung = "it accepts connections and does not answer"
    monkeypatch.setattr(roles, "LISTEN", 0.2)
    monkeypatch.setattr(roles, "silence", lambda _engine: hung if RUN in stage.shown else "")
    stage.plays("backend", [step(ended=False)], LINGER)
    assert stage.build("backend") == Exit.UNAVAILABLE
    assert f"{hung}; waited for: {RUN}" in stage.shown
    assert stage.ended("child.pid")


def test_a_build_that_is_silent_on_an_engine_that_answers_is_given_its_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roles, "LISTEN", 0.1)
    stage.plays("backend", GOOD, "sleep 0.5")
    assert stage.build("backend") == Exit.OK


def test_a_log_that_cannot_be_written_ends_the_build_with_what_to_do(stage: Stage) -> None:
    stage.plays("backend", GOOD)
    stage.plays("dev", GOOD)
    stage.artifacts.path("backend", "build.log").mkdir(parents=True)
    stage.artifacts.begin = lambda *_arguments: None  # type: ignore[method-assign]  # it would have told before
    assert stage.build("backend", "dev") == Exit.UNAVAILABLE
    assert f"backend: build failed: writing the artifacts in {stage.artifacts.root}" in stage.shown
    assert "or name another directory with --artifacts" in stage.shown
    assert record(stage, "dev").role == "dev"


def test_a_full_disk_is_no_excuse_where_another_build_failed_by_itself(stage: Stage) -> None:
    stage.plays("backend", [said(Failed(reason="no space left on device"))], "exit 1")
    stage.plays("dev", [said(Failed(reason="no"))], "exit 1")
    assert stage.build("backend", "dev") == Exit.FAILED


def test_the_host_s_secrets_show_up_neither_on_screen_nor_in_log_or_record(stage: Stage) -> None:
    stage.settings = replace(PLAIN, hidden=("http://me:word@proxy",))
    hidden = "via http://me:word@proxy now"
    stage.plays("backend", [step(f"[1/1] RUN {hidden}", text=hidden), *GOOD[2:]])
    stage.plays("dev", [step(f"[1/1] RUN {hidden}", text=hidden, error=hidden), said(Failed(reason=hidden))], "exit 1")
    stage.build("backend", "dev")
    files = "".join(path.read_text(encoding="utf-8") for path in stage.artifacts.root.rglob("build.*"))
    assert "•••" in files
    assert "word" not in files + stage.shown


def test_a_build_that_falls_silent_is_ended_with_its_children(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roles, "STALL", 2.0)  # in which even a loaded machine has started the child
    stage.plays("backend", [step(ended=False)], LINGER)
    assert stage.build("backend") == Exit.FAILED
    assert f"no output for 2 s; waited for: {RUN}" in stage.shown
    assert "next: see what that step waits for" in stage.shown
    assert stage.ended("backend.pid")
    assert stage.ended("child.pid")


def test_a_build_that_takes_too_long_is_ended_however_much_it_says(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roles, "DEADLINE", 2.0)
    stage.plays("backend", [], "while :; do echo x; sleep 0.05; done")
    assert stage.build("backend") == Exit.FAILED
    assert "waited 2 s in all for: the builder" in stage.shown
    assert stage.ended("backend.pid")


def test_a_build_that_does_not_listen_is_ended_all_the_same(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roles, "STALL", 2.0)
    stage.plays("backend", [], "trap '' TERM\nwhile :; do sleep 0.1; done")
    stage.build("backend")
    assert stage.ended("backend.pid")


def test_a_child_that_outlives_its_build_is_ended(stage: Stage) -> None:
    stage.plays("backend", GOOD, "sleep 60 >/dev/null 2>&1 &\necho $! >child.pid")
    assert stage.build("backend") == Exit.OK
    assert stage.ended("child.pid")


def test_ending_the_program_ends_every_build_within_seconds(stage: Stage) -> None:
    for role in ("backend", "dev"):
        stage.plays(role, [step(ended=False)], LINGER)
    told: list[float] = []

    def end_when_both_are_at_work() -> None:
        for _ in range(400):
            if all(stage.wrote(name) for name in ("backend.pid", "dev.pid", "child.pid")):
                told.append(time.monotonic())
                os.kill(os.getpid(), signal.SIGTERM)
                return
            time.sleep(0.02)

    watching = threading.Thread(target=end_when_both_are_at_work)
    watching.start()
    signals.accept()
    with pytest.raises(KeyboardInterrupt):
        stage.build("backend", "dev")
    assert time.monotonic() - told[0] < 5
    watching.join()
    assert stage.ended("backend.pid")
    assert stage.ended("dev.pid")
    assert stage.ended("child.pid")
