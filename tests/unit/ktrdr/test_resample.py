"""A timeframe that is not stored is made of a finer one: from what was known, the same for every range, and told."""

import random
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ktrdr.data.bars import Bars, iso, parse_time
from ktrdr.data.resample import Resampler, begins, source_of
from ktrdr.data.sample import SYMBOL, to_csv
from ktrdr.names import TIMEFRAME_SECONDS, TIMEFRAMES
from ktrdr.settings import SHIPPED_STRATEGIES
from ktrdr.strategy.files import StrategyDirectory
from ktrdr.training.features import feature_rows
from ktrdr.training.history import fetch, history_of
from ktrdr.worker.job import Job
from tests.support.direct_backend import DirectBackend

BOTH = "zigzag_multi_timeframe"
STRATEGY = StrategyDirectory(SHIPPED_STRATEGIES).load(BOTH)
HOUR_S = 3600


def market(timeframe: str, times: list[int], seed: int = 1) -> Bars:
    """Random bars at these times."""
    dice = random.Random(seed)  # noqa: S311  repeatable on purpose
    bars = Bars()
    for time in times:
        low, open_, close, high = sorted(dice.uniform(1, 2) for _ in range(4))
        bars.extend(Bars([time], [open_], [high], [low], [close], [dice.uniform(0, 9)]))
    assert timeframe in TIMEFRAMES
    return bars


def made(source: str, timeframe: str, bars: Bars, page: int = 10**6) -> Bars:
    maker = Resampler(source, timeframe)
    for start in range(0, len(bars), page):
        maker.add(bars.between(start, start + page))
    return maker.finish()


def test_a_day_holds_its_hours(year: Bars) -> None:
    days = made("1h", "1d", year)
    assert [iso(time)[11:] for time in days.times] == ["00:00:00Z"] * len(days)
    place = days.times.index(parse_time("2023-03-01"))
    start = year.times.index(parse_time("2023-03-01"))
    hours = year.between(start, start + 24)
    day = days.between(place, place + 1)
    prices = (*day.opens, *day.highs, *day.lows, *day.closes)
    assert list(day.times) == [hours.times[0]]
    assert prices == (hours.opens[0], max(hours.highs), min(hours.lows), hours.closes[-1])
    assert list(day.volumes) == [pytest.approx(sum(hours.volumes))]


@pytest.mark.parametrize(
    ("source", "timeframe"), [("1h", "4h"), ("1h", "1d"), ("1h", "1w"), ("4h", "1d"), ("1d", "1w")]
)
@pytest.mark.parametrize("page", [1, 7, 100])
def test_bars_that_come_in_pages_make_the_same(year: Bars, source: str, timeframe: str, page: int) -> None:
    bars = year.between(0, 700) if source == "1h" else made("1h", source, year)
    assert made(source, timeframe, bars, page) == made(source, timeframe, bars)


def test_a_week_begins_on_monday(year: Bars) -> None:
    weeks = made("1h", "1w", year)
    assert iso(weeks.times[0]) == "2023-01-02T00:00:00Z"
    assert {(after - before) for before, after in zip(weeks.times, weeks.times[1:], strict=False)} == {604_800}


