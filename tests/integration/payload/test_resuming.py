"""Runs inside an image with torch: a training that goes on from a checkpoint ends as one that nobody interrupted."""

import copy
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import torch  # type: ignore[import-not-found,unused-ignore]

from ktrdr.data.bars import Bars
from ktrdr.data.sample import generate
from ktrdr.epochs import Epoch
from ktrdr.errors import InvalidError
from ktrdr.model_files import CHECKPOINT_LIMIT, METRICS, WEIGHTS
from ktrdr.neural.models.mlp import build_mlp
from ktrdr.settings import SHIPPED_STRATEGIES
from ktrdr.strategy.checks import check
from ktrdr.strategy.files import StrategyDirectory
from ktrdr.training import checkpoint, pipeline
from ktrdr.training.descent import Descent

NAME: Final = "mlp_fx_hourly"
BARS: Final = generate().between(0, 900)
EPOCHS: Final = 6


class KilledError(Exception):
    """Stands for the end of a worker's process."""


class Shelf:
    """Keeps every checkpoint that it is given, and is due after each epoch."""

    def __init__(self, content: bytes | None = None) -> None:
        self.content = content
        self.kept: list[bytes] = []

    def found(self) -> bytes | None:
        return self.content

    def due(self) -> bool:
        return True

    def keep(self, content: bytes) -> None:
        self.kept.append(content)


def document(**training: Any) -> dict[str, Any]:
    found = copy.deepcopy(StrategyDirectory(SHIPPED_STRATEGIES).document(NAME))
    found["training"] |= {"epochs": EPOCHS, "patience": EPOCHS, "learning_rate": 0.01, **training}
    found["model"]["architecture"]["dropout"] = 0.3
    return dict(found)


def train(
    directory: Path,
    shelf: Shelf,
    *,
    killed_after: int = 0,
    found: dict[str, Any] | None = None,
    bars: Bars = BARS,
    steps: list[str] | None = None,
    told: list[Sequence[Epoch]] | None = None,
) -> dict[str, Any]:
    """Train; the process dies after an epoch where `killed_after` says so."""
    directory.mkdir()
    wanted = found or document()
    strategy, _ = check(wanted, NAME)
    assert strategy is not None

    def progress(_percentage: float, step: str, _completed: int, _total: int) -> None:
        if steps is not None:
            steps.append(step)
        if killed_after and len(shelf.kept) == killed_after and step.startswith("epoch "):
            raise KilledError

    return pipeline.run(
        strategy, wanted, {"EURUSD": {"1h": bars}}, directory,
        progress=progress, check=lambda: None, keeper=shelf, record=(told if told is not None else []).append,
    )  # fmt: skip


def without_time(document: dict[str, Any]) -> dict[str, Any]:
    """All that a training reports but how long it took, and where it went on."""
    found = copy.deepcopy(document)
    found["training_metrics"].pop("training_time")
    found.pop("resumed_after_epoch", None)
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], list[bytes]]:
    """A training that nobody interrupted, and its checkpoints."""
    directory, shelf = tmp_path_factory.mktemp("models") / "m", Shelf()
    summary = train(directory, shelf)
    return directory, summary, shelf.kept


def same(directory: Path, summary: dict[str, Any], whole: tuple[Path, dict[str, Any], list[bytes]]) -> None:
    assert (directory / WEIGHTS).read_bytes() == (whole[0] / WEIGHTS).read_bytes()
    assert without_time(summary) == without_time(whole[1])
    kept, expected = (json.loads((path / METRICS).read_text()) for path in (directory, whole[0]))
    assert without_time(kept) == without_time(expected)


def test_keeping_checkpoints_changes_nothing(whole: tuple[Path, dict[str, Any], list[bytes]], tmp_path: Path) -> None:
    directory = tmp_path / "m"
    directory.mkdir()
    wanted = document()
    strategy, _ = check(wanted, NAME)
    assert strategy is not None
    plain = pipeline.run(
        strategy, wanted, {"EURUSD": {"1h": BARS}}, directory, progress=lambda *_: None, check=lambda: None
    )
    assert plain["resumed_after_epoch"] is None
    same(directory, plain, whole)
    assert len(whole[2]) == EPOCHS


@pytest.mark.parametrize("after", [1, 3, EPOCHS])
def test_a_training_goes_on_after_any_epoch_to_the_same_metrics_and_weights(
    whole: tuple[Path, dict[str, Any], list[bytes]], tmp_path: Path, after: int
) -> None:
    torch.manual_seed(999 + after)  # another process has other random numbers
    steps: list[str] = []
    told: list[Sequence[Epoch]] = []
    summary = train(tmp_path / "m", Shelf(whole[2][after - 1]), steps=steps, told=told)
    assert [[one.epoch for one in epochs] for epochs in told] == [
        list(range(1, epoch + 1)) for epoch in range(after + 1, EPOCHS + 1)
    ]
    assert summary["resumed_after_epoch"] == after
    assert f"going on after epoch {after} of {EPOCHS}" in steps
    assert sum(step.startswith("epoch ") for step in steps) == EPOCHS - after
    same(tmp_path / "m", summary, whole)
    assert summary["training_metrics"]["training_time"] > 0


