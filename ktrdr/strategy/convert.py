"""Converts a strategy of the original ktrdr: parameters beside the type, symbols by mode, names apart from files.

ktrdr/README.md lists what is carried, what is changed and what cannot be carried.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ktrdr.names import is_name
from ktrdr.strategy.checks import check
from ktrdr.strategy.indicator_conversion import Converted, Lack, converted
from ktrdr.strategy.issues import brief
from ktrdr.strategy.reading import Note, Notes, Section

SPLIT: Final = {"train": 0.7, "validation": 0.15, "test": 0.15}
KNOWN_LABELS: Final = ("zigzag", "forward_return")
REASONS_SHOWN: Final = 3


class Unconvertible(ValueError):
    """A document that cannot be a strategy here; `reasons` name the keys."""

    def __init__(self, reasons: list[str]) -> None:
        more = len(reasons) - REASONS_SHOWN
        super().__init__("; ".join(reasons[:REASONS_SHOWN]) + (f"; and {more} more" if more > 0 else ""))
        self.reasons = reasons


@dataclass(frozen=True)
class Conversion:
    """A valid strategy's document, and what was left out or changed on the way."""

    document: dict[str, Any]
    notes: list[Note]


def convert(document: Any, name: str | None = None, *, leave_out: bool = False) -> Conversion:
    """Return the document as a strategy named `name`, by default its own name.

    `leave_out` drops inputs that cannot be carried. Unconvertible with every reason if one cannot, or if what comes
    out is no valid strategy.
    """
    if not isinstance(document, dict):
        raise Unconvertible(["the document is not a mapping of keys"])
    notes = Notes()
    top = Section(document, "", notes)
    wanted = _name(top, name, notes)
    data = _training_data(top, notes)
    indicators, fuzzy_sets, inputs = _inputs(top, notes, leave_out=leave_out)
    made = {
        "name": wanted,
        "version": "3.0",
        "description": str(top.take("description") or "").strip(),
        "training_data": data,
        "indicators": indicators,
        "fuzzy_sets": fuzzy_sets,
        "nn_inputs": inputs,
        **_network(top, notes),
    }
    top.take("version")
    top.rest()
    reasons = [str(note) for note in notes.lacking]
    if not reasons:
        _, issues = check(made, wanted)
        reasons = [issue.message for issue in issues]
    if reasons:
        raise Unconvertible(reasons)
    return Conversion(made, notes.told)


def _name(top: Section, name: str | None, notes: Notes) -> str:
    own = str(top.take("name") or "")
    plain = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "._-") else "_" for sign in own).strip("._-")
    wanted = name or plain[:100]
    if not is_name(wanted):
        notes.lack("name", f"{brief(wanted)!r} cannot be a file's name; give one with --name")
    elif wanted != own:
        notes.tell("name", f"{brief(own)!r} became {wanted!r}, the name of the file to come")
    return wanted


def _training_data(top: Section, notes: Notes) -> dict[str, Any]:
    older = top.section("data")  # version 1 has it under this name
    data = top.section("training_data")
    found: dict[str, Any] = {}
    for key, one in (("symbols", "symbol"), ("timeframes", "timeframe")):
        value = next((value for value in (data.take(key), older.take(key)) if value is not None), None)
        found[key] = _listed(value, one, data.at(key), notes)
    history = next((value for value in (data.take("history_required"), older.take("history_required")) if value), None)
    if history is not None:
        found["history_required"] = history
    for section in (older, data):
        for key in ("date_range", "start_date", "end_date"):
            if (value := section.take(key)) is not None:
                notes.tell(section.at(key), f"{brief(value)} belongs to the training: give it --start-date, --end-date")
        section.rest()
    return found


def _listed(value: Any, one: str, path: str, notes: Notes) -> Any:
    """Return their symbols or timeframes, a list or a mapping by mode, as a list."""
    if not isinstance(value, dict):
        return [value] if isinstance(value, str) else value
    section = Section(value, path, notes)
    several, single = section.take("list", f"{one}s"), section.take(one)
    section.take("mode")
    base = section.take("base_timeframe")
    found = several or ([single] if single is not None else [])
    if base is not None and isinstance(found, list) and base not in found[:1]:
        notes.tell(section.at("base_timeframe"), f"{brief(base)}: decisions are made on the finest timeframe here")
    section.rest()
    return found


