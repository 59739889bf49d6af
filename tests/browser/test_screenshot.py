"""The command that takes the README's picture of a report."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.screenshot import MOST_BYTES, main
from tests.browser.visit import DESKTOP
from tests.support.pages import every_kind, run
from verify.report.artifacts import AllArtifacts
from verify.report.model import Summary
from verify.report.page import page

pytestmark = pytest.mark.usefixtures("chromium_program")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "report.png"


@pytest.mark.parametrize("made_up", [run, every_kind])
def test_a_report_s_first_screen_becomes_a_small_png_of_a_desktop_s_size(
    made_up: Callable[[], tuple[Summary, AllArtifacts]], tmp_path: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KTRDR_ARTIFACTS", str(tmp_path))
    (tmp_path / "report.html").write_text(page(*made_up()), encoding="utf-8")
    assert main(["--output", str(output)]) == 0
    picture = output.read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", picture[16:24]) == DESKTOP
    assert len(picture) < MOST_BYTES


def test_another_report_gives_another_picture(tmp_path: Path, output: Path) -> None:
    pictures = []
    for name, heading in (("a", "PASS"), ("b", "FAIL")):
        report = tmp_path / f"{name}.html"
        report.write_text(f"<!doctype html><title>Images</title><h1>{heading}</h1>", encoding="utf-8")
        assert main([str(report), "--output", str(output)]) == 0
        pictures.append(output.read_bytes())
    assert pictures[0] != pictures[1]


def test_a_report_that_is_not_there_names_the_command_that_makes_it(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "absent.html"), "--output", str(output)]) == 3
    assert "next: ./noxw -s build verify" in capsys.readouterr().err
    assert not output.exists()


def test_a_report_with_an_error_on_its_page_gives_no_picture(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.html"
    report.write_text("<!doctype html><script>throw new Error('planted')</script>", encoding="utf-8")
    assert main([str(report), "--output", str(output)]) == 3
    assert "planted" in capsys.readouterr().err
    assert not output.exists()


def test_a_picture_that_is_too_large_is_refused(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.html"
    noise = "<filter id='noise'><feTurbulence baseFrequency='0.9'/></filter>"
    filled = "<rect width='1280' height='900' filter='url(#noise)'/>"
    report.write_text(f"<!doctype html><svg width='1280' height='900'>{noise}{filled}</svg>", encoding="utf-8")
    assert main([str(report), "--output", str(output)]) == 3
    assert "are more than 300,000" in capsys.readouterr().err
    assert not output.exists()