def test_a_training_that_is_killed_again_and_again_ends_the_same(
    whole: tuple[Path, dict[str, Any], list[bytes]], tmp_path: Path
) -> None:
    content = None
    for life in range(EPOCHS):
        shelf = Shelf(content)
        try:
            summary = train(tmp_path / f"{life}", shelf, killed_after=1)
        except KilledError:
            content = shelf.kept[-1]
            assert list((tmp_path / f"{life}").iterdir()) == []
            continue
        same(tmp_path / f"{life}", summary, whole)
        assert life == EPOCHS - 1
        return
    pytest.fail("it never ended")


def test_another_process_goes_on_to_the_same_weights(
    whole: tuple[Path, dict[str, Any], list[bytes]], tmp_path: Path
) -> None:
    (tmp_path / "checkpoint").write_bytes(whole[2][2])
    program = (
        "import pathlib, sys, test_resuming\n"
        "content = pathlib.Path(sys.argv[1], 'checkpoint').read_bytes()\n"
        "test_resuming.train(pathlib.Path(sys.argv[1], 'm'), test_resuming.Shelf(content))\n"
        "print(sorted({'torch._dynamo', 'torch._inductor', 'sympy'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (tmp_path / "m" / WEIGHTS).read_bytes() == (whole[0] / WEIGHTS).read_bytes()
    assert done.stdout == "[]\n"


def test_a_training_that_stopped_early_stops_at_the_same_epoch(tmp_path: Path) -> None:
    patient = document(patience=2, epochs=40, learning_rate=0.05)
    shelf = Shelf()
    expected = train(tmp_path / "whole", shelf, found=patient)
    assert expected["training_metrics"]["epochs_trained"] < 40
    resumed = train(tmp_path / "m", Shelf(shelf.kept[-1]), found=patient)
    assert without_time(resumed) == without_time(expected)
    assert (tmp_path / "m" / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()


def test_a_checkpoint_of_other_bars_is_not_used_which_is_said(
    whole: tuple[Path, dict[str, Any], list[bytes]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    summary = train(tmp_path / "m", Shelf(whole[2][2]), bars=BARS.between(0, 850))
    assert summary["resumed_after_epoch"] is None
    assert "it was made with another series of bars. The training begins anew." in caplog.text


def network(**sizes: Any) -> Any:
    return build_mlp(**{"inputs": 4, "hidden_layers": [8], "dropout": 0.1, "activation": "relu", **sizes})


def test_what_is_damaged_or_of_another_training_is_refused() -> None:
    origin = {"strategy": "one", "version of torch": "2"}
    history = {"train_loss": [1.0], "train_accuracy": [0.5], "val_loss": [1.0], "val_accuracy": [0.5]}
    made, dice = network(), torch.Generator().manual_seed(1)
    optimizer = Descent(made, torch.ones(3), 0.1).optimizer
    state = checkpoint.capture(
        made, optimizer, dice, best=(1.0, made.state_dict()), history={**history, "best_epoch": 1}, device="cpu"
    )
    content = checkpoint.dump(state, origin)
    assert checkpoint.load(content, origin, made).epoch == 1
    refused: dict[str, tuple[bytes, dict[str, str], Any]] = {
        "another strategy": (content, {**origin, "strategy": "two"}, made),
        "another version of torch": (content, {**origin, "version of torch": "3"}, made),
        "tensors best": (checkpoint.dump(replace(state, tensors={**state.tensors, "best.0.bias": dice.get_state()}),
                                         origin), origin, made),
        "tensors network": (content, origin, network(hidden_layers=[9])),
        "history is not whole": (checkpoint.dump(replace(state, history={**history, "val_loss": []}), origin), origin,
                                 made),
        "no state of random numbers": (
            checkpoint.dump(replace(state, tensors={**state.tensors, checkpoint.DICE: torch.zeros(3)}), origin), origin,
            made,
        ),
        "": (content[:-100], origin, made),
        "Error": (b"", origin, made),
        "eader": (b"no checkpoint at all, but long enough to be one", origin, made),
    }  # fmt: skip
    for told, (kept, wanted, its) in refused.items():
        with pytest.raises(InvalidError, match=f"The checkpoint is not used: .*{told}"):
            checkpoint.load(kept, wanted, its)


def test_a_checkpoint_is_a_few_times_its_model(whole: tuple[Path, dict[str, Any], list[bytes]]) -> None:
    weights = len((whole[0] / WEIGHTS).read_bytes())
    assert max(map(len, whole[2])) < 4 * weights + 20_000 < CHECKPOINT_LIMIT
