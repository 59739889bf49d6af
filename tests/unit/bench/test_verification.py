"""The comparison with the specification's steps, which a checkout may lack."""

from pathlib import Path
from typing import Any

import pytest

from bench.groups import verification
from bench.measure import Sample
from bench.workplace import Workplace
from deploy.artifacts import Artifacts
from deploy.contract import read_contract
from deploy.errors import Problem


def test_without_the_specification_the_other_comparisons_are_taken_and_the_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KTRDR_SPECS", str(tmp_path / "nowhere"))
    monkeypatch.setattr(verification, "run", lambda _command: Sample(1.0, 1.0, 0))
    contract = read_contract()
    nobody: Any = NoEngine()
    images = list(contract.images.values())
    place = Workplace(nobody, nobody, contract, images, Artifacts(tmp_path / "artifacts"), tmp_path, nobody, 1)
    place.artifacts.root.mkdir()
    figures = verification.figures(place)
    taken = [next(figures).other, next(figures).other]
    assert [one.what.split(",")[0] for one in taken if one] == [
        verification.TOOL,
        "containers side by side that import torch",
    ]
    with pytest.raises(Problem, match=r"image-torch-availability\.md in KTRDR_SPECS"):
        next(figures)


class NoEngine:
    """An engine whose commands nobody runs, and a console that nobody reads."""

    def command(self) -> list[str]:
        return ["docker"]

    def print(self, *_words: Any, **_options: Any) -> None:
        """Nobody reads."""
