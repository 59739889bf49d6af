"""From a document to a strategy: every mistake is an issue that names the key and the mend."""

from typing import Any, Final, Literal, cast

from ktrdr.fuzzy import memberships
from ktrdr.indicators.catalogue import CATALOGUE, IN_PRICE
from ktrdr.names import TIMEFRAMES, is_name, is_symbol
from ktrdr.strategy.plain import problem
from ktrdr.strategy.reader import Reader, brief, numbers
from ktrdr.strategy.schema import (
    FuzzySet,
    IndicatorUse,
    Issue,
    Labels,
    MembershipUse,
    Model,
    NetworkInput,
    Strategy,
    Training,
)

KEYS: Final = (
    "name", "version", "description", "training_data", "indicators", "fuzzy_sets", "nn_inputs", "model",
    "decisions", "training",
)  # fmt: skip
LIMITS: Final = {"indicators": 64, "fuzzy_sets": 64, "memberships": 16, "nn_inputs": 64, "hidden_layers": 8}
WIDEST_LAYER: Final = 1024
LONGEST_DESCRIPTION: Final = 2000


def check(document: Any, name: str) -> tuple[Strategy | None, list[Issue]]:
    """Check a document that is stored under `name`; the strategy is None where an issue is an error."""
    issues: list[Issue] = []
    if not isinstance(document, dict):
        return None, [Issue("error", "structure", "The strategy is not a mapping of keys.", {"key": ""})]
    if objection := problem(document):
        return None, [Issue("error", "structure", f"The strategy {objection}.", {"key": ""})]
    root = Reader({str(key): value for key, value in document.items()}, "", "structure", issues)
    root.known(KEYS)
    _check_head(root, name)
    indicators = _indicators(root)
    fuzzy_sets = _fuzzy_sets(root, indicators)
    data = root.section("training_data", "training_data", required=True)
    data.known(("symbols", "timeframes", "history_required"))
    timeframes = _listed(data, "timeframes", lambda text: text in TIMEFRAMES, f"use {', '.join(TIMEFRAMES)}")
    symbols = _listed(data, "symbols", is_symbol, "a symbol is at most 20 capitals, digits, dots and hyphens")
    decisions = root.section("decisions", "decisions")
    decisions.known(("confidence_threshold",))
    strategy = Strategy(
        name=name,
        description=str(root.values.get("description") or "")[:LONGEST_DESCRIPTION],
        symbols=symbols,
        timeframes=timeframes,
        history_required=data.whole("history_required", 50, 0, 10_000),
        indicators=indicators,
        fuzzy_sets=fuzzy_sets,
        nn_inputs=_nn_inputs(root, indicators, fuzzy_sets, timeframes),
        model=_model(root),
        confidence_threshold=decisions.number("confidence_threshold", 0.5, 0.0, 1.0),
        training=_training(root),
    )
    return (None if any(issue.severity == "error" for issue in issues) else strategy), issues


def _check_head(root: Reader, name: str) -> None:
    if root.values.get("name") != name:
        root.error("name", f"is {brief(root.values.get('name'))!r}; it must be the file's name, {name!r}")
    if not is_name(name):
        root.error("name", "use letters, digits, dots, hyphens and underscores, at most 100")
    if str(root.values.get("version", "")).partition(".")[0] != "3":
        root.error("version", f'is {brief(root.values.get("version"))!r}; this is version 3: write version: "3.0"')


def _listed(reader: Reader, key: str, sound: Any, mend: str) -> tuple[str, ...]:
    values = reader.strings(key)
    if not values:
        reader.error(key, f"names none; {mend}")
    for value in values:
        if not sound(value):
            reader.error(key, f"{brief(value)!r} is unknown; {mend}")
    return tuple(dict.fromkeys(values))


def _indicators(root: Reader) -> dict[str, IndicatorUse]:
    section = root.section("indicators", "indicators", required=True)
    _check_size(section, "indicators")
    found = {}
    for name in section.values:
        entry = section.section(name)
        entry.known(("type", "parameters"))
        kind = entry.choice("type", CATALOGUE)
        if kind is None:
            continue
        given = entry.section("parameters")
        given.known(parameter.name for parameter in CATALOGUE[kind].parameters)
        values = {
            parameter.name: given.number(
                parameter.name, parameter.default, parameter.minimum, parameter.maximum, whole=parameter.whole
            )
            for parameter in CATALOGUE[kind].parameters
        }
        if kind == "macd" and values["fast_period"] >= values["slow_period"]:
            given.error("fast_period", f"is not below slow_period, {values['slow_period']:g}; exchange them")
        found[name] = IndicatorUse(kind, values)
    return found


def _fuzzy_sets(root: Reader, indicators: dict[str, IndicatorUse]) -> dict[str, FuzzySet]:
    section = root.section("fuzzy_sets", "fuzzy_sets", required=True)
    _check_size(section, "fuzzy_sets")
    found = {}
    for name in section.values:
        entry = section.section(name)
        source = _output(entry, "indicator", entry.values.get("indicator"), indicators)
        transform = entry.choice("input_transform", ("none", "price_ratio"), "none")
        uses = {key: _membership(entry, key) for key in entry.values if key not in ("indicator", "input_transform")}
        if not uses or len(uses) > LIMITS["memberships"]:
            entry.error("", f"has {len(uses)} memberships; name 1 to {LIMITS['memberships']}")
        sound = {key: use for key, use in uses.items() if use}
        if source and transform == "price_ratio" and source[1] not in IN_PRICE.get(indicators[source[0]].type, ()):
            some = ", ".join(f"{kind}.{output}" for kind, outputs in IN_PRICE.items() for output in outputs)
            entry.error("input_transform", f"price_ratio sets a price against the close; use it with {some}")
        if source and transform:
            found[name] = FuzzySet(*source, cast("Literal['none', 'price_ratio']", transform), sound)
    return found


