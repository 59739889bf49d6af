"""Sizes and times over many runs: a page and a text form that hold every figure; what cannot be read is said."""

import io
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from deploy.artifacts import BUILD, VERDICT, Artifacts
from deploy.errors import Exit, Problem
from tests.support.cases import ROLES, Facts, good
from tests.support.pages import parsed
from verify.commands.history import STEPS, change, history, page, read_runs, spark


def save(directory: Path, run: str, day: int, *, healthy: float = 1.5, added: int = 0, build: float = 3.0) -> None:
    """The artifacts of a run on a day, of one image."""

    def differ(facts: Facts) -> None:
        facts.part("server").update(seconds_to_healthy=healthy)
        layer = facts.part("contents")["layers"][2]
        layer.update(unpacked_bytes=layer["unpacked_bytes"] + added)
        facts.part("record").update(seconds=build)

    facts, artifacts = good("dev", differ), Artifacts(directory / run)
    artifacts.write("dev", BUILD, facts.case().record)
    verdict = facts.verdict().model_copy(update={"started": f"2026-11-{day:02}T10:00:00+00:00"})
    artifacts.write("dev", VERDICT, verdict)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    directory = tmp_path / "runs"
    save(directory, "b", 2, healthy=1.0, added=5_000_000, build=30.0)
    save(directory, "a", 3, healthy=0.75, added=-20_000_000)
    save(directory, "c", 1)
    return directory


def told(runs: Path, root: Path) -> str:
    file = io.StringIO()
    assert history(runs, root, ROLES, Console(file=file, width=80)) == Exit.OK
    return file.getvalue()


def test_runs_are_in_the_order_in_which_they_began(runs: Path) -> None:
    points, left_out = read_runs(runs, ROLES)
    assert [one.run for one in points["dev"]] == ["c", "b", "a"]
    assert (list(points), left_out) == (["dev"], [])


def test_the_page_holds_every_figure_of_every_run(runs: Path) -> None:
    root = parsed(page(*read_runs(runs, ROLES)))
    rows = [[cell.text for cell in row] for row in (row.all("td") for row in root.all("tbody")[0].all("tr"))]
    assert [row[2:] for row in rows] == [
        ["720.6", "1.50", "1.20", "3.00"], ["725.6", "1.00", "1.20", "30.00"], ["700.6", "0.75", "1.20", "3.00"],
    ]  # fmt: skip
    assert "-20.0 MB" in root.text
    assert len(root.all("svg", "chart")) == 8
    assert "least 700.6, most 725.6" in root.text  # a column that has no room for its figure has a scale


def test_runs_are_counted_whichever_images_each_of_them_had(runs: Path) -> None:
    points, _ = read_runs(runs, ROLES)
    split = {"dev": points["dev"][:2], "backend": points["dev"][1:]}
    assert "of 3 runs," in parsed(page(split, [])).text
    assert "of 1 run," in parsed(page({"dev": points["dev"][:1]}, [])).text


def test_a_column_s_height_is_its_value_s_part_of_the_largest(runs: Path) -> None:
    root = parsed(page(*read_runs(runs, ROLES)))
    healthy = root.all("svg", "wide")[1]
    heights = [float(one.attributes["height"]) for one in healthy.all("rect")]
    assert heights == [120.0, 80.0, 60.0]


def test_the_text_form_tells_first_last_change_and_the_course(runs: Path, tmp_path: Path) -> None:
    text = told(runs, tmp_path)
    added = next(line for line in text.splitlines() if line.startswith("added MB"))
    assert added.split() == ["added", "MB", "720.6", "700.6", "-20.0", "MB", "700.6", "725.6", "▇█▁"]
    assert (tmp_path / "history.html").exists()
    assert max(len(line) for line in text.splitlines() if str(tmp_path) not in line) <= 80


def test_a_run_that_cannot_be_read_is_left_out_and_that_is_said(runs: Path, tmp_path: Path) -> None:
    (runs / "d" / "dev").mkdir(parents=True)
    (runs / "d" / "dev" / VERDICT).write_text("{", encoding="utf-8")
    assert "left out: d:" in told(runs, tmp_path)
    assert "left-out" in (tmp_path / "history.html").read_text(encoding="utf-8")


def test_the_artifacts_of_one_run_are_a_history_of_one(runs: Path) -> None:
    points, _ = read_runs(runs / "a", ROLES)
    assert len(points["dev"]) == 1


def test_a_directory_without_runs_is_told_with_what_to_keep_there(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no run in") as problem:
        read_runs(tmp_path, ROLES)
    assert problem.value.code == Exit.UNAVAILABLE


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="No such file") as problem:
        read_runs(tmp_path / "absent", ROLES)
    assert problem.value.code == Exit.USAGE


@given(values=st.lists(st.none() | st.floats(0, 1e6), max_size=30))
@example(values=[0.0, 5e-324])
def test_a_course_has_a_character_a_run_the_largest_being_the_highest(values: list[float | None]) -> None:
    text = spark(values)
    assert len(text) == len(values)
    known = [value for value in values if value is not None]
    if known and max(known) > min(known):
        assert text[values.index(max(known))] == STEPS[-1]
        assert text[values.index(min(known))] == STEPS[0]


def test_a_figure_that_was_seen_once_has_not_changed() -> None:
    assert change([None, 3.0], "s") == ""
    assert change([1.0, None, 3.5], "s") == "+2.50 s"
