"""docs/strategies.md lists the indicators that there are, and what really becomes of foreign keys."""

import re

import pytest

from ktrdr.indicators.catalogue import CATALOGUE
from ktrdr.indicators.history import bars_needed
from ktrdr.strategy.convert import Unconvertible, convert
from ktrdr.strategy.foreign import ALIASES, KINDS
from tests.support.checkout import ROOT
from tests.support.documents import text
from tests.unit.ktrdr.test_strategies_converted import VERSION_3, changed
from tests.unit.test_documents import quoted, rows

PAGE = ROOT / "docs" / "strategies.md"


def test_the_indicators_are_those_of_the_catalogue_with_outputs_and_defaults() -> None:
    documented = {
        quoted(name)[0]: (quoted(outputs), re.findall(r"`(\w+)` ([\d.]+)", parameters))
        for name, outputs, parameters in rows(PAGE, "indicator |")
    }
    assert documented == {
        kind.type: (list(kind.outputs), [(one.name, f"{one.default:g}") for one in kind.parameters])
        for kind in CATALOGUE.values()
    }


def test_those_that_depend_on_all_bars_are_named() -> None:
    (named,) = re.findall(r"beside the parameters\. (.*?) depend on all", text(PAGE), re.DOTALL)
    assert quoted(named) == [kind for kind in CATALOGUE if bars_needed(kind, {}) is None]


def test_the_indicators_of_the_original_are_those_that_are_converted() -> None:
    documented = [(quoted(theirs), quoted(here)[0], told) for theirs, here, told in rows(PAGE, "theirs |")]
    assert documented == [
        ([name, *(alias for alias, of in ALIASES.items() if of == name)], kind.type, kind.differs or "the same")
        for name, kind in KINDS.items()
    ]


VALUES = ("mlp", "close", "classification", "supervised", "zigzag", "forward_return")
FATES = [
    (key.replace("NAME", "rsi_14"), becomes)
    for cell, becomes in rows(PAGE, "key of theirs")
    for key in quoted(cell)
    if key not in VALUES
]


@pytest.mark.parametrize(("key", "becomes"), FATES, ids=[key for key, _ in FATES])
def test_a_key_of_theirs_becomes_what_the_page_says(key: str, becomes: str) -> None:
    document = (
        changed(key.replace(".", "/"), "odd")
        if "features" not in key
        else changed("model/features", {key.rpartition(".")[2]: "odd"})
    )
    if becomes.startswith("refused"):
        with pytest.raises(Unconvertible):
            convert(document)
        if "inputs are left out" in becomes:
            assert "momentum" not in convert(document, leave_out=True).document["fuzzy_sets"]
    else:
        told = [note.key for note in convert(document).notes]
        assert key in told
        assert key not in [note.key for note in convert(VERSION_3).notes]
