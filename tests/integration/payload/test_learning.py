"""Runs inside an image with torch: a planted signal is learned, noise is not, and no future is known."""

import copy
import json
import math
import random
from array import array
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any, Final

import pytest
import torch  # type: ignore[import-not-found,unused-ignore]

from ktrdr.backtesting.model_loader import load_model
from ktrdr.backtesting.walk import Costs, walk
from ktrdr.data.bars import Bar, Bars
from ktrdr.decision.engine import BATCH, DecisionEngine, Decisions
from ktrdr.errors import BadRequestError
from ktrdr.model_files import METADATA, METRICS, WEIGHTS
from ktrdr.neural.models.mlp import build_mlp
from ktrdr.settings import SHIPPED_STRATEGIES
from ktrdr.signals import Signal
from ktrdr.strategy.checks import check
from ktrdr.strategy.files import StrategyDirectory
from ktrdr.training import pipeline, trainer
from ktrdr.training.dataset import Dataset, Samples, Scaler, Split
from ktrdr.training.table import Table

NAME: Final = "mlp_fx_hourly"
HORIZON: Final = 3
COUNT: Final = 6000
NOISE: Final = 0.001
"""Standard deviation of an hour's move, as a share of the price."""


def document() -> dict[str, Any]:
    """The shipped strategy, asked for three classes of about one size on bars of `NOISE`."""
    found = copy.deepcopy(StrategyDirectory(SHIPPED_STRATEGIES).document(NAME))
    found["training"] |= {"epochs": 12, "batch_size": 128, "learning_rate": 0.003}
    found["training"]["labels"] = {"type": "forward_return", "horizon": HORIZON, "threshold": 0.0008}
    return dict(found)


def market(seed: int, *, planted: float, count: int = COUNT) -> Bars:
    """A random walk, to which a wave of a day's length and `planted` of the price in height is added."""
    dice = random.Random(seed)  # noqa: S311  repeatable on purpose
    bars, base, price = Bars(), 1.1, 1.1
    for hour in range(count):
        base *= 1 + dice.gauss(0, NOISE)
        close = base * (1 + planted * math.sin(2 * math.pi * hour / 24))
        high, low = max(price, close) * (1 + NOISE * dice.random()), min(price, close) * (1 - NOISE * dice.random())
        bars.append(Bar(3600 * hour, price, high, low, close, 1000.0))
        price = close
    return bars


def train(directory: Path, bars: Bars, seed: int = 42, split: Split | None = None) -> dict[str, Any]:
    directory.mkdir()
    found = document()
    found["training"]["seed"] = seed
    strategy, _ = check(found, NAME)
    assert strategy is not None
    return pipeline.run(
        strategy, found, {"EURUSD": {"1h": bars}}, directory, progress=lambda *_: None, check=lambda: None, split=split
    )


def lead(directory: Path, seed: int, planted: float) -> float:
    """Return by how much the test accuracy beats always giving the test part's most frequent answer."""
    test = train(directory, market(seed, planted=planted), seed)["test_metrics"]
    return float(test["test_accuracy"] - test["majority_share"])


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_planted_signal_is_learned_and_noise_is_not(seed: int, tmp_path: Path) -> None:
    assert lead(tmp_path / "planted", seed, planted=0.004) >= 0.10
    assert lead(tmp_path / "noise", seed, planted=0.0) <= 0.03


def test_a_training_on_one_sided_labels_warns_and_counts_them(tmp_path: Path) -> None:
    found = document()
    found["training"]["labels"]["threshold"] = 0.5
    strategy, _ = check(found, NAME)
    assert strategy is not None
    bars = {"EURUSD": {"1h": market(1, planted=0.0, count=1500)}}
    summary = pipeline.run(strategy, found, bars, tmp_path, progress=lambda *_: None, check=lambda: None)
    (warning,) = summary["warnings"]
    assert "it answers HOLD to every sample" in warning
    assert summary["label_counts"]["test"] == summary["label_counts"]["test_predicted"]
    assert summary["label_counts"]["training"]["BUY"] == summary["label_counts"]["training"]["SELL"] == 0
    kept = json.loads((tmp_path / METRICS).read_text())
    assert (kept["warnings"], kept["label_counts"]) == (summary["warnings"], summary["label_counts"])


