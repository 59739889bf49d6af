"""BuildKit's progress is followed line by line, as newer versions of buildx print it and as older ones do."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.build.buildkit_log import BuildLog

AT = "2026-11-21T10:00:0{}.123456789Z"


def vertex(name: str, *, started: int | None = None, completed: int | None = None, **more: Any) -> dict[str, Any]:
    """One step as BuildKit tells of it; its digest is its name, its times are seconds of one minute."""
    times = {"started": started, "completed": completed}
    return {"digest": name, "name": name} | {k: AT.format(v) for k, v in times.items() if v is not None} | more


def printed(name: str, text: str) -> dict[str, Any]:
    data = base64.b64encode(text.encode()).decode()
    return {"vertex": name, "stream": 1, "data": data, "timestamp": AT.format(1)}


def told(*vertexes: dict[str, Any], logs: list[dict[str, Any]] | None = None) -> str:
    return json.dumps({"vertexes": list(vertexes), "logs": logs}) + "\n"


def pretty(line: str) -> list[str]:
    """The same document as buildx before 0.14 prints it: indented, over many lines."""
    return json.dumps(json.loads(line), indent=2).splitlines(keepends=True)


def log_of(*lines: str) -> BuildLog:
    log = BuildLog()
    for line in lines:
        log.feed(line)
    return log


INTERNAL = "[internal] load build definition from Dockerfile"
FROM = "[stage-1 1/4] FROM docker.io/library/python:3.11-slim"
USER = "[stage-1 2/4] RUN echo ktrdr >>/etc/passwd"
SYNC = "[stage-1 3/4] RUN --mount=type=cache,id=uv,target=/root/.cache HOME=/root     sh /mnt/sync.sh --no-dev"
COPY = "[stage-1 4/4] COPY ktrdr ktrdr"

BUILD = [
    told(vertex(INTERNAL)),
    told(vertex(INTERNAL, started=0)),
    told(vertex(INTERNAL, started=0, completed=1)),
    told(vertex(FROM, started=1, completed=1), vertex(SYNC), vertex(USER), vertex(COPY)),
    told(vertex(USER, started=2, completed=2, cached=True)),
    told(vertex(SYNC, started=2), logs=[printed(SYNC, "Resolved 16 packages\nInstalled"), printed(SYNC, " fastapi\n")]),
    told(vertex(SYNC, started=2, completed=6)),
    told(vertex(COPY, started=6, completed=7)),
    told(vertex("exporting to image", started=7)),
]


@pytest.fixture(params=["one line", "pretty-printed"])
def form(request: pytest.FixtureRequest) -> Any:
    """How a document is fed: as one line, or as many."""
    return (lambda line: [line]) if request.param == "one line" else pretty


def test_the_export_s_seconds_are_told_once_it_is_done() -> None:
    assert log_of(*BUILD).exporting_seconds == 0.0
    assert log_of(*BUILD, told(vertex("exporting to image", started=7, completed=9))).exporting_seconds == 2.0


def test_instructions_are_told_in_the_dockerfile_s_order_without_what_they_start_from(form: Any) -> None:
    log = log_of(*(part for line in BUILD for part in form(line)))
    assert [(step.name, step.cached, step.seconds) for step in log.instructions] == [
        (USER, True, 0.0), (SYNC, False, 4.0), (COPY, False, 1.0),
    ]  # fmt: skip


def test_a_step_s_start_is_told_from_the_build_s_first_step_on() -> None:
    log = log_of(*BUILD)
    assert [log.after(step) for step in log.instructions] == [2.0, 2.0, 6.0]
    assert log_of(told(vertex(COPY))).after(log_of(told(vertex(COPY))).steps[COPY]) is None


def test_an_instruction_that_has_not_ended_is_not_counted_yet(form: Any) -> None:
    log = log_of(*(part for line in BUILD[:6] for part in form(line)))
    assert [step.name for step in log.instructions] == [USER]


def test_the_current_step_is_the_one_that_runs_named_without_its_mounts(form: Any) -> None:
    log = log_of(*(part for line in BUILD[:6] for part in form(line)))
    assert log.current == "[stage-1 3/4] RUN HOME=/root sh /mnt/sync.sh --no-dev"


def test_an_instruction_is_shown_before_what_buildkit_does_beside_it() -> None:
    log = log_of(told(vertex(USER, started=1), vertex(INTERNAL, started=2)))
    assert log.current == USER


def test_housekeeping_is_shown_where_nothing_else_runs() -> None:
    assert log_of(*BUILD).current == "exporting to image"


def test_nothing_runs_before_the_first_step_and_after_the_last() -> None:
    assert log_of().current == log_of(*BUILD[:5]).current == ""


def test_a_log_for_people_tells_when_a_step_starts_what_it_prints_and_how_it_ended(form: Any) -> None:
    log = BuildLog()
    lines = [text for line in BUILD[5:7] for part in form(line) for text in log.feed(part)]
    assert lines == [f"=> {SYNC}", "   Resolved 16 packages", "   Installed", "    fastapi", f"<= 4.0 s {SYNC}"]


def test_a_cached_step_is_told_as_cached() -> None:
    assert BuildLog().feed(BUILD[4])[-1] == f"<= CACHED {USER}"


def test_the_same_news_told_again_gives_no_further_lines() -> None:
    log = log_of(*BUILD)
    assert [text for line in BUILD[:5] for text in log.feed(line)] == []


def test_the_failed_step_is_known_with_its_error_and_its_last_lines(form: Any) -> None:
    error = "process did not complete successfully: exit code: 2"
    broken = told(vertex(SYNC, started=2, completed=6, error=error), logs=[printed(SYNC, "No solution found\n")])
    failed = log_of(*(part for line in [*BUILD[:6], broken] for part in form(line))).failed
    assert failed is not None
    assert (failed.name, failed.error, failed.tail[-1]) == (SYNC, error, "No solution found")


def test_a_step_that_was_only_cancelled_is_not_the_one_that_failed() -> None:
    log = log_of(
        told(vertex(USER, started=1, completed=2, error="context canceled: context canceled")),
        told(vertex(COPY, started=1, completed=2, error="not found")),
    )
    assert log.failed is not None
    assert log.failed.name == COPY


def test_a_build_that_went_well_has_no_failed_step() -> None:
    assert log_of(*BUILD).failed is None


def test_only_the_last_lines_of_a_step_are_kept() -> None:
    log = log_of(told(vertex(SYNC, started=1), logs=[printed(SYNC, "\n".join(map(str, range(1000))))]))
    assert log.steps[SYNC].tail == [str(number) for number in range(800, 1000)]


def test_output_of_a_step_that_nobody_announced_is_told_all_the_same() -> None:
    assert BuildLog().feed(told(logs=[printed("unknown", "text")])) == ["   text"]


def test_lines_that_are_no_progress_are_kept_as_the_client_s_own() -> None:
    log = log_of("ERROR: failed to solve: no such file\n", *BUILD, "WARNING: no output specified\n")
    assert log.other == ["ERROR: failed to solve: no such file", "WARNING: no output specified"]
    assert len(log.instructions) == 3


def test_a_line_that_only_looks_like_progress_is_kept_and_swallows_nothing_after_it() -> None:
    log = log_of("{oops}\n", *BUILD)
    assert log.other == ["{oops}"]
    assert len(log.instructions) == 3


def test_output_that_is_no_utf_8_is_shown_with_marks_in_place_of_it() -> None:
    data = base64.b64encode(b"caf\xe9").decode()
    assert BuildLog().feed(told(logs=[{"vertex": SYNC, "data": data}])) == ["   caf�"]


@pytest.mark.parametrize("time", ["2026-11-21T10:00:01Z", "2026-11-21T10:00:01.5Z", "2026-11-21T10:00:01.123456789Z"])
def test_times_have_any_number_of_digits(time: str) -> None:
    log = log_of(told({"digest": "d", "name": USER, "started": "2026-11-21T10:00:00Z", "completed": time}))
    assert 1.0 <= log.steps["d"].seconds < 2.0


@settings(deadline=None, max_examples=50)
@given(lines=st.lists(st.text(max_size=30) | st.sampled_from(["{", "}", "{}", " }", "null"]), max_size=8))
def test_no_line_makes_the_reading_break_down(lines: list[str]) -> None:
    log = log_of(*(f"{line}\n" for line in lines))
    assert log.failed is None
