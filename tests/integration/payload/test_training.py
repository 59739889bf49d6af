"""Runs inside an image that computes: trainings learn, models survive the disk, decisions follow. Needs torch."""

import hashlib
import itertools
import json
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch  # type: ignore[import-not-found,unused-ignore]

from ktrdr import torch_check
from ktrdr.backtesting.model_loader import load_model
from ktrdr.backtesting.walk import Costs, walk
from ktrdr.data.sample import generate
from ktrdr.decision.engine import WAIT, DecisionEngine
from ktrdr.errors import InvalidError
from ktrdr.model_files import FILES, METADATA, WEIGHTS
from ktrdr.neural.threads import threads
from ktrdr.settings import SHIPPED_STRATEGIES
from ktrdr.signals import Signal
from ktrdr.strategy.files import StrategyDirectory
from ktrdr.training import model_store, pipeline
from ktrdr.training.table import Table
from ktrdr.worker.job import CancelledError

STRATEGIES = StrategyDirectory(SHIPPED_STRATEGIES)
NAME = "mlp_fx_hourly"
YEAR = generate()
HELD_OUT = 5200


def train(directory: Path, bars: Any = YEAR, check: Any = lambda: None) -> dict[str, Any]:
    directory.mkdir()
    return pipeline.run(
        STRATEGIES.load(NAME),
        STRATEGIES.document(NAME),
        {"EURUSD": {"1h": bars}},
        directory,
        progress=lambda *_: None,
        check=check,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    directory = tmp_path_factory.mktemp("models") / "m"
    return directory, train(directory, YEAR.between(0, HELD_OUT))


@pytest.fixture
def copy(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).write_bytes((trained[0] / name).read_bytes())
    return tmp_path


def test_a_training_and_a_decision_load_nothing_of_torch_beyond_its_import() -> None:
    program = (
        "import pathlib, sys, tempfile, test_training\n"
        "known = set(sys.modules)\n"
        "directory = pathlib.Path(tempfile.mkdtemp()) / 'm'\n"
        "bars = test_training.YEAR.between(0, 1500)\n"
        "test_training.train(directory, bars)\n"
        "engine = test_training.DecisionEngine(test_training.load_model(directory))\n"
        "engine.decide(engine.prepare({'1h': bars})[-1:])\n"
        "more = {name.partition('.')[0] for name in set(sys.modules) - known}\n"
        "heavy = {'torch._dynamo', 'torch._inductor', 'sympy'} & set(sys.modules)\n"
        "print(sorted(more & {'torch', 'sympy', 'networkx', 'numpy'}), sorted(heavy))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[] []\n"


def test_torch_works_here() -> None:
    assert torch_check.problem() is None
    assert torch_check.capabilities()["torch"]


def test_a_training_learns_something_but_not_everything(trained: tuple[Path, dict[str, Any]]) -> None:
    metrics, test = trained[1]["training_metrics"], trained[1]["test_metrics"]
    assert metrics["final_train_loss"] < metrics["first_train_loss"]
    assert 1 / 3 < test["test_accuracy"] < 0.99, "better than guessing one of three, on a market that is mostly chance"
    assert metrics["final_val_accuracy"] < 1.0
    assert metrics["final_val_loss"] > 0.001
    assert 0.1 < metrics["training_time"] < 60


def test_a_whole_year_gives_about_six_thousand_samples(tmp_path: Path) -> None:
    assert train(tmp_path / "m")["data_summary"]["total_samples"] > 6000


def test_the_same_seed_gives_the_same_weights(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    train(tmp_path / "again", YEAR.between(0, HELD_OUT))
    assert (tmp_path / "again" / WEIGHTS).read_bytes() == (trained[0] / WEIGHTS).read_bytes()


@pytest.mark.parametrize("at", [1, 2, 10, 30, 500])
def test_a_training_stops_whenever_it_is_told_to_and_leaves_nothing(tmp_path: Path, at: int) -> None:
    calls = itertools.count(1)

    def check() -> None:
        if next(calls) == at:
            raise CancelledError

    with pytest.raises(CancelledError):
        train(tmp_path / "m", check=check)
    assert next(calls) == at + 1, "nothing asked again"
    assert list((tmp_path / "m").iterdir()) == []


def test_a_training_asks_often_whether_it_is_to_stop(tmp_path: Path) -> None:
    asked = [time.process_time()]
    train(tmp_path / "m", check=lambda: asked.append(time.process_time()))
    asked.append(time.process_time())
    assert max(later - now for now, later in itertools.pairwise(asked)) < 0.5, (
        "seconds of computing between two questions"
    )


def test_a_model_says_what_it_was_made_with(trained: tuple[Path, dict[str, Any]]) -> None:
    metadata = json.loads((trained[0] / METADATA).read_text())
    assert metadata["torch_version"] == torch_check.capabilities()["torch"]
    assert len(metadata["data_sha256"]) == 64
    assert (metadata["strategy_name"], metadata["symbols"], metadata["timeframes"]) == (NAME, ["EURUSD"], ["1h"])


def test_weights_survive_the_disk_bit_for_bit(trained: tuple[Path, dict[str, Any]]) -> None:
    content = (trained[0] / WEIGHTS).read_bytes()
    assert model_store.serialize(model_store.deserialize(content)) == content


@pytest.mark.parametrize("name", FILES)
def test_a_model_without_one_of_its_files_is_refused(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(InvalidError, match=f"{name} is missing"):
        load_model(copy)


def test_damaged_weights_are_refused(copy: Path) -> None:
    content = bytearray((copy / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (copy / WEIGHTS).write_bytes(content)
    with pytest.raises(InvalidError, match="not those that the metadata names"):
        load_model(copy)


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [
        ("config.json", "schema", 2),
        ("config.json", "inputs", 3),
        ("config.json", "model", {"hidden_layers": [8], "dropout": 0.1, "activation": "relu"}),
        ("config.json", "model", {}),
        ("config.json", "strategy", {}),
        ("config.json", "model", {"type": "mlp", "hidden_layers": [10**9] * 8, "dropout": 0.1, "activation": "relu"}),
        ("config.json", "model", {"type": "mlp", "hidden_layers": [32, 16], "dropout": 7, "activation": "relu"}),
        ("config.json", "model", {"type": "mlp", "hidden_layers": [32, 16], "dropout": 0.1, "activation": "os.system"}),
        ("config.json", "model", {"type": "mlp", "hidden_layers": [32, 16], "dropout": 0.1, "activation": "tanh"}),
        ("config.json", "inputs", 10**12),
        ("config.json", "strategy", None),
        ("features.json", "names", ["one"]),
        ("features.json", "names", [1] * 12),
        ("features.json", "names", ["1h.one"] * 12),
        ("features.json", "means", [float("nan")] * 12),
        ("features.json", "means", ["0"] * 12),
        ("features.json", "deviations", [0.0] * 12),
        ("features.json", "deviations", 3),
        ("metadata.json", "torch_version", "1.13.1"),
        ("metadata.json", "torch_version", None),
        ("metadata.json", "timeframes", ["2h"]),
        ("metadata.json", "timeframes", [["1h"]]),
        ("metadata.json", "timeframes", None),
        ("metadata.json", "strategy_name", "../../etc/passwd"),
        ("metadata.json", "weights_sha256", "0" * 64),
    ],
)
def test_a_directory_whose_files_do_not_belong_together_is_refused(copy: Path, file: str, key: str, value: Any) -> None:
    document = json.loads((copy / file).read_text())
    (copy / file).write_text(json.dumps(document | {key: value}))
    with pytest.raises(InvalidError, match="Train it again") as refusal:
        DecisionEngine(load_model(copy)).prepare({"1h": YEAR.between(0, 200)})
    assert refusal.value.code == "model_mismatch"


def sealed(directory: Path, weights: bytes) -> Path:
    """Put other weights into a model, with the digest that belongs to them: whoever writes one can write both."""
    (directory / WEIGHTS).write_bytes(weights)
    metadata = json.loads((directory / METADATA).read_text())
    metadata["weights_sha256"] = hashlib.sha256(weights).hexdigest()
    (directory / METADATA).write_text(json.dumps(metadata))
    return directory


def test_no_weights_but_whole_tensors_of_the_right_names_and_shapes_are_loaded(copy: Path) -> None:
    content = (copy / WEIGHTS).read_bytes()
    state = model_store.deserialize(content)
    first = next(iter(state))
    header = json.dumps({first: {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}}).encode()
    foreign = {
        "cut off": content[:-100],
        "cut within its header": content[:50],
        "empty": b"",
        "a pickle": pickle.dumps(state),
        "a header longer than the file": (2**60).to_bytes(8, "little") + content[8:],
        "another type": len(header).to_bytes(8, "little") + header + bytes(8),
        "a tensor too few": model_store.serialize({name: value for name, value in state.items() if name != first}),
        "a tensor too many": model_store.serialize(state | {"more": state[first]}),
        "another shape": model_store.serialize(state | {first: state[first][:1]}),
    }
    for what, weights in foreign.items():
        with pytest.raises(InvalidError, match="Train it again") as refusal:
            load_model(sealed(copy, weights))
        assert refusal.value.code == "model_mismatch", what
    assert load_model(sealed(copy, content))


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_a_link_or_no_file_is_refused(copy: Path, name: str) -> None:
    (copy / name).rename(copy / "elsewhere")
    (copy / name).symlink_to("elsewhere")
    with pytest.raises(InvalidError, match=name):
        load_model(copy)
    (copy / name).unlink()
    (copy / name).mkdir()
    with pytest.raises(InvalidError, match=name):
        load_model(copy)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, b'{"schema": NaN}', b"null"])
@pytest.mark.parametrize("name", ["config.json", "features.json", METADATA])
def test_a_file_that_is_no_sound_json_is_refused(copy: Path, name: str, content: bytes) -> None:
    (copy / name).write_bytes(content)
    with pytest.raises(InvalidError, match="Train it again"):
        load_model(copy)


def test_a_trained_model_trades_on_bars_it_has_never_seen(trained: tuple[Path, dict[str, Any]]) -> None:
    bars = YEAR.between(HELD_OUT, len(YEAR))
    engine = DecisionEngine(load_model(trained[0]))
    decisions = engine.decide(engine.prepare({"1h": bars}))
    result = walk(bars, lambda place: decisions[place].signal, Costs(100_000.0, 0.0001, 0.00005)).summary()
    assert result["trade_count"] > 0
    assert list(engine.decide(Table.of([None], 12))) == [WAIT]


def test_a_decision_is_the_networks_own_whatever_is_decided_beside_it(trained: tuple[Path, dict[str, Any]]) -> None:
    engine = DecisionEngine(load_model(trained[0]))
    rows = engine.prepare({"1h": YEAR})
    together = engine.decide(rows)
    assert [place for place, row in enumerate(rows) if row is None] == list(range(together.undecided))
    for place in (0, 59, 60, 61, 1023, 1024, 3000, len(rows) - 1):
        assert engine.decide(rows[place : place + 1])[0] == together[place]
    assert engine.decide(rows[60:]) == together[60:]


def test_a_small_network_computes_in_one_thread(trained: tuple[Path, dict[str, Any]]) -> None:
    torch.set_num_threads(2)
    DecisionEngine(load_model(trained[0]))
    assert torch.get_num_threads() == 1
    assert threads(parameters=10**6, batch_size=1024) == len(os.sched_getaffinity(0))


def test_a_decision_below_the_threshold_is_hold(trained: tuple[Path, dict[str, Any]]) -> None:
    engine = DecisionEngine(load_model(trained[0]))
    decisions = engine.decide(engine.prepare({"1h": YEAR})[100:400])
    assert all(decision.signal is Signal.HOLD for decision in decisions if decision.confidence < 0.45)
    assert {decision.signal for decision in decisions} > {Signal.HOLD}
