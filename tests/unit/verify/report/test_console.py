"""What a person sees, at any width, and what a pipe reads."""

import html
import io
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from tests.support.summaries import ROLES, finding, four, four_and_a_missing_one, verdict
from verify.judge.difference import Difference
from verify.report.console import show
from verify.report.markdown import markdown
from verify.report.model import COLUMNS, Summary
from verify.report.summary import NO_VERDICT, summarize

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def shown(summary: Summary, width: int = 80, *, terminal: bool = False) -> str:
    file = io.StringIO()
    show(summary, Console(file=file, width=width, force_terminal=terminal, _environ={"TERM": "xterm"}))
    return file.getvalue()


def test_a_pipe_gets_one_line_an_image_with_every_column_filled() -> None:
    lines = shown(four_and_a_missing_one()).splitlines()
    assert re.split(r"  +", lines[0]) == list(COLUMNS)
    rows = [re.split(r"  +", line) for line in lines[1:6]]
    assert [row[0] for row in rows] == [*(f"ktrdr-{role}:test" for role in ROLES), "absent"]
    assert all(len(row) == len(COLUMNS) and all(row) for row in rows)
    assert rows[2] == [
        "ktrdr-worker-cpu:test", "YES", "13.0", "CPU torch", "CUDA torch", "191.2", "105.0", "2.13.0+cu130", "FAIL",
    ]  # fmt: skip


def test_colours_are_for_terminals_only() -> None:
    assert "\x1b" in shown(four_and_a_missing_one(), terminal=True)
    assert "\x1b" not in shown(four_and_a_missing_one())


@pytest.mark.parametrize("width", [40, 79, 80, 110, 130])
def test_nothing_is_wider_than_the_terminal_and_every_word_of_the_table_is_whole(width: int) -> None:
    text = ANSI.sub("", shown(four_and_a_missing_one(), width, terminal=True))
    assert max(cell_len(line) for line in text.splitlines()) <= width
    table = text[: text.index("MB is 10^6")]
    assert all(word in table for word in ("Torch", "CUDA", "Expected", "Actual", "FAIL", "UNVERIFIED", "ERROR"))
    assert all(name in table for name in ("ktrdr-backend", "ktrdr-worker-cpu", "ktrdr-worker-gpu", "absent"))
    assert all(figure in table for figure in ("191.2", "105.0", "2.13.0", "+cu130", "13.0"))


def test_a_finding_is_shown_with_all_that_a_person_can_act_on() -> None:
    text = shown(four_and_a_missing_one())
    section = text[text.index("FAIL  cuda-absent") : text.index("worker-gpu  ktrdr")]
    words = (
        "what must be",
        "15 distributions",
        "CODE_BUG",
        "correct it",
        "line 0",
        "line 79",
        "file: ktrdr/api/main.py",
    )
    assert all(word in section for word in words)
    assert "73 of 81 lines left out" in section
    assert NO_VERDICT in text


def test_findings_that_say_the_same_are_shown_once_with_all_their_names() -> None:
    alike = [finding("ERROR", name, found="no device", evidence={}) for name in ("a", "b", "c")]
    other = finding("ERROR", "d", found="no device", evidence={"log": "of its own"})
    text = shown(summarize([verdict("dev", *alike, other)], ["dev"]))
    assert "ERROR  a, b, c\n" in text
    assert "ERROR  d\n" in text
    assert text.count("correct it") == 2


def test_what_is_wrong_can_be_asked_for_in_words() -> None:
    assert "`./noxw -s explain -- backend x`" not in shown(summarize([verdict("dev", finding("PASS"))], ["dev"]))
    summary = summarize([verdict("dev", finding("PASS"), finding("FAIL", "torch"))], ["dev"])
    assert "more on a finding: `./noxw -s explain -- dev torch`" in shown(summary)


def test_skips_take_one_line_a_role() -> None:
    skips = [finding("SKIP", f"check-{number}", found=f"reason {number % 2}") for number in range(9)]
    summary = summarize([verdict("dev", finding("PASS"), *skips)], ["dev"])
    for text in (shown(summary), shown(summary, 40, terminal=True)):
        assert sum("SKIP" in line for line in text.splitlines()) == 1
    assert "SKIP  reason 0: check-0, check-2, check-4, check-6, check-8; reason 1: check-1," in shown(summary)


def test_passes_are_not_listed() -> None:
    text = shown(summarize([verdict("dev", finding("PASS", "quiet-check"))], ["dev"]))
    assert "quiet-check" not in text
    assert text.rstrip().endswith("PASS: every image is what its role demands")


def test_the_duration_stands_beside_the_specifications_floor() -> None:
    assert "checks took 6.0 s, with proof that each ran" in shown(summarize(four(), ROLES))


def test_markup_and_escapes_of_an_image_are_text() -> None:
    found = "[red]not red[/red] \x1b[31mnot red either\x1b[0m\x1b]0;title\x07 \r\x08 :smile: \u202eback"
    summary = summarize([verdict("dev", finding("FAIL", found=found), tag="a[/]:b")], ["dev"])
    text = shown(summary)
    assert "[red]not red[/red] not red either :smile: back" in text
    assert "a[/]:b" in text


@settings(max_examples=25, deadline=None)
@given(text=st.text(max_size=300), width=st.sampled_from([0, 40, 80]))
def test_no_text_of_an_image_reaches_the_terminal_as_a_control(text: str, width: int) -> None:
    hostile = finding("FAIL", check=text, expected=text, found=text, evidence={text: text, "more": [text, {text: 1}]})
    summary = summarize(
        [verdict("dev", hostile, finding("SKIP", text, found=text), tag=text, torch_version=text)], ["dev"]
    )
    printed = ANSI.sub("", shown(summary, width or 80, terminal=bool(width)))
    assert {one for one in printed if unicodedata.category(one) in ("Cc", "Cs")} <= {"\n"}
    if width:
        assert max(cell_len(line) for line in printed.split("\n")) <= width


@pytest.mark.parametrize("width", [0, 40, 80])
def test_what_changed_since_the_baseline_is_told_an_image_a_line(width: int) -> None:
    sizes, words = {"pandas": 30_000_000, "numpy": 11_000_000}, "+41.0 MB: pandas +30.0 MB, numpy +11.0 MB"
    difference = Difference(run="fedcba987654, 2026-11-20", added_bytes=41_000_000, by_distribution=sizes, versions={})
    changed = verdict("dev", torch_version="2.13.0+cpu").model_copy(update={"difference": difference})
    summary = summarize([changed, verdict("backend")], ["dev", "backend"])
    text = ANSI.sub("", shown(summary, width or 80, terminal=bool(width)))
    told = " ".join(text[text.index("changed since") :].split())
    assert told.startswith(f"changed since the baseline, above the base image dev {words} PASS")
    if width:
        assert max(cell_len(line) for line in text.splitlines()) <= width
    assert words in html.unescape(markdown(summary))


def test_without_a_baseline_nothing_is_said_of_changes() -> None:
    assert "changed since" not in shown(summarize(four(), ROLES))
