"""Converts the indicators of the original ktrdr's strategies, whichever way its versions write them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ktrdr.indicators.catalogue import CATALOGUE
from ktrdr.strategy.foreign import IMPLIED, Kind, kind_of
from ktrdr.strategy.issues import brief
from ktrdr.strategy.reading import Notes, Section

Lack = Callable[[str, str], None]


@dataclass(frozen=True)
class Converted:
    """An indicator here: its name, its section, their outputs that it has with ours, and its own timeframe, if any."""

    name: str
    document: dict[str, Any]
    outputs: dict[str, str]
    timeframe: str | None = None

    def output(self, theirs: str) -> str | None:
        """Return our output for one of theirs, the first for none; None if it cannot be carried."""
        if not theirs:
            return next(iter(self.outputs.values()), None)
        return self.outputs.get(theirs)


def converted(value: Any, lack: Lack, notes: Notes) -> dict[str, Converted]:
    """Return the indicators that can be carried, by their names: a mapping from version 3 on, a list before.

    The only one of its type has that as a name too.
    """
    if isinstance(value, dict):
        items = [(str(name), f"indicators.{name}", item) for name, item in value.items()]
    elif isinstance(value, list):
        items = [("", f"indicators[{place}]", item) for place, item in enumerate(value)]
    else:
        items = []
    found: dict[str, Converted] = {}
    alike: dict[str, list[Converted]] = {}
    for name, path, item in items:
        section = Section(item, path, notes)
        theirs = str(section.take("type", "name") or "")
        own = str(section.take("feature_id") or name or theirs)
        kind = kind_of(theirs)
        if kind is None:
            lack(path, f"{brief(theirs)!r} has no equivalent")
            section.take_all()
        elif (use := _converted(own.replace(".", "_"), kind, section, lack)) is not None:
            found[own] = use
            alike.setdefault(theirs.lower(), []).append(use)
    return {type_: uses[0] for type_, uses in alike.items() if len(uses) == 1} | found


def _converted(name: str, kind: Kind, section: Section, lack: Lack) -> Converted | None:
    numbers = _inline(section)
    missing = [key for key in ("data_source",) if key in numbers]
    missing += [key for key, usual in IMPLIED.items() if key not in kind.parameters and _unusual(key, numbers, usual)]
    for key in missing:
        lack(section.at(key), f"{brief(numbers[key])} has no equivalent, and with it the indicator")
    if missing:
        return None
    timeframe = numbers.pop("timeframe", None)
    parameters = {ours: numbers.pop(theirs) for theirs, ours in kind.parameters.items() if theirs in numbers}
    for key, value in numbers.items():
        if key not in IMPLIED:
            section.notes.tell(section.at(key), f"{brief(value)} is no parameter of it: left out")
    if kind.differs:
        section.notes.tell(section.path, f"its values are not quite the same: {kind.differs}")
    document = {"type": kind.type, "parameters": parameters}
    outputs = kind.outputs or {"": ""}
    use = Converted(name, document, outputs, timeframe)
    if kind.type == "stochastic":
        return _stochastic(use, section)
    if kind.type == "bollinger_bands":
        _of_population(parameters)
    return replace(use, outputs={key: ours or CATALOGUE[kind.type].outputs[0] for key, ours in outputs.items()})


def _inline(section: Section) -> dict[str, Any]:
    """Take all parameters, whether they stand beside the type or below it."""
    below = section.take("params", "parameters")
    numbers = dict(below) if isinstance(below, dict) else {}
    return numbers | section.take_all()


def _unusual(key: str, numbers: dict[str, Any], usual: Any) -> bool:
    wanted = numbers.get("initial_af", usual) if key == "step_af" else usual
    free = ("include_middle", "include_oscillator", "adjust")  # no other values come of these
    return key in numbers and key not in free and numbers[key] != wanted


def _stochastic(use: Converted, section: Section) -> Converted:
    """Their %K, smoothed over `smooth_k` bars, is %D here; their %D, smoothed twice, is not there."""
    parameters = use.document["parameters"]
    smooth, slow = (parameters.pop(key, IMPLIED[key]) for key in ("smooth_k", "d_period"))
    plain = smooth == 1
    parameters["smooth_period"] = slow if plain else smooth
    if not plain:
        section.notes.tell(section.path, f"its k, a mean of {smooth} bars, is called d here; its d cannot be carried")
    return replace(use, outputs={"k": "k", "d": "d"} if plain else {"k": "d"})


def _of_population(parameters: dict[str, Any]) -> None:
    """Scale the multiplier: theirs multiplies a sample's standard deviation, ours a population's."""
    period, multiplier = parameters.get("period", 20), parameters.get("multiplier", 2.0)
    if isinstance(period, int) and period > 1 and isinstance(multiplier, (int, float)):
        parameters["multiplier"] = multiplier * math.sqrt(period / (period - 1))
