"""A verification says what it saw of every image, whatever goes wrong beside one of them."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from deploy.artifacts import BILL, BUILD, CONTENTS, VERDICT, Artifacts
from deploy.build_record import BuildRecord
from deploy.contract import Image
from deploy.errors import Problem
from tests.support.cases import CONTRACT, good
from tests.support.checkout import project_with
from verify.commands import verify
from verify.commands.verify import Seen
from verify.judge.verdict import Verdict

ROLES = ["backend", "dev"]
ENGINE: Any = None  # the observations are there already


@pytest.fixture
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Artifacts:
    """Records of builds, and observations of their images in the place of an engine."""

    def observed(_contract: Any, images: Iterable[Image], *_: Any, **__: Any) -> Iterator[Seen]:
        for image in images:
            case = good(image.role).case()
            yield image, case.observation, case.contents

    monkeypatch.setattr(verify, "_observe", observed)
    one = Artifacts(tmp_path / "artifacts")
    for role in ROLES:
        one.write(role, BUILD, BuildRecord.model_validate(good(role).record))
    return one


def test_an_image_whose_bill_of_materials_cannot_be_made_keeps_nobody_from_a_verdict(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bill_of(image: Any, *_: Any, **_kept: Any) -> str:
        if image.role == "backend":
            raise KeyError("a name that no library takes")
        return "{}"

    monkeypatch.setattr(verify, "bill_of", bill_of)
    screen = io.StringIO()
    with pytest.raises(Problem, match=r"bill of materials of backend.*a name that no library takes"):
        verify.verify(project_with(artifacts), ROLES, ENGINE, Console(file=screen, width=200))
    for role in ROLES:
        assert artifacts.read(role, VERDICT, Verdict).role == role
        assert CONTRACT.images[role].name in screen.getvalue()
        assert artifacts.path(role, CONTENTS).is_file()
        assert artifacts.path(role, BILL).is_file() is (role == "dev")


def test_the_observer_learns_each_base_image_from_the_build_records(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = list[Any]()

    def observed(*arguments: Any, **_: Any) -> Iterator[Seen]:
        given.append(arguments[4])
        yield from ()

    monkeypatch.setattr(verify, "_observe", observed)
    artifacts.path("dev", BUILD).write_text("{", encoding="utf-8")
    verify.verify(project_with(artifacts), ROLES, ENGINE, Console(file=io.StringIO()))
    assert given == [{"backend": artifacts.read("backend", BUILD, BuildRecord).base}]


@pytest.mark.parametrize("other", [None, verify.Other("shop/api:1")], ids=["built here", "an image of others"])
def test_explain_is_offered_for_the_verdicts_that_it_reads_alone(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch, other: verify.Other | None
) -> None:
    def observed(_contract: Any, images: Iterable[Image], *_: Any, **__: Any) -> Iterator[Seen]:
        for image in images:
            case = good(image.role, lambda facts: facts.part("subject").update(user="0")).case()
            yield image, case.observation, case.contents

    monkeypatch.setattr(verify, "_observe", observed)
    screen = io.StringIO()
    verify.verify(project_with(artifacts), ["dev"], ENGINE, Console(file=screen, width=200), other=other)
    assert "FAIL  user" in screen.getvalue()
    assert ("explain -- dev" in screen.getvalue()) is (other is None)
