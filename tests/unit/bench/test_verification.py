"""What `verify` is compared with fails where its containers do; the specification's steps may not be there."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench.groups import verification
from bench.measure import Sample
from bench.workplace import Workplace
from deploy.artifacts import Artifacts
from deploy.errors import Problem
from tests.support.checkout import ROOT, read_contract

SPECIFICATIONS = Path(os.environ.get("KTRDR_SPECS") or ROOT.parent / "shared" / "specs")
NO_SPECIFICATION = not (SPECIFICATIONS / verification.SPECIFICATION).is_file()
# An engine's command: a container of an image says a word and ends with a code, as the file of the image's name has it.
DOCKER = """#!/bin/sh
for word; do
    case $word in ktrdr-*) read -r code said <"$0.d/$word" && echo "$said" && exit "$code" ;; esac
done
exit 125
"""


def workplace(directory: Path, images: int) -> Workplace:
    """So many images of the contract, on an engine that is a script in this directory."""
    contract = read_contract()
    engine: Any = Script(directory / "docker")
    some = list(contract.images.values())[:images]
    return Workplace(engine, engine, contract, some, Artifacts(directory / "artifacts"), directory, engine, 1)


def ended(place: Workplace, command: list[str], codes: dict[str, int]) -> int:
    """What a command ends with where these images' containers end so, and the engine has no others."""
    script = place.directory / "docker"
    script.write_text(DOCKER, encoding="utf-8")
    script.chmod(0o755)
    answers = place.directory / "docker.d"
    answers.mkdir()
    for name, code in codes.items():
        (answers / name).write_text(f"{code} NO|N/A|{'FAIL' if code else 'PASS'}\n", encoding="utf-8")
    path = f"{place.directory}:{os.environ['PATH']}"
    return subprocess.run(command, env={"PATH": path}, check=False, timeout=60, capture_output=True).returncode


def test_without_the_specification_the_other_comparisons_are_taken_and_the_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KTRDR_SPECS", str(tmp_path / "nowhere"))
    monkeypatch.setattr(verification, "run", lambda _command: Sample(1.0, 1.0, 0))
    place = workplace(tmp_path, 4)
    place.artifacts.root.mkdir()
    figures = verification.figures(place)
    taken = [next(figures).other, next(figures).other]
    assert [one.what.split(",")[0] for one in taken if one] == [
        verification.TOOL,
        "containers side by side that import torch",
    ]
    assert next(figures).unit == "CPU s"
    with pytest.raises(Problem, match=r"image-torch-availability\.md in KTRDR_SPECS"):
        next(figures)


@pytest.mark.parametrize(("images", "reached"), [(4, False), (1, None)], ids=["all images", "one image"])
def test_the_processors_have_a_goal_where_all_images_are_verified(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, images: int, *, reached: bool | None
) -> None:
    monkeypatch.setenv("KTRDR_SPECS", str(tmp_path / "nowhere"))
    monkeypatch.setattr(verification, "run", lambda _command: Sample(1.0, 11.0, 0))
    place = workplace(tmp_path, images)
    place.artifacts.root.mkdir()
    processors = next(one for one in verification.figures(place) if one.unit == "CPU s")
    assert (processors.ours.median, processors.reached) == (11.0, reached)


def good(place: Workplace) -> dict[str, int]:
    """What a Python that imports torch ends with in each image."""
    return {image.name: int(image.torch == "absent") for image in place.images}


def test_containers_that_do_as_they_should_are_measured(tmp_path: Path) -> None:
    place = workplace(tmp_path, 4)
    assert ended(place, verification._floor(place), good(place)) == 0


@pytest.mark.parametrize("code", [0, 1, 125, 137])
@pytest.mark.parametrize("index", range(4))
def test_a_container_that_ends_as_it_should_not_is_no_measurement(tmp_path: Path, index: int, code: int) -> None:
    place = workplace(tmp_path, 4)
    name = place.images[index].name
    expected = good(place)
    assert ended(place, verification._floor(place), expected | {name: code}) == int(code != expected[name])


def test_where_no_container_starts_nothing_is_measured(tmp_path: Path) -> None:
    place = workplace(tmp_path, 4)
    assert ended(place, verification._floor(place), {}) == 1


specified = pytest.mark.skipif(NO_SPECIFICATION, reason="the checkout does not bring the specification")


@specified
@pytest.mark.parametrize("count", [1, 4])
def test_steps_and_table_that_say_pass_of_every_image_are_measured(tmp_path: Path, count: int) -> None:
    place = workplace(tmp_path, count)
    assert ended(place, verification.shell_steps(place), {image.name: 0 for image in place.images}) == 0


@specified
@pytest.mark.parametrize("index", range(4))
def test_a_step_whose_container_fails_is_no_measurement(tmp_path: Path, index: int) -> None:
    place = workplace(tmp_path, 4)
    codes = {image.name: int(number == index) for number, image in enumerate(place.images)}
    assert ended(place, verification.shell_steps(place), codes) == 1


@specified
@pytest.mark.parametrize("count", [1, 4])
def test_steps_of_which_no_container_starts_are_no_measurement(tmp_path: Path, count: int) -> None:
    place = workplace(tmp_path, count)
    assert ended(place, verification.shell_steps(place), {}) == 1


class Script:
    """An engine that is a script, and a console that nobody reads."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def command(self) -> list[str]:
        return [str(self.path)]

    def print(self, *_words: Any, **_options: Any) -> None:
        """Nobody reads."""
