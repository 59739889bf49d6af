"""Long work shows what it is at: plain lines in a log, lines that change on a terminal."""

import io
import re

import pytest
from rich.console import Console

from deploy import progress
from deploy.progress import Progress


def console(*, terminal: bool = False, width: int = 100) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=width, color_system=None)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def lines_of(console: Console) -> list[str]:
    """The lines without their times, which differ from run to run."""
    return [re.sub(r"\s+[\d.]+ s\s+", ": ", line) for line in text_of(console).splitlines()]


def test_a_log_gets_a_line_whenever_something_changes() -> None:
    out = console()
    with Progress(["backend", "dev"], out) as shown:
        shown.show("backend", "building", "step 1")
        shown.show("backend", "building", "step 1")
        shown.show("dev", "building", "step 1")
        shown.show("backend", "built", "5 MB", ended=True)
    assert lines_of(out) == ["backend: building  step 1", "dev: building  step 1", "backend: built  5 MB"]


def test_a_log_gets_a_line_when_a_step_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    out = console()
    monkeypatch.setattr(progress, "STILL", 0.0)
    with Progress(["backend"], out) as shown:
        shown.show("backend", "building", "step 1")
        shown.show("backend", "building", "step 1")
    assert len(lines_of(out)) == 2


def test_a_detail_of_many_lines_is_shown_on_one() -> None:
    out = console()
    with Progress(["backend"], out) as shown:
        shown.show("backend", "building", "RUN one &&\n    two")
    assert lines_of(out) == ["backend: building  RUN one && two"]


def test_brackets_of_a_step_s_name_are_shown_as_they_are() -> None:
    out = console()
    with Progress(["backend"], out) as shown:
        shown.show("backend", "building", "[stage-1 2/5] RUN [red]x[/red]")
    assert "[stage-1 2/5] RUN [red]x[/red]" in text_of(out)


def test_a_long_detail_is_not_broken_over_lines_of_a_log() -> None:
    out = console(width=40)
    with Progress(["backend"], out) as shown:
        shown.show("backend", "building", "word " * 40)
    assert len(text_of(out).splitlines()) == 1


def test_a_terminal_keeps_the_final_state_of_every_role() -> None:
    out = console(terminal=True)
    with Progress(["backend", "dev"], out) as shown:
        shown.show("backend", "building", "step 1")
        shown.show("backend", "built", "5 MB", ended=True)
        shown.show("dev", "failed", "no", ended=True)
    last = [line for line in text_of(out).splitlines() if "built" in line or "failed" in line]
    assert any("backend" in line and "5 MB" in line for line in last)
    assert any("dev" in line and "failed" in line for line in last)


def test_a_terminal_is_left_as_it_was_when_the_work_breaks_off() -> None:
    out = console(terminal=True)
    with pytest.raises(KeyboardInterrupt), Progress(["backend"], out):
        raise KeyboardInterrupt
    assert text_of(out).count("\x1b[?25l") == text_of(out).count("\x1b[?25h")


def test_time_begins_with_the_work_and_not_with_the_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with Progress(["first", "second"], console()) as shown:
        now = 130.0
        assert shown.lines["second"].seconds == 0.0
        shown.show("second", "playing")
        now = 132.5
        shown.show("second", "playing", "more")
        now = 133.0
        shown.show("second", "played", ended=True)
        now = 140.0
        assert shown.lines["second"].seconds == 3.0


def test_time_stops_with_the_work() -> None:
    out = console()
    with Progress(["backend"], out) as shown:
        shown.show("backend", "built", ended=True)
        line = shown.lines["backend"]
        assert line.seconds == line.seconds
        assert line.ended is not None