def test_a_training_that_learns_has_no_warning_and_its_counts_are_its_samples(
    trained: tuple[Path, dict[str, Any]],
) -> None:
    summary = trained[1]
    assert summary["warnings"] == []
    for part in ("training", "validation", "test"):
        assert sum(summary["label_counts"][part].values()) == summary["data_summary"][f"{part}_samples"]
    shares = [summary["training_metrics"][name] for name in ("train_majority_share", "val_majority_share")]
    assert all(1 / 3 <= share < 0.6 for share in shares)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    directory = tmp_path_factory.mktemp("models") / "m"
    return directory, train(directory, MARKET.between(0, KNOWN), split=SPLIT)


MARKET: Final = market(11, planted=0.004)
KNOWN: Final = 5000
SPLIT: Final = Split(MARKET.times[3000], MARKET.times[4000])


def with_another_future(bars: Bars, begins: int) -> Bars:
    other = bars.between(0, len(bars))
    for column in (other.opens, other.highs, other.lows, other.closes):
        column[begins:] = [price * 1.7 for price in column[begins:]]
    return other


def test_the_same_seed_gives_the_same_metrics_and_weights_and_another_seed_others(
    trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    again = train(tmp_path / "again", MARKET.between(0, KNOWN), split=SPLIT)
    for summary in (again, trained[1]):
        summary["training_metrics"].pop("training_time", None)
    assert again == trained[1]
    assert (tmp_path / "again" / WEIGHTS).read_bytes() == (trained[0] / WEIGHTS).read_bytes()
    train(tmp_path / "other", MARKET.between(0, KNOWN), seed=43, split=SPLIT)
    assert (tmp_path / "other" / WEIGHTS).read_bytes() != (trained[0] / WEIGHTS).read_bytes()


@pytest.mark.parametrize("longer", [MARKET, with_another_future(MARKET, KNOWN)], ids=["appended", "another future"])
def test_with_the_splits_dates_fixed_later_bars_change_no_weight(
    trained: tuple[Path, dict[str, Any]], tmp_path: Path, longer: Bars
) -> None:
    train(tmp_path / "longer", longer, split=SPLIT)
    assert (tmp_path / "longer" / WEIGHTS).read_bytes() == (trained[0] / WEIGHTS).read_bytes()
    known, later = (json.loads((path / METADATA).read_text()) for path in (trained[0], tmp_path / "longer"))
    assert known["data_sha256"] != later["data_sha256"], "the test part was another one, though"


def test_later_bars_change_no_decision_and_no_fill(trained: tuple[Path, dict[str, Any]]) -> None:
    engine = DecisionEngine(load_model(trained[0]))
    held_out = MARKET.between(KNOWN, COUNT - 10)

    def results(bars: Bars) -> tuple[Decisions, dict[str, Any]]:
        decisions = engine.decide(engine.prepare({"1h": bars}))
        return decisions, walk(bars, lambda place: decisions[place].signal, Costs(100_000.0, 0.0001, 0.00005)).summary()

    decisions, whole = results(held_out)
    for cut in (100, 333, 700, 989):
        part_decisions, part = results(held_out.between(0, cut))
        other_decisions, other = results(with_another_future(held_out, cut))
        assert part_decisions == decisions[:cut] == other_decisions[:cut]
        assert part["equity_curve"][:-1] == whole["equity_curve"][: cut - 1] == other["equity_curve"][: cut - 1]
        settled = [trade for trade in part["trades"] if trade["exit_time"] < part["equity_curve"][-1]["timestamp"]]
        assert whole["trades"][: len(settled)] == other["trades"][: len(settled)] == settled
    assert whole["trade_count"] > 20


@pytest.mark.parametrize("first", [1, 7, 500, 1023, 1024, 1500])
def test_a_decision_is_the_same_to_the_bit_whatever_is_decided_with_it(
    trained: tuple[Path, dict[str, Any]], first: int
) -> None:
    model = load_model(trained[0])
    engine = DecisionEngine(model)
    rows = engine.prepare({"1h": MARKET.between(0, 3000)})
    decisions = engine.decide(rows)
    assert engine.decide(rows[first:]) == decisions[first:]
    without = Table.of([*rows[:first], *rows[first + 1 :]], len(rows.columns))
    assert list(engine.decide(without)) == [*decisions[:first], *decisions[first + 1 :]]
    assert engine.decide(rows[first : first + 1]) == decisions[first : first + 1]


def test_a_batch_decides_as_the_network_does_row_by_row(trained: tuple[Path, dict[str, Any]]) -> None:
    model = load_model(trained[0])
    rows, scaler = DecisionEngine(model).prepare({"1h": MARKET.between(0, 3000)}), model.stored.scaler
    for row, decision in zip(rows, DecisionEngine(model).decide(rows), strict=True):
        if row is None:
            continue
        means, deviations = (
            torch.tensor(figures, dtype=torch.float64) for figures in (scaler.means, scaler.deviations)
        )
        scaled = (torch.tensor([row], dtype=torch.float64) - means) / deviations
        with torch.no_grad():
            confidence, choice = torch.softmax(model.stored.network(scaled.float()), dim=1)[0].max(0)
        assert decision.confidence == pytest.approx(confidence.item(), abs=1e-6)
        if abs(decision.confidence - model.strategy.decisions.confidence_threshold) > 1e-6:
            expected = Signal(int(choice)) if confidence >= 0.45 else Signal.HOLD
            assert decision.signal is expected


def test_deciding_asks_often_whether_it_is_to_stop(
    trained: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ktrdr.decision.engine.TOGETHER", BATCH)
    asked: list[bool] = []
    engine = DecisionEngine(load_model(trained[0]))
    engine.decide(engine.prepare({"1h": MARKET}), check=lambda: asked.append(True))
    assert len(asked) == -(-COUNT // BATCH)


def test_nothing_is_decided_before_the_history_that_the_strategy_requires(trained: tuple[Path, dict[str, Any]]) -> None:
    model = load_model(trained[0])
    rows = DecisionEngine(model).prepare({"1h": MARKET})
    strategy, data = model.strategy, model.strategy.training_data
    assert rows[: data.history_required] == [None] * data.history_required
    longer = data.model_copy(update={"history_required": 500})
    patient = replace(model, strategy=strategy.model_copy(update={"training_data": longer}))
    assert [row is None for row in DecisionEngine(patient).prepare({"1h": MARKET})] == [*[True] * 500, *[False] * 5500]


def test_a_training_that_diverges_says_what_to_lower() -> None:
    strategy, _ = check(document(), NAME)
    assert strategy is not None
    far = Samples(Table.of([[3e38] * 4] * 64, 4), array("b", [0, 1] * 32))
    data = Dataset(["one"] * 4, Scaler([0.0] * 4, [1.0] * 4), far, far, far)
    network = build_mlp(4, [8], 0.0, "relu")
    with pytest.raises(BadRequestError, match=r"after epoch 1: lower training\.learning_rate below 0\.003"):
        trainer.train(network, data, strategy.training, device="cpu", on_epoch=lambda *_: None, check=lambda: None)


def test_a_signal_is_worth_money_and_noise_is_not(trained: tuple[Path, dict[str, Any]]) -> None:
    engine = DecisionEngine(load_model(trained[0]))

    def earned(bars: Bars) -> float:
        decisions = engine.decide(engine.prepare({"1h": bars}))
        found = walk(bars, lambda place: decisions[place].signal, Costs(100_000.0, 0.0, 0.0)).summary()
        return float(found["metrics"]["total_return_pct"])

    assert earned(MARKET.between(KNOWN, COUNT)) > 20
    assert abs(mean(earned(market(seed, planted=0.0, count=1000)) for seed in range(20, 30))) < 3
