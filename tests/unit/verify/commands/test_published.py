"""`verify --published` tells who verified an image, when and by which contract, and ends as verify does."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from deploy.artifacts import BUILD, UnreadableArtifact
from deploy.build_record import BuildRecord
from deploy.engine.connection import Engine
from deploy.errors import Exit, Problem
from deploy.image_config import ImageConfig
from deploy.project import Project
from deploy.publish.examined import Examined, Expected, Published
from deploy.publish.examined import examine as examined
from deploy.publish.published import RECORD_KIND
from deploy.publish.reference import Reference
from deploy.publish.registry import INDEX, Artifact, Repository
from tests.support.builds import ENGINE
from tests.support.publishing import CONTRACT, VERIFIER, Workshop, config_for, expected, inspected, workshop
from tests.support.registries import Held, stand_in
from tests.support.summaries import STARTED, finding
from verify.__main__ import read_command_line
from verify.commands import published
from verify.commands.published import Asked

ROLE = "backend"


@pytest.fixture
def held() -> Iterator[Held]:
    with stand_in() as one:
        yield one


@pytest.fixture
def shop(tmp_path: Path, held: Held, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    made = workshop(tmp_path, held, monkeypatch)
    monkeypatch.setattr(published, "pull", Pull(config_for(ROLE)))
    return made


class Pull:
    """An engine that pulls this configuration, whatever it is asked for."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config, self.asked = config, list[str]()

    def __call__(self, _engine: Engine, reference: Reference, digest: str, _say: Any) -> ImageConfig:
        self.asked.append(reference.at(digest))
        return inspected(self.config)


def ask(shop: Workshop, version: str = "prod", *, again: bool = False, **changes: Any) -> tuple[Exit, str]:
    name = f"{shop.name(ROLE).rpartition(':')[0]}{'@' if version.startswith('sha256:') else ':'}{version}"
    asked = Asked(Repository(Reference.read(name)), expected(**changes), again)
    screen = io.StringIO()
    console = Console(file=screen, width=200)
    code = published.published(asked, shop.project, ENGINE, console)
    return code, screen.getvalue()


def test_it_says_who_verified_when_by_which_contract_and_what_came_of_it(shop: Workshop) -> None:
    shop.verify(ROLE, finding("UNVERIFIED", "cuda-runtime"))
    shop.publish(ROLE)
    code, said = ask(shop)
    assert code == Exit.OK
    for words in (VERIFIER, STARTED, CONTRACT.digest, "role       backend", "UNVERIFIED: cuda-runtime", "PASS: it is"):
        assert words in said
    assert "UNVERIFIED  signature" in said


