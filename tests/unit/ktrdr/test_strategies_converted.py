"""Strategies of the original ktrdr are converted: nothing is lost without a word, and the values stay the same."""

import copy
import math
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ktrdr.cli import main
from ktrdr.data.bars import Bars
from ktrdr.fuzzy.memberships import degrees
from ktrdr.indicators.catalogue import CATALOGUE
from ktrdr.indicators.compute import compute
from ktrdr.strategy.checks import check
from ktrdr.strategy.convert import Unconvertible, convert
from ktrdr.strategy.foreign import ALIASES, KINDS, kind_of
from ktrdr.strategy.schema import INDICATORS

VERSION_3: Final[dict[str, Any]] = {
    "name": "two_views",
    "version": "3.0",
    "description": "A momentum and a trend.",
    "training_data": {
        "symbols": {"mode": "multi_symbol", "list": ["EURUSD", "GBPUSD"]},
        "timeframes": {"mode": "multi_timeframe", "list": ["1h", "1d"], "base_timeframe": "1h"},
        "history_required": 100,
    },
    "indicators": {
        "rsi_14": {"type": "RSI", "period": 14, "source": "close"},
        "adx_14": {"type": "adx", "period": 14},
    },
    "fuzzy_sets": {
        "momentum": {
            "indicator": "rsi_14",
            "low": [0, 25, 40],
            "high": {"type": "gaussian", "parameters": [70, 10]},
        },
        "strength": {"indicator": "adx_14.adx", "strong": {"type": "trapezoid", "parameters": [20, 30, 100, 100]}},
    },
    "nn_inputs": [
        {"fuzzy_set": "momentum", "timeframes": "all"},
        {"fuzzy_set": "strength", "timeframes": ["1d"]},
        {"raw_indicator": "adx_14.plus_di", "timeframes": ["1h"], "normalization": "zscore"},
    ],
    "model": {
        "type": "mlp",
        "architecture": {"hidden_layers": [32, 16], "dropout": 0.2, "activation": "ReLU",
                         "output_activation": "softmax"},
        "training": {"learning_rate": 0.002, "batch_size": 32, "epochs": 50, "optimizer": "adam",
                     "early_stopping": {"enabled": True, "patience": 7}},
    },
    "decisions": {"output_format": "classification", "confidence_threshold": 0.6},
    "training": {"method": "supervised", "labels": {"source": "zigzag", "zigzag_threshold": 0.02},
                 "data_split": {"train": 0.7, "validation": 0.15, "test": 0.15}},
}  # fmt: skip
VERSION_2: Final[dict[str, Any]] = {
    "name": "Older, as a list",
    "version": "2.0",
    "training_data": {"symbols": {"mode": "single", "symbol": "AAPL"},
                      "timeframes": {"mode": "single", "timeframe": "1h"}},
    "indicators": [
        {"name": "RSIIndicator", "feature_id": "rsi_14", "params": {"period": 14}},
        {"name": "SMA", "feature_id": "sma_20", "period": 20, "timeframe": "1h"},
    ],
    "fuzzy_sets": {
        "rsi_14": {"low": [0, 30, 50]},
        "sma_20": {
            "input_transform": {"type": "price_ratio", "reference": "close"},
            "above": {"type": "triangular", "parameters": [1.0, 1.02, 1.05]},
        },
    },
    "model": {"type": "mlp", "hidden_layers": [16]},
    "training": {"epochs": 10, "labels": {"source": "zigzag", "zigzag_threshold": 0.02}},
}  # fmt: skip


def changed(path: str, value: Any, of: dict[str, Any] = VERSION_3) -> dict[str, Any]:
    document = copy.deepcopy(of)
    *parents, last = path.split("/")
    place: Any = document
    for parent in parents:
        place = place[int(parent) if isinstance(place, list) else parent]
    if isinstance(place, list):
        place.append(value)
    else:
        place[last] = value
    return document


def test_a_strategy_of_version_3_is_carried_whole() -> None:
    found = convert(VERSION_3)
    assert [note.key for note in found.notes] == ["indicators.adx_14"]
    assert found.document == {
        "name": "two_views",
        "version": "3.0",
        "description": "A momentum and a trend.",
        "training_data": {"symbols": ["EURUSD", "GBPUSD"], "timeframes": ["1h", "1d"], "history_required": 100},
        "indicators": {
            "rsi_14": {"type": "rsi", "parameters": {"period": 14}},
            "adx_14": {"type": "adx", "parameters": {"period": 14}},
        },
        "fuzzy_sets": {
            "momentum": {
                "indicator": "rsi_14.rsi",
                "low": [0, 25, 40],
                "high": {"type": "gaussian", "parameters": [70, 10]},
            },
            "strength": {
                "indicator": "adx_14.adx",
                "strong": {"type": "trapezoidal", "parameters": [20, 30, 100, 100]},
            },
        },
        "nn_inputs": [
            {"fuzzy_set": "momentum", "timeframes": "all"},
            {"fuzzy_set": "strength", "timeframes": ["1d"]},
            {"indicator": "adx_14.plus_di", "timeframes": ["1h"]},
        ],
        "model": {
            "type": "mlp",
            "architecture": {"hidden_layers": [32, 16], "dropout": 0.2, "activation": "relu"},
        },
        "decisions": {"confidence_threshold": 0.6},
        "training": {
            "epochs": 50,
            "batch_size": 32,
            "learning_rate": 0.002,
            "patience": 7,
            "labels": {"type": "zigzag", "threshold": 0.02},
        },
    }


