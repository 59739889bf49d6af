"""`describe` prints a table for each role named, and ends with a next step where an image or its record is missing."""

import contextlib
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.artifacts import BUILD, Artifacts
from deploy.build_record import BuildRecord
from deploy.errors import Exit, Problem
from tests.support.cases import CONTRACT, good
from tests.support.changes import nothing_seen, subject
from tests.support.checkout import project_with
from tests.support.describing import BUDGETS, of_the_contract
from verify.commands import describe as command
from verify.observe.observer import Observer

ROLES = ["backend", "dev"]
ENGINE: Any = None  # what was seen of the images is there already


@pytest.fixture
def artifacts(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Artifacts:
    """Records of builds, and what an observer saw of their images."""

    @contextlib.contextmanager
    def new_run(_engine: Any) -> Iterator[None]:
        yield None

    monkeypatch.setattr(command, "new_run", new_run)
    seen(monkeypatch, good)
    one = Artifacts(tmp_path / "artifacts")
    for role in ROLES:
        one.write(role, BUILD, BuildRecord.model_validate(good(role).record))
    return one


def seen(monkeypatch: pytest.MonkeyPatch, facts_of: Any) -> None:
    def read(_self: Any, image: Any) -> Any:
        case = facts_of(image.role).case()
        return case.observation, case.maybe_contents

    monkeypatch.setattr(Observer, "read", read)


@pytest.mark.parametrize("roles", [["backend"], ["dev"], ROLES])
def test_standard_output_is_a_table_a_role(
    artifacts: Artifacts, capsys: pytest.CaptureFixture[str], roles: list[str]
) -> None:
    assert command.describe(project_with(artifacts), CONTRACT.select(roles), ENGINE) == Exit.OK
    printed = capsys.readouterr()
    tables = tomllib.loads(printed.out)["images"]
    assert {role: {**table, "writable": ["/data"]} for role, table in tables.items()} == {
        role: of_the_contract(role) | {key: tables[role][key] for key in BUDGETS} for role in roles
    }
    assert printed.err == ""


def test_an_image_without_a_build_record_is_no_finding_but_a_next_step(artifacts: Artifacts) -> None:
    with pytest.raises(
        Problem, match=r"describing worker-cpu: no build record(?s:.*)noxw -s build -- worker-cpu"
    ) as told:
        command.describe(project_with(artifacts), CONTRACT.select(["worker-cpu"]), ENGINE)
    assert told.value.code == Exit.UNAVAILABLE


def test_a_build_record_that_cannot_be_read_is_told_with_its_path(artifacts: Artifacts) -> None:
    artifacts.path("dev", BUILD).write_text("{", encoding="utf-8")
    with pytest.raises(Problem, match=r"dev/build\.json"):
        command.describe(project_with(artifacts), CONTRACT.select(["dev"]), ENGINE)


def no_image(facts: Any) -> None:
    nothing_seen(facts, "no image ktrdr-backend:prod on the engine")


@pytest.mark.parametrize(
    ("change", "said"),
    [(no_image, "no image ktrdr-backend:prod on the engine"), (subject(layers=["sha256:x"]), "base image's layers")],
)
def test_an_image_that_is_not_there_or_is_another_is_told(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], change: Any, said: str
) -> None:
    seen(monkeypatch, lambda role: good(role, change))
    with pytest.raises(Problem, match=f"describing backend: .*{said}") as told:
        command.describe(project_with(artifacts), CONTRACT.select(ROLES), ENGINE)
    assert told.value.code == Exit.UNAVAILABLE
    assert "./noxw -s build -- backend" in told.value.next_step
    assert capsys.readouterr().out == ""