@pytest.mark.parametrize("shift", [0, 1800, 20 * HOUR_S, 21 * HOUR_S])
@pytest.mark.parametrize(("source", "timeframe"), [("1h", "4h"), ("1h", "1d"), ("4h", "1d"), ("1d", "1w")])
def test_no_bar_holds_what_was_not_known_when_it_closed(source: str, timeframe: str, shift: int) -> None:
    length = TIMEFRAME_SECONDS[source]
    first = parse_time("2024-02-26") + shift
    times = [first + length * place for place in range(1200 * HOUR_S // length)]
    summer = parse_time("2024-03-10T07:00:00Z")  # New York's clocks: days and four hours open an hour earlier
    times = [time - HOUR_S if source != "1h" and time > summer else time for time in times]
    bars = market(source, times)
    whole = made(source, timeframe, bars)
    compared = 0
    for bar in range(1, len(bars), max(1, len(bars) // 40)):
        known = made(source, timeframe, bars.between(0, bar))
        now = times[bar]  # the bars before have closed, and this one has opened
        closed = sum(time + TIMEFRAME_SECONDS[timeframe] <= now for time in whole.times)
        assert known.between(0, closed) == whole.between(0, closed)
        compared += closed
    assert compared > 100


def test_the_first_bar_that_may_lack_hours_is_left_out() -> None:
    start = parse_time("2024-03-06T05:00:00Z")
    hours = market("1h", [start + HOUR_S * place for place in range(60)])
    assert [iso(time) for time in made("1h", "1d", hours).times] == ["2024-03-07T00:00:00Z", "2024-03-08T00:00:00Z"]


def test_the_next_finer_timeframe_is_the_source() -> None:
    assert source_of("1d", ["1m", "1h", "1w"]) == "1h"
    assert source_of("1m", ["1h"]) is None
    assert begins(parse_time("2024-03-10T23:00:00Z"), "1w") == parse_time("2024-03-04")


@pytest.fixture
def workers(backend: DirectBackend) -> TestClient:
    client = backend.client
    for kind in ("training", "backtest"):
        body = {"worker_id": kind, "worker_type": kind, "endpoint_url": f"http://{kind}:5003"}
        client.post("workers/register", json=body)
    return client


def request_of(client: TestClient) -> dict[str, Any]:
    entry = client.get("operations", params={"operation_type": "training"}).json()["operations"][0]
    found: dict[str, Any] = entry["metadata"]["request"]
    return found


def test_a_training_on_a_missing_timeframe_is_queued_with_its_source(workers: TestClient) -> None:
    assert workers.post("trainings/start", json={"strategy_name": BOTH}).status_code == 200
    assert request_of(workers)["made_of"] == {SYMBOL: {"1d": "1h"}}


def test_a_stored_timeframe_is_never_made(workers: TestClient, year: Bars) -> None:
    workers.post(f"data/{SYMBOL}/1d", content=to_csv(made("1h", "1d", year)))
    workers.post("trainings/start", json={"strategy_name": BOTH})
    assert "made_of" not in request_of(workers)


def asked(start: str | None, end: str | None) -> dict[str, Any]:
    return {"symbol": SYMBOL, "start_date": start, "end_date": end, "made_of": {SYMBOL: {"1d": "1h"}}}


def features(backend: DirectBackend, start: str | None, end: str | None) -> dict[int, Any]:
    bars = fetch(backend, STRATEGY, ["1h", "1d"], asked(start, end))
    _, rows = feature_rows(STRATEGY, bars)
    first = parse_time(start) if start else 0
    return {time: row for time, row in zip(bars["1h"].times, rows, strict=True) if time >= first}


def test_features_on_common_hours_are_the_same_for_every_range(
    backend: DirectBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ktrdr.strategy.history.bars_needed", lambda *_: 150
    )  # the year has no more days than the RSI needs
    whole = features(backend, None, None)
    dice = random.Random(3)  # noqa: S311  repeatable on purpose
    for _ in range(6):
        start = iso(dice.choice([time for time in whole if time > parse_time("2023-08-20")]))
        end = iso(parse_time(start) + dice.randrange(50, 900) * HOUR_S)
        part = features(backend, start, end)
        assert len(part) > 10
        for time, row in part.items():
            assert row == pytest.approx(whole[time], abs=1e-3)


def test_fetching_tells_how_many_bars_have_come(backend: DirectBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ktrdr.worker.backend.PAGE", 2500)
    job = Job({"operation_id": "op", "request": {}}, backend, lambda: None)
    steps: list[tuple[float, str]] = []
    monkeypatch.setattr(job, "report", lambda percentage, step, *_: steps.append((percentage, step)))
    fetch(backend, STRATEGY, ["1h"], asked(None, None), report=job.fetched)
    assert [step for _, step in steps] == [
        f"fetching {SYMBOL} 1h: {come} of 6,242 bars" for come in ("2,500", "5,000", "6,242")
    ]
    assert [percentage for percentage, _ in steps] == [pytest.approx(5 * come / 6242) for come in (2500, 5000, 6242)]


def test_more_history_than_a_page_may_reach_back_is_all_of_it() -> None:
    assert history_of(STRATEGY, "1d", "1h") == (857 + 1) * 24
    assert history_of(STRATEGY, "1d", "1m") is None