@dataclass(frozen=True)
class _Inputs:
    """What is read into the network: what is known of their indicators, and what is made of it."""

    known: Mapping[str, Converted]
    indicators: dict[str, Any]
    fuzzy_sets: dict[str, Any]
    timeframes: dict[str, str | None]


def _inputs(top: Section, notes: Notes, *, leave_out: bool) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    """Return indicators, fuzzy sets and inputs; what cannot be carried is lacking, or left out with `leave_out`."""
    lack = notes.tell if leave_out else notes.lack
    made = _Inputs(converted(top.take("indicators"), lack, notes), {}, {}, {})
    for name, value in top.section("fuzzy_sets").take_all().items():
        section = Section(value, f"fuzzy_sets.{name}", notes)
        source = str(section.take("indicator") or name)
        found = _referred(source, made.known)
        if found is None:
            lack(section.at("indicator"), f"{brief(source)!r} cannot be carried, and with it the fuzzy set")
            continue
        use, reference = found
        made.fuzzy_sets[name] = {"indicator": reference, **_memberships(section, lack)}
        made.indicators[use.name] = use.document
        made.timeframes[name] = use.timeframe
    inputs = _network_inputs(top, made, lack, notes)
    for use in {use.name: use for use in made.known.values()}.values():
        if use.name not in made.indicators:
            notes.tell(f"indicators.{use.name}", "no input uses it: left out")
    if not inputs:
        notes.lack("nn_inputs", "no input of the network can be carried")
    return made.indicators, made.fuzzy_sets, inputs


def _referred(source: str, known: Mapping[str, Converted]) -> tuple[Converted, str] | None:
    """Return the indicator that a reference of theirs reads, and the reference here."""
    name, _, output = source.partition(".")
    use = known.get(name) or known.get(name.lower())
    if use is None or (ours := use.output(output)) is None:
        return None
    return use, f"{use.name}.{ours}"


def _memberships(section: Section, lack: Lack) -> dict[str, Any]:
    found: dict[str, Any] = {}
    shift = 0.0
    transform = section.section("input_transform")
    if (kind := transform.take("type")) == "price_ratio" and transform.take("reference") in (None, "close"):
        found["input_transform"] = kind
        shift = 1.0  # theirs is the close over the value, ours one less
    elif kind is not None:
        lack(section.at("input_transform"), f"{brief(kind)} has no equivalent")
    transform.rest()
    for name, value in section.take_all().items():
        found[name] = _membership(value, shift, section.at(name), section.notes)
    return found


def _membership(value: Any, shift: float, path: str, notes: Notes) -> Any:
    if isinstance(value, dict):
        section = Section(value, path, notes)
        kind, numbers = str(section.take("type")).lower(), section.take("parameters")
        section.rest()
        kind = {"trapezoid": "trapezoidal", "triangle": "triangular"}.get(kind, kind)
        return {"type": kind, "parameters": _moved(numbers, shift, 1 if kind in ("gaussian", "sigmoid") else None)}
    return _moved(value, shift, None)


def _moved(numbers: Any, shift: float, count: int | None) -> Any:
    """Return the first `count` parameters, or all, less the shift."""
    if not isinstance(numbers, list) or not all(isinstance(number, (int, float)) for number in numbers):
        return numbers
    count = len(numbers) if count is None else count
    return [float(number) - shift * (place < count) for place, number in enumerate(numbers)]


def _network_inputs(top: Section, made: _Inputs, lack: Lack, notes: Notes) -> list[Any]:
    asked = top.take("nn_inputs")
    if asked is None:  # before version 3 each fuzzy set is an input, on the timeframe of its indicator or on all
        return [
            {"fuzzy_set": name, "timeframes": [timeframe] if timeframe else "all"}
            for name, timeframe in made.timeframes.items()
        ]
    found = []
    for place, value in enumerate(asked if isinstance(asked, list) else []):
        section = Section(value, f"nn_inputs[{place}]", notes)
        fuzzy_set, raw, on = section.take("fuzzy_set"), section.take("raw_indicator"), section.take("timeframes")
        where = {"timeframes": [on] if isinstance(on, str) and on != "all" else on} if on else {}
        if isinstance(fuzzy_set, str) and fuzzy_set in made.fuzzy_sets:
            found.append({"fuzzy_set": fuzzy_set, **where})
        elif referred := _referred(str(raw), made.known):
            made.indicators[referred[0].name] = referred[0].document
            found.append({"indicator": referred[1], **where})
        else:
            lack(section.path, f"{brief(fuzzy_set or raw)!r} cannot be carried")
        if (normalization := section.take("normalization")) not in (None, "zscore"):
            notes.tell(section.at("normalization"), f"{brief(normalization)}: inputs are scaled by mean and deviation")
        section.rest()
    return found


