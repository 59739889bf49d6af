"""Verdicts are collected from the artifacts of one run or of many jobs, and refused where they do not fit."""

from pathlib import Path

import pytest
from rich.console import Console

from deploy.artifacts import VERDICT, Artifacts, write_model
from deploy.errors import Exit, Problem
from tests.support.summaries import ROLES, complete, finding, four, save, verdict
from verify.commands.summarize import command
from verify.report.collect import collect

PASS, FAIL = finding("PASS"), finding("FAIL")


def refused(directories: list[Path], roles: list[str]) -> Problem:
    with pytest.raises(Problem) as caught:
        collect(directories, roles)
    return caught.value


def test_a_directory_is_an_artifacts_root_or_a_folder_of_roots(tmp_path: Path) -> None:
    backend, dev, cpu, gpu = four()
    root = save(tmp_path / "root", backend)
    folder = tmp_path / "downloaded"
    save(folder / "artifacts-dev", dev)
    save(folder / "artifacts-worker-cpu", cpu)
    save(tmp_path / "another", gpu)
    (folder / "note.txt").write_text("no directory")
    assert collect([folder, tmp_path / "another", root], ROLES) == [complete(one) for one in four()]


def test_verdicts_of_other_roles_are_left_alone(tmp_path: Path) -> None:
    save(tmp_path, *four())
    assert [one.role for one in collect([tmp_path], ["dev"])] == ["dev"]


def test_a_directory_that_does_not_exist_is_named(tmp_path: Path) -> None:
    save(tmp_path / "there", verdict("dev"))
    problem = refused([tmp_path / "there", tmp_path / "absent"], ROLES)
    assert problem.code is Exit.UNAVAILABLE
    assert problem.wrong == f"there is no directory {tmp_path / 'absent'}"


def test_a_root_is_not_searched_for_other_roots(tmp_path: Path) -> None:
    save(tmp_path, verdict("dev"))
    save(tmp_path / "bench", verdict("dev", FAIL), verdict("backend"))
    assert collect([tmp_path], ROLES) == [complete(verdict("dev"))]


def test_a_verdict_by_the_gpu_contract_alone_is_none_on_the_image(tmp_path: Path) -> None:
    save(tmp_path, verdict("dev"), verdict("worker-gpu", gpu=True))
    assert command([], Artifacts(tmp_path), ["dev", "worker-gpu"], Console(quiet=True)) is Exit.UNAVAILABLE


def test_the_same_verdict_twice_counts_once(tmp_path: Path) -> None:
    directories = [save(tmp_path / name, verdict("dev")) for name in ("a", "b")]
    assert collect(directories, ROLES) == [complete(verdict("dev"))]


def test_two_different_verdicts_on_one_role_are_refused_naming_both(tmp_path: Path) -> None:
    directories = [save(tmp_path / "a", verdict("dev")), save(tmp_path / "b", verdict("dev", FAIL))]
    problem = refused(directories, ROLES)
    assert problem.code is Exit.USAGE
    assert all(str(directory / "dev" / VERDICT) in problem.wrong for directory in directories)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '{"schema": 2}', '{"schema": 1, "role": "dev"}', "\ud800"],
)
def test_an_unreadable_verdict_is_refused_naming_file_and_next_step(tmp_path: Path, text: str) -> None:
    path = tmp_path / "dev" / VERDICT
    path.parent.mkdir()
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    problem = refused([tmp_path], ROLES)
    assert problem.code is Exit.USAGE
    assert str(path) in problem.wrong
    assert "./noxw -s verify -- dev" in problem.next_step


def test_a_verdict_whose_outcome_does_not_follow_from_its_findings_is_refused(tmp_path: Path) -> None:
    save(tmp_path, verdict("dev", FAIL).model_copy(update={"outcome": "PASS"}))
    problem = refused([tmp_path], ROLES)
    assert problem.code is Exit.USAGE
    assert "it says PASS, but FAIL follows from its findings" in problem.wrong


@pytest.mark.parametrize(
    ("gpu", "name"), [(False, "torch-build"), (False, "same-image"), (True, "gpu-present"), (True, "same-image")]
)
def test_a_verdict_that_lacks_a_check_is_refused_naming_it(tmp_path: Path, *, gpu: bool, name: str) -> None:
    whole = complete(verdict("dev", finding("PASS", "another"), gpu=gpu))
    cut = whole.model_copy(update={"findings": [one for one in whole.findings if one.check != name]})
    write_model(tmp_path / "dev" / VERDICT, cut)
    problem = refused([tmp_path], ROLES)
    assert problem.code is Exit.USAGE
    assert f"it lacks what this version demands of every image: {name}" in problem.wrong
    assert "./noxw -s verify -- dev" in problem.next_step


def test_a_verdict_in_another_roles_directory_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "dev" / VERDICT, verdict("backend"))
    problem = refused([tmp_path], ROLES)
    assert problem.code is Exit.USAGE
    assert "the verdict is on backend, the directory is named dev" in problem.wrong


def test_a_name_that_no_directory_can_have_is_refused(tmp_path: Path) -> None:
    problem = refused([tmp_path / ("a" * 300)], ROLES)
    assert (problem.code, problem.next_step) == (Exit.USAGE, "name a directory that can be read")


def test_nothing_to_read_says_what_to_do_next(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "nowhere"):
        problem = refused([directory], ROLES)
        assert problem.code is Exit.UNAVAILABLE
        assert str(directory) in problem.wrong
        assert "./noxw -s build verify" in problem.next_step
