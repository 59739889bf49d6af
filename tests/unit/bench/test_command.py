"""The command: what it takes, what it refuses before it measures anything, what a group that cannot be taken is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import __main__ as command
from bench.groups import GROUPS
from bench.groups.growth import _multiply
from bench.model import Figure, Series
from bench.workplace import Checkout, Workplace
from deploy.artifacts import BUILD, Artifacts
from deploy.contract import CONTRACT, read_contract
from deploy.errors import Exit, Problem
from deploy.record import BuildRecord
from tests.unit.verify.cases import record


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


def test_a_group_that_cannot_be_taken_is_told_and_the_others_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_place: Any) -> Iterator[Figure]:
        raise Problem("building cold", "no room", "make some")

    def taken(_place: Any) -> Iterator[Figure]:
        yield Figure(name="one", unit="s", ours=Series(what="one", values=[1.0]))

    class Place:
        engine: Any = None

        def say(self, text: str) -> None:
            """Nobody listens."""

    monkeypatch.setattr(command, "describe", lambda _engine: None)
    monkeypatch.setattr(command, "Report", lambda **values: values)
    monkeypatch.setitem(GROUPS, "cold", refused)
    monkeypatch.setitem(GROUPS, "growth", taken)
    place: Any = Place()
    report: Any = command.measure(place, ["cold", "growth"], quick=True)
    assert [one.name for one in report["figures"]] == ["one"]
    assert "no room" in report["not_measured"]["cold"]


def test_more_roles_are_tags_of_the_images_in_turn_with_records_of_their_own(
    tmp_path: Path,
) -> None:
    contract, known = read_contract(), Artifacts(tmp_path / "known")
    for role in contract.roles:
        known.write(role, BUILD, BuildRecord.model_validate(record(role)))
    checkout = Checkout(tmp_path / "copy", "bench-x-")
    checkout.contract.parent.mkdir(parents=True)
    checkout.contract.write_text(CONTRACT.read_text(encoding="utf-8"), encoding="utf-8")
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
    assert grown.images["worker-gpu-3"].duplicate_libraries == contract.images["worker-gpu"].duplicate_libraries
    assert Artifacts(checkout.directory / "artifacts").read("dev-5", BUILD, BuildRecord).tag == tagged[-1]
