"""Strategies: every mistake is named with its key and the mend."""

import copy
from datetime import date
from typing import Any

import pytest
import yaml

from ktrdr.errors import BadRequestError, NotFoundError
from ktrdr.settings import SHIPPED_STRATEGIES
from ktrdr.strategy.checks import check
from ktrdr.strategy.document import read
from ktrdr.strategy.files import StrategyDirectory

SHIPPED = StrategyDirectory(SHIPPED_STRATEGIES)


@pytest.mark.parametrize("name", SHIPPED.names())
def test_shipped_strategies_are_valid_without_a_single_issue(name: str) -> None:
    strategy, issues = SHIPPED.check(name)
    assert (strategy is not None, issues) == (True, [])


def test_a_symbol_or_timeframe_that_is_named_twice_counts_once() -> None:
    document = copy.deepcopy(SHIPPED.document("mlp_fx_hourly"))
    data = document["training_data"]
    once = {key: data[key] for key in ("symbols", "timeframes")}
    data.update({key: [*values, *values] for key, values in once.items()})
    strategy, issues = check(document, "mlp_fx_hourly")
    assert issues == []
    assert strategy is not None
    assert {key: getattr(strategy.training_data, key) for key in once} == once


def broken(path: str, value: Any) -> list[str]:
    document = copy.deepcopy(SHIPPED.document("mlp_fx_hourly"))
    *parents, key = path.split("/")
    place = document
    for parent in parents:
        place = place[parent]
    if value is None:
        del place[key]
    else:
        place[key] = value
    strategy, issues = check(document, "mlp_fx_hourly")
    assert strategy is None
    return [issue.message for issue in issues]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("name", "other", "name: is 'other'; it must be the file's name"),
        ("version", "2.0", "version: is '2.0'; this is version 3"),
        ("indicators/rsi_14/type", "rsj", "indicators.rsi_14.type: 'rsj' is unknown; did you mean 'rsi'?"),
        ("indicators/rsi_14/parameters", {"period": 1}, "indicators.rsi_14.parameters.period: is 1; write 2 or more"),
        ("indicators/rsi_14/parameters", {"perod": 5}, "unknown key; did you mean 'period'?"),
        ("fuzzy_sets/momentum/indicator", "rsi_15", "fuzzy_sets.momentum.indicator: 'rsi_15' is no indicator"),
        ("fuzzy_sets/band_place/indicator", "bands_20.top", "'bands_20' has no output 'top'; it gives percent_b"),
        ("fuzzy_sets/momentum/oversold", [45, 25, 0], "fuzzy_sets.momentum.oversold: the parameters of triangular"),
        ("fuzzy_sets/momentum/oversold", [1, 2], "write three numbers (triangular)"),
        (
            "nn_inputs",
            [{"fuzzy_set": "momentun"}],
            "nn_inputs[0].fuzzy_set: 'momentun' is no fuzzy set of this strategy; did you mean",
        ),
        ("nn_inputs", [{"fuzzy_set": "momentum", "timeframes": ["4h"]}], "'4h' is not in training_data.timeframes"),
        ("nn_inputs", [{}], "name either a fuzzy_set or an indicator"),
        ("training_data/timeframes", ["2h"], "training_data.timeframes[0]: '2h' is unknown; use one of 1m, 5m"),
        ("model/type", "lstm", "model.type: 'lstm' is unknown"),
        (
            "model/architecture",
            {"hidden_layers": []},
            "model.architecture.hidden_layers: has 0 entries; write 1 or more",
        ),
        (
            "model/architecture",
            {"hidden_layers": [8.5]},
            "model.architecture.hidden_layers[0]: must be a whole number, found float '8.5'",
        ),
        ("indicators/macd_12_26/parameters", {"fast_period": 26, "slow_period": 12}, "is not below slow_period, 12"),
        ("fuzzy_sets/momentum/input_transform", "price_ratio", "price_ratio sets a price against the close"),
        ("training/epochs", 10**400, "training.epochs: a whole number beyond"),
        ("training/learning_rate", float("nan"), "training.learning_rate: nan is no number"),
        ("description", date(2024, 1, 1), "description: a date, not a text or a number; put it in quotes"),
        ("training/labels", None, "training.labels: is missing; add it"),
        ("training/epochs", "many", "training.epochs: must be a whole number, found str 'many'"),
        ("decisions", {"confidence_treshold": 0.5}, "did you mean 'confidence_threshold'?"),
    ],
)
def test_a_mistake_is_named_with_its_key_and_the_mend(path: str, value: Any, message: str) -> None:
    assert any(message in found for found in broken(path, value))


@pytest.mark.parametrize("document", [None, [], "text", {}, {"indicators": 3}, {1: 2}])
def test_any_document_at_all_is_answered_with_issues(document: Any) -> None:
    strategy, issues = check(document, "x")
    assert strategy is None
    assert issues


def test_a_strategy_of_the_data_directory_wins(tmp_path: Any) -> None:
    document = SHIPPED.document("mlp_fx_hourly") | {"description": "mine"}
    (tmp_path / "mlp_fx_hourly.yaml").write_text(yaml.safe_dump(document))
    assert StrategyDirectory(SHIPPED_STRATEGIES, tmp_path).load("mlp_fx_hourly").description == "mine"


def test_a_file_that_is_no_yaml_is_refused_with_its_line(tmp_path: Any) -> None:
    (tmp_path / "bad.yaml").write_text("name: bad\n  oops: [")
    with pytest.raises(BadRequestError, match="line 2"):
        StrategyDirectory(tmp_path).document("bad")


@pytest.mark.parametrize("name", ["nobody", "../mlp_fx_hourly", "/etc/passwd"])
def test_a_strategy_that_does_not_exist_is_not_found(name: str) -> None:
    with pytest.raises(NotFoundError):
        SHIPPED.load(name)


def test_what_a_reader_changes_in_a_document_is_not_what_the_next_one_reads() -> None:
    first = read("name: a\nlist: [1]\n")
    first["list"].append(2)
    assert read("name: a\nlist: [1]\n") == {"name": "a", "list": [1]}