def test_an_older_strategy_gives_every_fuzzy_set_as_an_input() -> None:
    found = convert(VERSION_2).document
    assert found["name"] == "Older__as_a_list"
    assert found["nn_inputs"] == [
        {"fuzzy_set": "rsi_14", "timeframes": "all"},
        {"fuzzy_set": "sma_20", "timeframes": ["1h"]},
    ]
    assert found["indicators"]["sma_20"] == {"type": "sma", "parameters": {"period": 20}}
    assert check(found, "Older__as_a_list")[1] == []


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("scope", "universal", "scope: universal has no equivalent"),
        ("decisions/filters", {"volume_filter": True}, "decisions.filters: a mapping of 1 has no equivalent"),
        ("model/features", {"lookback_periods": 3}, "model.features.lookback_periods: 3 has no equivalent"),
        ("model/training/optimizer", "adamw", "model.training.optimizer: adamw has no equivalent"),
        ("model/training/early_stopping/enabled", False, "a training always stops early here"),
        ("training/data_split", {"train": 0.6}, "the parts have 70, 15 and 15 % here"),
        ("training/labels/label_lookahead", 20, "training.labels.label_lookahead: 20"),
        ("training_data/date_range", {"start": "2020-01-01"}, "give it --start-date"),
        ("training_data/timeframes/base_timeframe", "1d", "decisions are made on the finest timeframe"),
        ("indicators/rsi_14/color", "red", "indicators.rsi_14.color: red is no parameter of it"),
        ("indicators/unused", {"type": "cci"}, "indicators.unused: no input uses it"),
        ("nn_inputs/2", {"raw_indicator": "rsi_14", "normalization": "minmax"}, "scaled by mean and deviation"),
    ],
)
def test_what_is_left_out_or_changed_is_told(path: str, value: Any, told: str) -> None:
    found = convert(changed(path, value))
    assert any(told in str(note) for note in found.notes), found.notes


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("model/type", "lstm", "model.type: 'lstm' has no equivalent"),
        ("decisions/output_format", "regression", "decisions are BUY, HOLD or SELL"),
        ("training/labels/source", "triple_barrier", "labels are zigzag or forward_return"),
        ("training/method", "reinforcement_learning", "trainings are supervised"),
        ("training_data/timeframes", ["2h"], "training_data.timeframes[0]: '2h' is unknown"),
        ("model/training/epochs", 5000, "training.epochs: is 5000; write 1000 or less"),
        ("name", "...", "cannot be a file's name"),
        ("indicators", {}, "no input of the network can be carried"),
    ],
)
def test_what_decides_on_the_strategy_keeps_it_from_being_converted(path: str, value: Any, reason: str) -> None:
    with pytest.raises(Unconvertible) as refused:
        convert(changed(path, value), leave_out=True)
    assert any(reason in told for told in refused.value.reasons), refused.value.reasons


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ("indicators/adx_14/type", "fisher", "indicators.adx_14"),
        ("indicators/rsi_14/source", "high", "indicators.rsi_14.source"),
        ("indicators/rsi_14/data_source", "GBPUSD", "indicators.rsi_14.data_source"),
        ("fuzzy_sets/momentum/indicator", "rsi_14.signal", "fuzzy_sets.momentum.indicator"),
        ("fuzzy_sets/strength/input_transform", {"type": "zscore"}, "fuzzy_sets.strength.input_transform"),
    ],
)
def test_inputs_without_an_equivalent_are_left_out_on_demand_only(path: str, value: Any, key: str) -> None:
    with pytest.raises(Unconvertible) as refused:
        convert(changed(path, value))
    assert any(told.startswith(f"{key}: ") for told in refused.value.reasons)
    found = convert(changed(path, value), leave_out=True)
    assert key in [note.key for note in found.notes]
    assert found.document["nn_inputs"]


def leaves(value: Any, path: str = "") -> list[str]:
    if isinstance(value, dict) and value:
        return [leaf for key, item in value.items() for leaf in leaves(item, f"{path}.{key}".lstrip("."))]
    return [path]


@given(st.sampled_from(leaves(VERSION_3)), st.sampled_from(["no_such_key", "notes"]))
def test_no_key_is_lost_without_a_word(path: str, name: str) -> None:
    """A key that nobody knows, beside any known one: it is told, or the section that it stands in."""
    path = f"{path.rpartition('.')[0]}.{name}".lstrip(".")
    try:
        told = [str(note) for note in convert(changed(path.replace(".", "/"), "x")).notes]
    except Unconvertible as error:
        told = error.reasons
    parts = path.split(".")
    places = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
    usual = [str(note) for note in convert(VERSION_3).notes]
    assert any(line.startswith(f"{place}: ") for line in told if line not in usual for place in places), told


