"""Whatever a strategy file holds: issues that say what to mend, in bounded time and memory, and never a traceback."""

import copy
import json
import time
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrdr.settings import SHIPPED_STRATEGIES
from ktrdr.strategy.checks import check
from ktrdr.strategy.files import SIZE_LIMIT, StrategyDirectory
from ktrdr.strategy.issues import Issue
from ktrdr.strategy.schema import Strategy

NAME: Final = "mlp_fx_hourly"
GOOD: Final = StrategyDirectory(SHIPPED_STRATEGIES).document(NAME)
CPU_SECONDS: Final = 4.0
"""For the largest file there may be, on a slow machine; YAML itself takes most of it."""

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.dates()
    | st.sampled_from([10**400, -(10**400), 1e308, -0.0, "rsi", "1h", "all", NAME, "3.0", 2**63])
    | st.binary(max_size=3) | st.tuples(st.integers())
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=4),
    max_leaves=12,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


PLACES: Final = [place for place in places(GOOD) if place]


def verdict(strategy: Strategy | None, issues: list[Issue]) -> None:
    """Each answer is a strategy or errors, each error has a key and a readable message, and details are JSON."""
    errors = [issue for issue in issues if issue.severity == "error"]
    assert (strategy is None) == bool(errors)
    for issue in issues:
        assert issue.message
        assert len(issue.message) < 1000
        assert "key" in issue.details
        json.dumps(issue.details, allow_nan=False)


@settings(max_examples=150, deadline=None)
@given(ANYTHING)
def test_any_value_at_all_is_answered_with_issues(document: Any) -> None:
    verdict(*check(document, NAME))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_good_strategy_with_anything_anywhere_is_sound_or_answered_with_issues(data: st.DataObject) -> None:
    document = copy.deepcopy(GOOD)
    for place in data.draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=3, unique=True)):
        holder = document
        try:
            for key in place[:-1]:
                holder = holder[key]
            if data.draw(st.booleans()):
                holder[place[-1]] = data.draw(ANYTHING)
            elif data.draw(st.booleans()):
                holder[place[-1] if isinstance(holder, list) else data.draw(st.text(max_size=8))] = data.draw(ANYTHING)
            else:
                del holder[place[-1]]
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    strategy, issues = check(document, NAME)
    verdict(strategy, issues)
    if strategy is not None:
        assert json.dumps(document, allow_nan=False), "what is sound can travel to a worker"


def stored(directory: Path, text: str) -> StrategyDirectory:
    (directory / f"{NAME}.yaml").write_bytes(text.encode("utf-8", errors="surrogatepass"))
    return StrategyDirectory(directory)


@settings(max_examples=80, deadline=None)
@given(text=st.text(max_size=200) | st.text("{}[]:-,&*!<>|'\"#%@ \nab1.~?", max_size=60))
def test_any_text_is_answered_with_issues(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    verdict(*stored(tmp_path_factory.getbasetemp(), text).check(NAME))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_good_file_with_damage_is_sound_or_answered_with_issues(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = yaml.safe_dump(GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        text = text[:start] + data.draw(st.text(max_size=6)) + text[start + data.draw(st.integers(0, 6)) :]
    verdict(*stored(tmp_path_factory.getbasetemp(), text).check(NAME))


LAUGHS = "\n".join(["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 60))])
MERGES = "\n".join(
    ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 60))]
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LAUGHS, "line 2: aliases"),
        (MERGES, "line 2: aliases"),
        ("&a [*a]", "aliases"),
        ("[" * 60_000, "nested too deeply"),
        ("{a: " * 30 + "1" + "}" * 30, "nested more than 20 levels deep"),
        ("- " * 30_000 + "x", "nested too deeply"),
        ("epochs: " + "9" * 5000, "cannot be read"),
        ("epochs: " + "9" * 400, "a whole number beyond"),
        ("when: 2024-99-99", "cannot be read"),
        ("when: 2024-01-01", "when: a date, not a text"),
        ("x: .inf", "inf is no number"),
        ("x: !!python/object/apply:os.system [ls]", "not valid YAML at line 1"),
        ("x: !!binary aGVsbG8=", "a bytes, not a text"),
        ("? [1, 2]\n: 3", "cannot be read"),
        ("name: a\nname: b", "line 2: the key name is there twice"),
        ("[" + "1," * 30_000 + "]", "more than 20000 values"),
        ("\n".join(f"k{n}: 1" for n in range(5_000)), "more mistakes; correct these first"),
        ("x" * (SIZE_LIMIT + 1), "larger than"),
        ("\0", "YAML"),
        ("", "not a mapping"),
    ],
    ids=lambda value: value[:12].strip(),
)
def test_files_that_want_to_grow_are_bounded(text: str, said: str, tmp_path: Path) -> None:
    began = time.process_time()
    strategy, issues = stored(tmp_path, text).check(NAME)
    assert time.process_time() - began < CPU_SECONDS
    verdict(strategy, issues)
    assert any(said in issue.message for issue in issues), [issue.message for issue in issues[:3]]
    assert len(issues) < 100
