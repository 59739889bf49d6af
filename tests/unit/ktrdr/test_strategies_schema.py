"""The JSON schema of a strategy's file, as a validator that is not ours reads it; and each mistake's own words."""

import copy
import json
import re
import subprocess
import sys
from typing import Any, Final

import jsonschema_rs
import pytest
from fastapi.testclient import TestClient

from ktrdr.cli import main
from ktrdr.settings import SHIPPED_STRATEGIES
from ktrdr.strategy.checks import check, json_schema
from ktrdr.strategy.files import StrategyDirectory
from ktrdr.strategy.mistakes import MOST, TOLD

SHIPPED: Final = StrategyDirectory(SHIPPED_STRATEGIES)
NAME: Final = "mlp_fx_hourly"
LEFT_OUT: Final = object()


@pytest.fixture(scope="module")
def schema() -> jsonschema_rs.Draft202012Validator:
    jsonschema_rs.meta.validate(json_schema())
    return jsonschema_rs.Draft202012Validator(json_schema())


def changed(path: str, value: Any) -> Any:
    document = copy.deepcopy(SHIPPED.document(NAME))
    *parents, last = path.split("/")
    place = document
    for parent in parents:
        place = place[int(parent) if isinstance(place, list) else parent]
    if value is LEFT_OUT:
        del place[last]
    else:
        place[last] = value
    return document


@pytest.mark.parametrize("name", SHIPPED.names())
def test_the_schema_takes_the_shipped_strategies(schema: jsonschema_rs.Draft202012Validator, name: str) -> None:
    schema.validate(SHIPPED.document(name))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", 3),
        ("version", 3.5),
        ("decisions", LEFT_OUT),
        ("description", LEFT_OUT),
        ("model/architecture", LEFT_OUT),
        ("indicators/rsi_14/parameters", LEFT_OUT),
        ("nn_inputs/0/timeframes", ["1h"]),
        ("nn_inputs/0/timeframes", LEFT_OUT),
        ("fuzzy_sets/momentum/indicator", "rsi_14.rsi"),
        ("training/epochs", 5.0),
        ("model/architecture/hidden_layers", [8.0]),
    ],
)
def test_schema_and_check_both_take_what_may_be_left_out_or_written_otherwise(
    schema: jsonschema_rs.Draft202012Validator, path: str, value: Any
) -> None:
    document = changed(path, value)
    schema.validate(document)
    assert check(document, NAME)[1] == []


BROKEN: Final = {
    # what pydantic calls it: where, what, and the whole message about it
    "missing": ("training/labels", LEFT_OUT, "training.labels: is missing; add it"),
    "greater_than_equal": (
        "indicators/rsi_14/parameters/period", 1, "indicators.rsi_14.parameters.period: is 1; write 2 or more",
    ),
    "less_than_equal": ("decisions/confidence_threshold", 1.5,
                        "decisions.confidence_threshold: is 1.5; write 1 or less"),
    "int_type": ("training/epochs", "many", "training.epochs: must be a whole number, found str 'many'"),
    "float_type": ("training/learning_rate", True, "training.learning_rate: must be a number, found bool 'True'"),
    "string_type": ("nn_inputs/0/timeframes", [1],
                    "nn_inputs[0].timeframes[0]: must be a text, found int '1'; put it in quotes"),
    "list_type": ("training_data/symbols", "EURUSD",
                  "training_data.symbols: must be a list, found str 'EURUSD'"),
    "dict_type": ("fuzzy_sets", [], "fuzzy_sets: must be a mapping, found list 'a list of 0'"),
    "model_type": ("training", None, "training: must be a mapping, found nothing"),
    "model_attributes_type": ("indicators/rsi_14", 14, "indicators.rsi_14: must be a mapping, found int '14'"),
    "too_short": ("nn_inputs", [], "nn_inputs: has 0 entries; write 1 or more"),
    "too_long": ("model/architecture/hidden_layers", [8] * 9,
                 "model.architecture.hidden_layers: has 9 entries; write 8 or fewer"),
    "value_error": ("version", "4.0", "version: is '4.0'; this is version 3: write version: \"3.0\""),
    "extra_forbidden": ("decisions/confidence_treshold", 0.5,
                        "decisions.confidence_treshold: unknown key; did you mean 'confidence_threshold'?"),
    "literal_error": ("training_data/timeframes", ["2h"],
                      ("training_data.timeframes[0]: '2h' is unknown; "
                      "use one of 1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w")),
    "union_tag_invalid": ("indicators/rsi_14/type", "rsj",
                          "indicators.rsi_14.type: 'rsj' is unknown; did you mean 'rsi'?"),
    "union_tag_not_found": ("indicators/rsi_14/type", LEFT_OUT,
                            ("indicators.rsi_14.type: is missing; use one of "
                            "rsi, roc, stochastic, sma, ema, macd, adx, bollinger_bands, atr, obv, cci, mfi")),
    "string_pattern_mismatch": ("training_data/symbols", ["eurusd"],
                                ("training_data.symbols[0]: 'eurusd' cannot be used; "
                                "a symbol is at most 20 capitals, digits and . - = ^ _ /"
                                " (in an address ~ stands for /)")),
}  # fmt: skip


