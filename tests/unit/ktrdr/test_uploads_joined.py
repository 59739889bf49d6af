"""Stored bars neither go nor change unless the client says so; more bars are added in parts."""

import random
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from ktrdr.data import stored
from ktrdr.data.bars import Bars
from ktrdr.data.files import DataDirectory
from ktrdr.data.sample import to_csv

HEADER = "timestamp,open,high,low,close,volume\n"


def row(hour: int, close: float = 1.0) -> str:
    return f"2024-01-{1 + hour // 24:02}T{hour % 24:02}:00:00Z,1,2,0.5,{close},10\n"


def rows(start: int, stop: int, close: float = 1.0) -> str:
    return HEADER + "".join(row(hour, close) for hour in range(start, stop))


def post(client: TestClient, content: str, **wishes: bool) -> httpx.Response:
    params = {name: str(wish) for name, wish in wishes.items()}
    answer: httpx.Response = client.post("data/X/1h", content=content, params=params)
    return answer


def changes(answer: httpx.Response) -> tuple[int, int, int, int]:
    data: dict[str, Any] = answer.json()["data"]
    return data["points"], data["bars_added"], data["bars_changed"], data["bars_removed"]


@pytest.fixture
def client(client: TestClient) -> TestClient:
    assert changes(post(client, rows(10, 20))) == (10, 10, 0, 0)
    return client


def test_the_same_bars_and_more_are_stored_without_a_wish(client: TestClient) -> None:
    assert changes(post(client, rows(10, 20))) == (10, 0, 0, 0)
    assert changes(post(client, rows(5, 25))) == (20, 10, 0, 0)


@pytest.mark.parametrize(
    ("content", "counts"),
    [
        (rows(0, 5), (10, 0, 10)),
        (rows(30, 40), (10, 0, 10)),
        (rows(10, 15), (5, 0, 15)),
        (rows(15, 30), (5, 0, 10)),
        (rows(10, 20, 1.5), (0, 10, 10)),
        (HEADER + row(10) + row(12, 1.5) + row(19), (7, 1, 11)),
    ],
)
def test_bars_that_would_go_or_change_are_counted_and_need_the_wish_to_replace(
    client: TestClient, tmp_path: Path, content: str, counts: tuple[int, int, int]
) -> None:
    removed, changed, first = counts
    before = (tmp_path / "X_1h.csv").read_bytes()
    answer = post(client, content)
    error = answer.json()["error"]
    time = row(first)[:20]
    assert (answer.status_code, error["code"]) == (409, "would_replace")
    assert error["details"] == {"stored": 10, "removed": removed, "changed": changed, "first": time}
    assert (
        f"X 1h has 10 bars; {removed} of them are not in this text and {changed} have other values" in error["message"]
    )
    assert "Send replace=true to replace the series, or append=true to add to it" in error["message"]
    assert (tmp_path / "X_1h.csv").read_bytes() == before
    assert changes(post(client, content, replace=True))[2:] == (changed, removed)


def test_parts_are_joined_wherever_they_lie(client: TestClient) -> None:
    assert changes(post(client, rows(30, 40), append=True)) == (20, 10, 0, 0)
    assert changes(post(client, rows(0, 5), append=True)) == (25, 5, 0, 0)
    assert changes(post(client, rows(3, 12), append=True)) == (30, 5, 0, 0)
    assert changes(post(client, rows(0, 40), append=True)) == (40, 10, 0, 0)
    assert client.get("data/X/1h").json()["data"]["points"] == 40


def test_other_values_in_a_part_are_refused_unless_they_are_to_replace(client: TestClient) -> None:
    answer = post(client, rows(18, 25, 1.5), append=True)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "would_replace")
    assert "2 stored bars of X 1h have other values in this text" in answer.json()["error"]["message"]
    assert changes(post(client, rows(18, 25, 1.5), append=True, replace=True)) == (15, 5, 2, 0)
    closes = [bar[3] for bar in client.get("data/X/1h").json()["data"]["ohlcv"]]
    assert closes == [1.0] * 8 + [1.5] * 7


@pytest.mark.parametrize("hour", ["09", "15", "19"])
def test_a_part_whose_bars_stand_between_those_stored_does_not_fit(client: TestClient, hour: str) -> None:
    answer = post(client, f"{HEADER}2024-01-01T{hour}:30:00Z,1,2,0.5,1,10\n", append=True)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "would_not_fit")
    assert "1800 s after the one before it, which is too near" in answer.json()["error"]["message"]
    assert client.get("data/X/1h").json()["data"]["points"] == 10


def test_a_damaged_series_can_be_replaced(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "X_1h.csv").write_text(HEADER + "soon,1,2,0.5,1,10\n")
    assert post(client, rows(0, 5)).status_code == 422
    assert changes(post(client, rows(0, 5), replace=True)) == (5, 5, 0, 0)


@pytest.mark.parametrize("seed", range(5))
def test_random_parts_in_any_order_make_the_series_and_every_page_of_it(
    tmp_path: Path, year: Bars, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    from ktrdr.data.placing import Wishes  # noqa: PLC0415  beside its only use

    monkeypatch.setattr(stored, "EVERY", 64)
    monkeypatch.setattr(stored, "STEP", 2048)
    monkeypatch.setattr("ktrdr.data.draft.EVERY", 64)
    dice, data = random.Random(seed), DataDirectory(tmp_path)  # noqa: S311  repeatable on purpose
    cuts = sorted(dice.sample(range(1, 1000), 8))
    parts = [(max(0, start - 3), stop) for start, stop in zip([0, *cuts], [*cuts, 1000], strict=True)]
    for start, stop in dice.sample(parts, len(parts)):
        with data.upload("X", "1h", Wishes(append=True)) as upload:
            upload.feed(to_csv(year.between(start, stop)).encode())
            data.finish("X", "1h", upload)
    for known in (data, DataDirectory(tmp_path)):
        assert known.read("X", "1h") == year.between(0, 1000)
        for place in dice.sample(range(1000), 20):
            assert known.read("X", "1h", year.times[place]) == year.between(place, 1000)
            assert known.count("X", "1h", None, year.times[place]) == place
            assert known.bars_before("X", "1h", year.times[place], 100) == year.times[max(0, place - 100)]