def _membership(entry: Reader, key: str) -> MembershipUse | None:
    value = entry.values[key]
    kind: str | None
    if isinstance(value, dict):
        detail = entry.section(key)
        detail.known(("type", "parameters"))
        kind, value = detail.choice("type", memberships.CATALOGUE), detail.values.get("parameters")
    else:
        kind = memberships.BY_COUNT.get(len(value)) if isinstance(value, list) else None
        if kind is None:
            entry.error(key, "write three numbers (triangular), four (trapezoidal), or a type and its parameters")
    if kind is None:
        return None
    parameters = numbers(value)
    objection = memberships.problem(kind, parameters) if parameters else "parameters must be a list of numbers"
    if objection:
        entry.error(key, objection)
        return None
    return MembershipUse(kind, tuple(parameters or ()))


def _output(entry: Reader, key: str, reference: Any, indicators: dict[str, IndicatorUse]) -> tuple[str, str] | None:
    name, _, output = reference.partition(".") if isinstance(reference, str) else ("", "", "")
    if name not in indicators:
        known = brief(", ".join(indicators) or "none")
        entry.error(key, f"{brief(reference)!r} is no indicator of this strategy; defined are {known}")
        return None
    outputs = CATALOGUE[indicators[name].type].outputs
    if output and output not in outputs:
        entry.error(key, f"{brief(name)!r} has no output {brief(output)!r}; it gives {', '.join(outputs)}")
        return None
    return name, output or outputs[0]


def _nn_inputs(
    root: Reader,
    indicators: dict[str, IndicatorUse],
    fuzzy_sets: dict[str, FuzzySet],
    timeframes: tuple[str, ...],
) -> tuple[NetworkInput, ...]:
    items = root.values.get("nn_inputs")
    if not isinstance(items, list) or not 0 < len(items) <= LIMITS["nn_inputs"]:
        root.error("nn_inputs", f"must be a list of 1 to {LIMITS['nn_inputs']} inputs")
        return ()
    found = []
    for position, item in enumerate(items):
        values = {str(key): value for key, value in item.items()} if isinstance(item, dict) else {}
        entry = Reader(values, f"nn_inputs[{position}]", "nn_inputs", root.issues)
        entry.known(("fuzzy_set", "indicator", "timeframes"))
        on = entry.values.get("timeframes", "all")
        wanted = () if on == "all" else tuple(entry.strings("timeframes"))
        if unknown := [timeframe for timeframe in wanted if timeframe not in timeframes]:
            entry.error(
                "timeframes", f"{brief(unknown[0])!r} is not in training_data.timeframes; add it there or write all"
            )
        if ("fuzzy_set" in entry.values) == ("indicator" in entry.values):
            entry.error("", "name either a fuzzy_set or an indicator")
        elif "fuzzy_set" in entry.values:
            if name := entry.choice("fuzzy_set", fuzzy_sets):
                found.append(NetworkInput(name, None, None, wanted))
        elif source := _output(entry, "indicator", entry.values["indicator"], indicators):
            found.append(NetworkInput(None, *source, wanted))
    return tuple(found)


def _model(root: Reader) -> Model:
    section = root.section("model", "model", required=True)
    section.known(("type", "architecture"))
    section.choice("type", ("mlp",))
    shape = section.section("architecture")
    shape.known(("hidden_layers", "dropout", "activation"))
    widths = numbers(shape.values.get("hidden_layers", [32, 16]))
    if (
        not widths
        or len(widths) > LIMITS["hidden_layers"]
        or not all(1 <= width <= WIDEST_LAYER and width == int(width) for width in widths)
    ):
        shape.error("hidden_layers", f"list 1 to {LIMITS['hidden_layers']} whole widths from 1 to {WIDEST_LAYER}")
        widths = []
    activation = shape.choice("activation", ("relu", "tanh", "gelu"), "relu") or "relu"
    return Model(
        type="mlp",
        hidden_layers=tuple(int(width) for width in widths),
        dropout=shape.number("dropout", 0.1, 0.0, 0.9),
        activation=cast("Literal['relu', 'tanh', 'gelu']", activation),
    )


def _training(root: Reader) -> Training:
    section = root.section("training", "training", required=True)
    section.known(("epochs", "batch_size", "learning_rate", "patience", "seed", "labels"))
    labels = section.section("labels", required=True)
    labels.known(("type", "threshold", "horizon"))
    kind = labels.choice("type", ("zigzag", "forward_return")) or "zigzag"
    return Training(
        epochs=section.whole("epochs", 40, 1, 1000),
        batch_size=section.whole("batch_size", 64, 1, 4096),
        learning_rate=section.number("learning_rate", 0.001, 1e-6, 1.0),
        patience=section.whole("patience", 10, 1, 1000),
        seed=section.whole("seed", 42, 0, 2**31 - 1),
        labels=Labels(
            type=cast("Literal['zigzag', 'forward_return']", kind),
            threshold=labels.number("threshold", 0.005, 1e-5, 0.5),
            horizon=labels.whole("horizon", 12, 1, 1000),
        ),
    )


def _check_size(section: Reader, what: str) -> None:
    if not 0 < len(section.values) <= LIMITS[what]:
        section.error("", f"has {len(section.values)} entries; define 1 to {LIMITS[what]}")