@pytest.mark.parametrize(("path", "value", "message"), BROKEN.values(), ids=BROKEN)
def test_schema_and_check_both_refuse_and_the_check_says_what_to_write(
    schema: jsonschema_rs.Draft202012Validator, path: str, value: Any, message: str
) -> None:
    document = changed(path, value)
    assert not schema.is_valid(document)
    strategy, issues = check(document, NAME)
    assert strategy is None
    assert message in [issue.message for issue in issues]


def test_every_kind_of_mistake_that_is_told_is_pinned() -> None:
    assert set(TOLD) <= set(BROKEN)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("shape", "known keys are name, version, description, training_data, indicators, fuzzy_sets, nn_inputs"),
        ("training_data/symbol", "did you mean 'symbols'?"),
        ("training/labels/horizn", "did you mean 'horizon'?"),
        ("model/layers", "known keys are type, architecture"),
        ("model/architecture/hiden_layers", "did you mean 'hidden_layers'?"),
        ("nn_inputs/0/timeframe", "did you mean 'timeframes'?"),
        ("indicators/rsi_14/params", "did you mean 'parameters'?"),
        ("indicators/rsi_14/parameters/multiplier", "known keys are period"),
        ("fuzzy_sets/momentum/neutral/kind", "known keys are type, parameters"),
    ],
)
def test_an_unknown_key_is_told_with_the_keys_of_its_own_section(path: str, said: str) -> None:
    _, issues = check(changed(path, 1), NAME)
    assert [said in issue.message for issue in issues] == [True]
    assert issues[0].details["key"].split(".")[-1] == path.rsplit("/", maxsplit=1)[-1]


def test_every_mistake_is_told_at_once_with_its_category() -> None:
    document = changed("training/epochs", 0)
    document["nn_inputs"][0]["fuzzy_set"] = "momentun"
    document["fuzzy_sets"]["momentum"]["oversold"] = [3, 2, 1]
    document["more"] = 1
    found = [(issue.category, issue.details["key"]) for issue in check(document, NAME)[1]]
    assert found == [
        ("fuzzy_sets", "fuzzy_sets.momentum.oversold"),
        ("nn_inputs", "nn_inputs[0].fuzzy_set"),
        ("training", "training.epochs"),
        ("structure", "more"),
    ]


def test_of_very_many_mistakes_the_first_are_told_and_the_rest_counted() -> None:
    document = SHIPPED.document(NAME) | {f"k{number}": 1 for number in range(MOST + 7)}
    *told, last = check(document, NAME)[1]
    assert len(told) == MOST
    assert last.message == "There are 7 more mistakes; correct these first."


def test_a_key_that_yaml_reads_as_a_number_is_a_name_like_any_other() -> None:
    document = changed("indicators/14", {"type": "rsi"})
    document["indicators"][14] = document["indicators"].pop("14")
    document["nn_inputs"].append({"indicator": "14.rsi"})
    strategy, _ = check(document, NAME)
    assert strategy is not None
    assert strategy.source(strategy.nn_inputs[-1]) == ("14", "rsi")


def test_the_command_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strategies", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()


def test_a_strategy_as_the_api_gives_it_is_itself_a_strategy(
    client: TestClient, schema: jsonschema_rs.Draft202012Validator
) -> None:
    answered = client.get(f"strategies/{NAME}").json()["strategy"]
    schema.validate(answered)
    strategy, issues = check(answered, NAME)
    assert (strategy, issues) == SHIPPED.check(NAME)


def test_the_api_starts_without_the_models_of_strategies() -> None:
    program = "import sys, ktrdr.api.main; print(sorted(name for name in sys.modules if 'ktrdr.strategy.' in name))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(re.findall(r"'ktrdr\.strategy\.(\w+)'", run.stdout))
    assert loaded
    assert loaded.isdisjoint({"schema", "checks", "mistakes", "document"})
