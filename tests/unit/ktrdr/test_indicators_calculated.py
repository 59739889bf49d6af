"""Indicators over HTTP: the values that a strategy sees, the same for every range, within bounds."""

import math
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from ktrdr.api.routes.indicators import MOST_INDICATORS, VALUES_LIMIT
from ktrdr.api.services import indicator_service
from ktrdr.data.bars import Bars, iso
from ktrdr.indicators.catalogue import CATALOGUE
from ktrdr.indicators.compute import compute

RSI = {"rsi": {"type": "rsi", "parameters": {"period": 5}}}


@pytest.fixture
def stored(client: TestClient, csv: str) -> TestClient:
    client.post("data/EURUSD-SAMPLE/1h", content=csv)
    return client


def ask(client: TestClient, indicators: Any, **more: Any) -> Response:
    body = {"symbol": "EURUSD-SAMPLE", "timeframe": "1h", "indicators": indicators, **more}
    answer: Response = client.post("indicators/calculate", json=body)
    return answer


def values(client: TestClient, indicators: Any, **more: Any) -> dict[str, Any]:
    answer = ask(client, indicators, **more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["data"]
    assert {len(column) for column in found["indicators"].values()} == {found["points"]} == {len(found["dates"])}
    return found


@pytest.mark.parametrize("kind", CATALOGUE)
def test_the_values_are_those_of_a_strategy_and_the_same_for_every_range(
    stored: TestClient, year: Bars, kind: str
) -> None:
    whole = compute(kind, year, {})
    for first, count in ((0, 400), (1234, 50), (len(year) - 7, 7)):
        start = iso(year.times[first]) if first else None
        found = values(stored, {"x": {"type": kind}}, start_date=start, limit=count)
        assert found["dates"] == [iso(time) for time in year.times[first : first + count]]
        for output, column in whole.items():
            expected = [None if math.isnan(value) else value for value in column[first : first + count]]
            assert found["indicators"][f"x.{output}"] == expected


def test_a_long_range_comes_in_pages(stored: TestClient, year: Bars) -> None:
    first = values(stored, RSI, limit=100, end_date=iso(year.times[149]))
    assert first["metadata"]["next_start"] == iso(year.times[100])
    rest = values(stored, RSI, start_date=first["metadata"]["next_start"], end_date=iso(year.times[149]))
    assert rest["metadata"] == {"symbol": "EURUSD-SAMPLE", "timeframe": "1h", "next_start": None}
    whole = values(stored, RSI, limit=150)
    assert first["indicators"]["rsi.rsi"] + rest["indicators"]["rsi.rsi"] == whole["indicators"]["rsi.rsi"]


def test_a_range_without_bars_has_no_values(stored: TestClient) -> None:
    assert values(stored, RSI, start_date="2030-01-01")["points"] == 0


@pytest.mark.parametrize(
    ("use", "said"),
    [
        ({"type": "rsj"}, "indicators.x.type: 'rsj' is unknown; did you mean 'rsi'?"),
        ({"type": "rsi", "parameters": {"period": 1}}, "indicators.x.parameters.period: is 1; write 2 or more"),
        ({"type": "rsi", "parameters": {"perod": 9}}, "unknown key; did you mean 'period'?"),
        ({"type": "rsi", "parameters": {"period": 9.5}}, "must be a whole number"),
        ({"type": "macd", "parameters": {"fast_period": 30}}, "fast_period is not below slow_period"),
    ],
)
def test_a_wrong_indicator_is_refused_with_the_key_and_the_next_step(
    client: TestClient, use: dict[str, Any], said: str
) -> None:
    answer = ask(client, {"x": use})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_indicator")
    assert said in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("indicators", "more"),
    [
        ({}, {}),
        ({f"x{number}": {"type": "rsi"} for number in range(MOST_INDICATORS + 1)}, {}),
        ({"a/b": {"type": "rsi"}}, {}),
        (RSI, {"limit": 0}),
        (RSI, {"limit": VALUES_LIMIT + 1}),
        (RSI, {"more": 1}),
        ({"x": {"type": "rsi", "parameters": {f"p{number}": 1 for number in range(17)}}}, {}),
    ],
    ids=range(7),
)
def test_what_lies_beyond_a_bound_is_refused(client: TestClient, indicators: Any, more: dict[str, Any]) -> None:
    answer = ask(client, indicators, **more)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")


def test_bars_that_are_not_there_and_no_range_are_told(client: TestClient) -> None:
    assert ask(client, RSI).json()["error"]["code"] == "no_data"
    assert ask(client, RSI, start_date="2024-02-01", end_date="2024-01-01").json()["error"]["code"] == "bad_range"


def test_too_many_bars_or_too_long_periods_are_refused(stored: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indicator_service, "MOST_BARS", 1000)
    late = {"start_date": "2023-11-01", "limit": 100}
    assert ask(stored, RSI, **late).status_code == 200
    refused = ask(stored, {"obv": {"type": "obv"}}, **late)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "too_many_bars")
    monkeypatch.setattr(indicator_service, "MOST_STEPS", 1000)
    refused = ask(stored, RSI, limit=300)
    assert (refused.status_code, refused.json()["error"]["details"]) == (400, {"bars": 300, "at_most": 200})
