"""The command: what it takes, what it refuses before it measures anything, what a group that cannot be taken is."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError

from bench import __main__ as command
from bench.groups import GROUPS
from bench.groups.growth import _multiply
from bench.model import Figure, Machine, Report, Series
from bench.workplace import Checkout, Workplace
from deploy.artifacts import BUILD, Artifacts
from deploy.build_record import BuildRecord
from deploy.errors import Exit, Problem
from tests.support.cases import record
from tests.support.checkout import CONTRACT_FILE, read_contract


def main(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["bench", *words])
    return command.main()


def test_a_group_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(monkeypatch, "builds", "nonsense") == Exit.USAGE
    assert "no such group: nonsense" in capsys.readouterr().err


def test_images_that_are_not_verified_are_not_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(monkeypatch, "--artifacts", str(tmp_path)) == Exit.UNAVAILABLE
    assert "run `./noxw -s build verify -- backend` first" in capsys.readouterr().err


def taken(_place: Any) -> Iterator[Figure]:
    yield Figure(name="one", unit="s", ours=Series(what="one", values=[1.0]))


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A workplace without an engine, to which nobody listens."""
    machine = Machine(processor="p", cores=1, memory_bytes=1, system="s", kernel="k", engine="e")
    monkeypatch.setattr(command, "describe", lambda _engine: machine)
    return SimpleNamespace(engine=None, artifacts=Artifacts(tmp_path), say=lambda _text: None)


FAILED = subprocess.CalledProcessError(1, ["docker", "run"], stderr="no such network")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Problem("building cold", "no room", "make some"), "no room"),
        (FAILED, "no such network"),
        (
            subprocess.TimeoutExpired(["docker", "run"], 120.0, stderr=b"halfway"),
            "timed out after 120.0 seconds halfway",
        ),
        (APIError("conflict: the name is in use"), "the name is in use"),
        (TypeError("can't subtract"), "TypeError: can't subtract"),
    ],
)
def test_a_group_that_cannot_be_taken_is_told_and_the_others_are_taken(
    monkeypatch: pytest.MonkeyPatch, place: Any, error: Exception, told: str
) -> None:
    def refused(_place: Any) -> Iterator[Figure]:
        yield from taken(_place)
        raise error

    monkeypatch.setitem(GROUPS, "cold", refused)
    monkeypatch.setitem(GROUPS, "growth", taken)
    report = command.measure(place, ["cold", "growth"], quick=True)
    assert [one.name for one in report.figures] == ["one", "one"]
    assert list(report.not_measured) == ["cold"]
    assert told in report.not_measured["cold"]
    assert read_report(place) == report


def test_what_was_taken_before_an_interruption_is_written(monkeypatch: pytest.MonkeyPatch, place: Any) -> None:
    def interrupted(_place: Any) -> Iterator[Figure]:
        raise KeyboardInterrupt

    monkeypatch.setitem(GROUPS, "growth", taken)
    monkeypatch.setitem(GROUPS, "cold", interrupted)
    with pytest.raises(KeyboardInterrupt):
        command.measure(place, ["growth", "cold"], quick=True)
    assert [one.name for one in read_report(place).figures] == ["one"]


@pytest.mark.parametrize(
    "refusal", [FileNotFoundError("git"), subprocess.CalledProcessError(128, ["git"], stderr="not a git repository")]
)
def test_outside_a_git_checkout_it_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, place: Any, refusal: Exception
) -> None:
    def refused(*_words: Any, **_options: Any) -> Any:
        raise refusal

    monkeypatch.setattr(subprocess, "run", refused)
    with pytest.raises(Problem, match="git") as caught:
        command.measure(place, ["growth"], quick=True)
    assert (caught.value.code, "git checkout" in caught.value.next_step) == (Exit.UNAVAILABLE, True)


def test_artifacts_that_cannot_be_written_are_told_in_words(monkeypatch: pytest.MonkeyPatch, place: Any) -> None:
    monkeypatch.setitem(GROUPS, "growth", taken)
    place.artifacts.root.joinpath("a-file").touch()
    place.artifacts = Artifacts(place.artifacts.root / "a-file")
    with pytest.raises(Problem, match="writing the artifacts"):
        command.measure(place, ["growth"], quick=True)


def read_report(place: Any) -> Report:
    """What lies in ``bench.json``, without what its models work out."""
    text = (place.artifacts.root / command.JSON).read_text(encoding="utf-8")
    return Report.model_validate(_given(json.loads(text)))


def _given(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _given(one) for key, one in value.items() if key not in ("median", "ratio", "reached")}
    return [_given(one) for one in value] if isinstance(value, list) else value


def test_more_roles_are_tags_of_the_images_in_turn_with_records_of_their_own(
    tmp_path: Path,
) -> None:
    contract, known = read_contract(), Artifacts(tmp_path / "known")
    for role in contract.roles:
        known.write(role, BUILD, BuildRecord.model_validate(record(role)))
    checkout = Checkout(tmp_path / "copy", "bench-x-")
    checkout.contract.parent.mkdir(parents=True)
    checkout.contract.write_text(CONTRACT_FILE.read_text(encoding="utf-8"), encoding="utf-8")
    tagged: list[str] = []

    class Api:
        api: Any

        def tag(self, _image: str, name: str) -> None:
            tagged.append(name)

    client: Any = Api()
    client.api = client
    engine: Any = None
    console: Any = None
    place = Workplace(engine, client, contract, list(contract.images.values()), known, tmp_path, console, 3)
    _multiply(place, checkout, 6)
    grown = read_contract(checkout.contract)
    assert grown.roles == ["backend-0", "dev-1", "worker-cpu-2", "worker-gpu-3", "backend-4", "dev-5"]
    assert [one.name for one in grown.images.values()] == tagged
    assert grown.images["dev-5"].files == contract.images["dev"].files != {}
    assert Artifacts(checkout.directory / "artifacts").read("dev-5", BUILD, BuildRecord).tag == tagged[-1]