def _network(top: Section, notes: Notes) -> dict[str, Any]:
    """Return model, decisions and training."""
    model, training, decisions = top.section("model"), top.section("training"), top.section("decisions")
    if (kind := model.take("type")) != "mlp":
        notes.lack("model.type", f"{brief(kind)!r} has no equivalent; the network is an mlp")
    architecture = model.section("architecture")
    layers = architecture.take("hidden_layers") or model.take("hidden_layers")
    shape = {"hidden_layers": layers} if layers else {}
    for key in ("dropout", "activation"):
        if (value := architecture.take(key)) is not None:
            shape[key] = value.lower() if isinstance(value, str) else value
    architecture.expect("output_activation", "softmax")
    features = model.section("features")
    features.expect("include_price_context", False)
    features.expect("scale_features", True)
    features.expect("lookback_periods", 0, 1)
    for section in (architecture, features):
        section.rest()
    if (output := decisions.take("output_format")) not in (None, "classification"):
        notes.lack("decisions.output_format", f"{brief(output)!r} has no equivalent; decisions are BUY, HOLD or SELL")
    threshold = decisions.take("confidence_threshold")
    decisions.expect("position_awareness", False)
    decisions.rest()
    trained = _training(training, model.section("training"), notes)
    model.rest()
    return {
        "model": {"type": "mlp", "architecture": shape},
        "decisions": {"confidence_threshold": float(threshold)} if isinstance(threshold, (int, float)) else {},
        "training": trained,
    }


def _training(training: Section, inner: Section, notes: Notes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in ("epochs", "batch_size", "learning_rate"):
        values = [value for section in (training, inner) if (value := section.take(key)) is not None]
        found |= {key: values[0]} if values else {}
    for section in (training, inner):
        stopping = section.section("early_stopping")
        patience, enabled = stopping.take("patience"), stopping.take("enabled")
        if enabled is False:
            notes.tell(stopping.at("enabled"), "a training always stops early here; patience is all epochs")
            patience = found.get("epochs")
        if patience is not None and "patience" not in found:
            found["patience"] = patience
        stopping.expect("monitor", "val_loss")
        stopping.rest()
        section.expect("optimizer", "adam")
        section.expect("loss", "cross_entropy")
    if (method := training.take("method")) not in (None, "supervised"):
        notes.lack("training.method", f"{brief(method)!r} has no equivalent; trainings are supervised")
    if (split := training.take("data_split")) not in (None, SPLIT):
        notes.tell("training.data_split", f"{brief(split)}: the parts have 70, 15 and 15 % here")
    found["labels"] = _labels(training.section("labels"), notes)
    if (dates := training.take("date_range")) is not None:
        notes.tell("training.date_range", f"{brief(dates)} belongs to the training: give it --start-date, --end-date")
    for section in (inner, training):
        section.rest()
    return found


def _labels(labels: Section, notes: Notes) -> dict[str, Any]:
    kind = labels.take("source", "method")
    if kind not in KNOWN_LABELS:
        notes.lack(labels.at("source"), f"{brief(kind)!r} has no equivalent; labels are {' or '.join(KNOWN_LABELS)}")
    found: dict[str, Any] = {"type": kind}
    for theirs, ours in (("zigzag_threshold", "threshold"), ("threshold", "threshold"), ("horizon", "horizon")):
        if (value := labels.take(theirs)) is not None:
            found[ours] = value
    if (ahead := labels.take("label_lookahead")) is not None:
        notes.tell(labels.at("label_lookahead"), f"{brief(ahead)}: a zigzag's swings have no fixed length here")
    labels.rest()
    return found