def test_an_image_is_pulled_by_its_digest(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    pull = Pull(config_for(ROLE))
    monkeypatch.setattr(published, "pull", pull)
    shop.verify(ROLE)
    shop.publish(ROLE)
    ask(shop)
    (name,) = pull.asked
    digest = name.rpartition("@")[2]
    assert name == f"{shop.held.host}/team/ktrdr-backend@{digest}"
    assert ask(shop, digest)[0] == Exit.OK


def test_an_attestation_that_does_not_hold_ends_with_1_and_nothing_is_pulled(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull = Pull(config_for(ROLE))
    monkeypatch.setattr(published, "pull", pull)
    shop.verify(ROLE)
    shop.publish(ROLE)
    code, said = ask(shop, contract="sha256:new")
    assert (code, pull.asked) == (Exit.FAILED, [])
    assert "FAIL  contract" in said
    assert "FAIL: do not run it" in said


def test_an_engine_that_pulls_another_image_ends_with_1(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "pull", Pull(config_for("other")))
    shop.verify(ROLE)
    shop.publish(ROLE)
    code, said = ask(shop)
    assert code == Exit.FAILED
    assert "FAIL  pulled" in said


def test_an_image_without_an_attestation_ends_with_1(shop: Workshop, held: Held) -> None:
    held.take_image("prod", config_for(ROLE))
    code, said = ask(shop)
    assert code == Exit.FAILED
    assert "none lies beside it" in said


def test_a_registry_that_refuses_is_a_problem(shop: Workshop) -> None:
    with pytest.raises(Problem) as told:
        ask(shop)
    assert told.value.code == Exit.UNAVAILABLE


def test_if_asked_everything_is_checked_anew_under_the_published_name(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def verify(project: Project, roles: list[str], _engine: Engine, _console: Console) -> Exit:
        record = project.artifacts.read(ROLE, BUILD, BuildRecord)
        seen.update(name=project.contract.images[ROLE].name, roles=roles, record=record)
        return Exit.UNAVAILABLE

    monkeypatch.setattr(published, "verify", verify)
    shop.verify(ROLE)
    shop.publish(ROLE)
    assert ask(shop, again=True)[0] == Exit.UNAVAILABLE
    assert seen["roles"] == [ROLE]
    assert seen["name"].startswith(f"{shop.held.host}/team/ktrdr-backend@sha256:")
    assert seen["record"].tag == seen["name"]


def lay_record(shop: Workshop, image: str, record: BuildRecord) -> None:
    """Put another build record beside the image, before the one that is there."""
    at = Repository(Reference.read(f"{shop.name(ROLE).rpartition(':')[0]}:prod"))
    at.attach(Artifact(RECORD_KIND, record.model_dump_json(by_alias=True).encode()), at.only_image()[1])
    listed = shop.held.document(image.replace(":", "-"))
    shop.held.take_manifest(image.replace(":", "-"), INDEX, {**listed, "manifests": listed["manifests"][::-1]})


def test_of_several_records_the_attested_one_is_used(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def verify(project: Project, _roles: list[str], _engine: Engine, _console: Console) -> Exit:
        seen.append(project.artifacts.read(ROLE, BUILD, BuildRecord).torch_source)
        return Exit.OK

    monkeypatch.setattr(published, "verify", verify)
    shop.verify(ROLE)
    own = shop.artifacts.read(ROLE, BUILD, BuildRecord)
    shop.publish(ROLE)
    _, image = Repository(Reference.read(f"{shop.name(ROLE).rpartition(':')[0]}:prod")).only_image()
    lay_record(shop, image.digest, own.model_copy(update={"torch_source": "a stranger's"}))
    assert ask(shop, again=True)[0] == Exit.OK
    assert seen == [own.torch_source]


def test_an_attested_record_that_cannot_be_read_is_refused_by_its_digest_and_no_other_is_used(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "verify", None)
    shop.verify(ROLE)
    shop.publish(ROLE)

    def examine(found: Published, due: Expected) -> Examined:
        one = examined(found, due)
        assert one.attested
        basis = replace(one.attested.basis, record=one.attested.basis.bill)
        return replace(one, attested=replace(one.attested, basis=basis))

    monkeypatch.setattr(published, "examine", examine)
    with pytest.raises(UnreadableArtifact, match=r"the build record sha256:[0-9a-f]{64} that is attested of backend"):
        ask(shop, again=True)


def test_what_does_not_hold_is_not_checked_anew(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "verify", None)
    shop.verify(ROLE)
    shop.publish(ROLE)
    assert ask(shop, again=True, contract="sha256:new")[0] == Exit.FAILED


def test_the_command_line_takes_a_published_image_in_place_of_roles() -> None:
    words = ["--published", "summarize:1", "--most-days", "3", "--again", "--key", "own.pub"]
    read = read_command_line(words)
    assert (read.command, read.published, read.most_days, read.again, str(read.key)) == (
        "", "summarize:1", 3.0, True, "own.pub",
    )  # fmt: skip


@pytest.mark.parametrize("days", ["0", "-1", "x", "nan", "1e9"])
def test_an_age_that_is_no_number_of_days_is_refused(days: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_command_line(["--published", "a", f"--most-days={days}"])
    assert "is no number of days" in capsys.readouterr().err