ODD: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text("abc.1", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*VERSION_3, "type", "rsi"]), inner),
    max_leaves=8,
)


@given(st.sampled_from([*leaves(VERSION_3), *VERSION_3, "indicators.rsi_14", "fuzzy_sets.momentum"]), ODD)
def test_whatever_stands_in_a_document_gives_a_valid_strategy_or_reasons(path: str, value: Any) -> None:
    issues: list[Any] = []
    try:
        found = convert(changed(path.replace(".", "/"), value), leave_out=True).document
        issues = check(found, found["name"])[1]
    except Unconvertible as error:
        issues = [] if error.reasons else ["refused without a reason"]
    assert issues == []


def test_every_indicator_s_names_are_those_of_the_catalogue() -> None:
    for kind in KINDS.values():
        known = {parameter.name for parameter in CATALOGUE[kind.type].parameters} | {"smooth_k", "d_period"}
        assert set(kind.parameters.values()) <= known
        assert set(kind.outputs.values()) <= set(CATALOGUE[kind.type].outputs)
    assert set(ALIASES.values()) <= set(KINDS)
    assert {kind.type for kind in KINDS.values()} == set(INDICATORS)
    for name in ("BollingerBandsIndicator", "bollinger_bands", "Stoch", "WilliamsR", "PSAR"):
        assert kind_of(name), name


def test_a_band_keeps_its_width_although_deviations_are_those_of_a_population(year: Bars) -> None:
    bands = {"bb": {"type": "bbands", "period": 5, "std_dev": 2}}
    document = changed("indicators", bands, changed("fuzzy_sets", {"top": {"indicator": "bb", "x": [1, 2, 3]}}))
    document["nn_inputs"] = [{"fuzzy_set": "top"}]
    found = convert(document).document
    assert found["fuzzy_sets"]["top"]["indicator"] == "bb.upper"
    columns = compute("bollinger_bands", year.between(0, 60), found["indicators"]["bb"]["parameters"])
    for place in range(4, 60):
        window = year.closes[place - 4 : place + 1]
        mean = sum(window) / 5
        deviation = math.sqrt(sum((value - mean) ** 2 for value in window) / 4)
        assert columns["upper"][place] == pytest.approx(mean + 2 * deviation, rel=1e-12)


@pytest.mark.parametrize(("smooth", "output", "period"), [(None, "d", 3), (5, "d", 5), (1, "k", 3)])
def test_a_stochastic_is_read_where_it_is_smoothed_as_often(smooth: int | None, output: str, period: int) -> None:
    use: dict[str, Any] = {"type": "stochastic", "k_period": 9} | ({"smooth_k": smooth} if smooth else {})
    document = changed("indicators/adx_14", use)
    document["fuzzy_sets"]["strength"]["indicator"] = "adx_14.k"
    document["nn_inputs"] = document["nn_inputs"][:2]
    found = convert(document).document
    assert found["fuzzy_sets"]["strength"]["indicator"] == f"adx_14.{output}"
    assert found["indicators"]["adx_14"]["parameters"] == {"period": 9, "smooth_period": period}


def test_a_price_ratio_around_one_is_the_same_degree_around_zero() -> None:
    found = convert(VERSION_2).document["fuzzy_sets"]["sma_20"]
    assert (found["indicator"], found["input_transform"]) == ("sma_20.sma", "price_ratio")
    closes = [0.9, 1.0, 1.011, 1.02, 1.03, 1.06]
    theirs = degrees("triangular", [1.0, 1.02, 1.05], closes)
    ours = degrees("triangular", found["above"]["parameters"], [close - 1 for close in closes])
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_the_command_writes_a_strategy_that_the_backend_takes_and_tells_what_was_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "theirs.yaml").write_text(yaml.safe_dump(changed("scope\n# x: 1", "universal")))
    arguments = ["strategies", "convert", str(tmp_path / "theirs.yaml"), "--output", str(tmp_path / "mine.yaml")]
    assert main(arguments) == 0
    written = (tmp_path / "mine.yaml").read_text()
    assert "# scope # x: 1: universal has no equivalent: left out\n" in written
    assert "scope" in capsys.readouterr().err
    assert check(yaml.safe_load(written), "mine")[1] == []
    assert main(arguments) == 1
    assert "exists already" in capsys.readouterr().err
    assert main(arguments[:3]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["name"] == "two_views"


def test_the_command_tells_every_reason_and_the_next_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "theirs.yaml").write_text(yaml.safe_dump(changed("indicators/adx_14/type", "fisher")))
    assert main(["strategies", "convert", str(tmp_path / "theirs.yaml")]) == 1
    told = capsys.readouterr()
    assert (told.out, "indicators.adx_14: 'fisher'" in told.err, "--leave-out" in told.err) == ("", True, True)
    (tmp_path / "theirs.yaml").write_text("a: [")
    assert main(["strategies", "convert", str(tmp_path / "theirs.yaml")]) == 1
    assert "not valid YAML" in capsys.readouterr().err
