"""The records of backtests: whole, checked while they arrive, bounded, gone with their operation."""

import csv
import gzip
import io
import json
import statistics
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from fastapi.testclient import TestClient
from hypothesis import given

from ktrdr import records
from ktrdr.backtesting.walk import Costs, Walked, walk
from ktrdr.data.bars import Bars, iso
from ktrdr.data.block import isos
from ktrdr.errors import InvalidError
from ktrdr.records import Check, Kind, Packed, as_json
from ktrdr.signals import Signal
from tests.api.population import Worker
from tests.support.backtests import backtester, deliver, start

if TYPE_CHECKING:
    from ktrdr.api.context import Context

COSTS = Costs(100_000.0, 0.0001, 0.00005)
TRADE = "long,2023-01-01T22:00:00Z,2023-01-02T22:00:00Z,1.1,1.2,90.0,1e-05,0.0,9.0,0.009\n"
POINT = "2023-01-01T22:00:00Z,100000.0\n"
EQUITY_HEADER = "timestamp,equity\n"


@pytest.fixture(scope="module")
def walked(year: Bars) -> Walked:
    """A backtest of more trades and bars than its summary keeps."""
    return walk(year, lambda place: (Signal.BUY, Signal.SELL, Signal.HOLD)[place // 5 % 3], COSTS)


@pytest.fixture
def worker(client: TestClient) -> Worker:
    return backtester(client)


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_anybody_reckons_the_published_figures_from_the_whole_trades_and_curve(
    client: TestClient, worker: Worker, walked: Walked
) -> None:
    path = deliver(client, worker, walked)
    published = client.get(f"{path}/results").json()["results"]
    assert len(published["trades"]) == 500 < len(walked.trades)
    assert len(published["equity_curve"]) <= 1000 < len(walked.equity)
    trades = table(client.get(f"{path}/trades?format=csv").text)
    equity = [float(point["equity"]) for point in table(client.get(f"{path}/equity?format=csv").text)]
    stored, returns = published["metrics"], [after / before - 1 for before, after in pairwise(equity)]
    a_year = stored["periods_per_year"] ** 0.5
    profits = [float(trade["profit"]) for trade in trades]
    reckoned = {
        "total_trades": len(trades),
        "final_equity": equity[-1],
        "total_return_pct": 100 * (equity[-1] / 100_000 - 1),
        "volatility_pct": 100 * statistics.stdev(returns) * a_year,
        "sharpe_ratio": statistics.fmean(returns) / statistics.stdev(returns) * a_year,
        "sortino_ratio": statistics.fmean(returns) * a_year / statistics.fmean(min(r, 0) ** 2 for r in returns) ** 0.5,
        "max_drawdown_pct": max(100 * (1 - value / max(equity[: place + 1])) for place, value in enumerate(equity)),
        "win_rate": sum(profit > 0 for profit in profits) / len(profits),
        "profit_factor": sum(p for p in profits if p > 0) / -sum(p for p in profits if p <= 0),
        "average_trade_pct": statistics.fmean(float(trade["return_pct"]) for trade in trades),
        "total_commission": sum(float(trade["commission"]) for trade in trades),
    }
    assert {name: stored[name] for name in reckoned} == pytest.approx(reckoned, rel=1e-9)
    assert equity[-1] - 100_000 == pytest.approx(sum(profits), abs=1e-6)


def test_json_and_csv_say_the_same_and_a_client_chooses(client: TestClient, worker: Worker, walked: Walked) -> None:
    path = deliver(client, worker, walked)
    for kind in ("trades", "equity"):
        document = client.get(f"{path}/{kind}").json()
        assert (document["success"], document["operation_id"]) == (True, worker.operation_id)
        plain = client.get(f"{path}/{kind}", headers={"Accept": "text/csv"})
        assert plain.headers["content-type"] == "text/csv; charset=utf-8"
        assert plain.headers["content-disposition"].endswith(f'{worker.operation_id}.{kind}.csv"')
        assert [{key: str(value) for key, value in row.items()} for row in document[kind]] == table(plain.text)
    assert client.get(f"{path}/trades").json()["trades"] == [trade.as_json() for trade in walked.trades]
    for accept, wanted in (("*/*", "json"), ("application/json, text/csv", "json"), ("text/csv;q=0.9, */*", "csv")):
        kind = client.get(f"{path}/equity", headers={"Accept": accept}).headers["content-type"]
        assert wanted in kind, accept
    assert client.get(f"{path}/equity?format=xml").status_code == 422


def test_a_backtest_without_trades_has_an_empty_record(client: TestClient, worker: Worker, year: Bars) -> None:
    path = deliver(client, worker, walk(year.between(0, 60), lambda _: Signal.HOLD, COSTS))
    assert client.get(f"{path}/trades").json()["trades"] == []
    assert len(client.get(f"{path}/trades?format=csv").text.splitlines()) == 1


def test_only_the_worker_of_a_running_backtest_adds_records(client: TestClient, worker: Worker, walked: Walked) -> None:
    content = b"".join(walked.records()[0])
    put = f"operations/{worker.operation_id}/trades"
    for token, code in (("", "not_its_worker"), ("0" * 32, "worker_replaced")):
        refused = client.put(put, content=content, headers={"X-Worker-Token": token})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, code)
    assert client.put("operations/none/trades", content=content).json()["error"]["code"] == "not_its_worker"
    assert client.get(put).json()["error"]["code"] == "not_completed"
    deliver(client, worker, walked)
    assert client.put(put, content=content).json()["error"]["code"] == "not_its_worker"
    uploaded = client.get("operations", params={"operation_type": "data_load"}).json()["operations"][0]
    assert client.get(f"operations/{uploaded['operation_id']}/trades").json()["error"]["code"] == "no_record"


def packed(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"timestamp,equity\n", "is not gzip"),
        (packed(EQUITY_HEADER + POINT)[:-9], "is broken off"),
        (packed(EQUITY_HEADER + POINT) + b"more", "goes on behind its end"),
        (packed(POINT), "does not begin with the line timestamp,equity"),
        (packed(""), "is broken off"),
        (packed(EQUITY_HEADER + POINT.strip()), "is broken off"),
        (packed(EQUITY_HEADER + "2023-01-01T22:00:00Z,nan\n"), "has a line that is no row"),
        (packed(EQUITY_HEADER + '2023-01-01T22:00:00Z,1},{"x":1\n'), "has a line that is no row"),
        (packed(EQUITY_HEADER + TRADE), "has a line that is no row"),
        (packed(EQUITY_HEADER + "1" * 600), "has a line of more than 512 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # bytes say nothing to a reader
)
def test_what_is_no_record_is_refused_and_nothing_of_it_kept(
    client: TestClient, worker: Worker, content: bytes, reason: str
) -> None:
    refused = client.put(f"operations/{worker.operation_id}/equity", content=content)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "bad_record")
    assert reason in refused.json()["error"]["message"]
    context: Context = client.app.state.context  # type: ignore[attr-defined]
    assert list(context.records.directory.root.iterdir()) == []


def test_a_record_may_arrive_in_pieces_of_any_size(walked: Walked) -> None:
    for record in walked.records():
        content = b"".join(record)
        for size in (1 if record.kind == "trades" else 7, 1000, len(content)):
            check = Check(record.kind)
            for place in range(0, len(content), size):
                check.feed(content[place : place + size])
            check.finish()


def test_a_short_upload_that_unpacks_to_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "PLAIN_LIMIT", 1024 * 1024)
    content = packed(EQUITY_HEADER + POINT * 100_000)
    assert len(content) < 20_000
    with pytest.raises(InvalidError, match="has more than 1 MiB"):
        Check("equity").feed(content)


@pytest.mark.parametrize("kind", ["trades", "equity"])
def test_the_json_does_not_depend_on_how_the_text_is_cut(kind: Kind, walked: Walked) -> None:
    (record,) = [one for one in walked.records() if one.kind == kind]
    plain = gzip.decompress(b"".join(record))[:20_000].rpartition(b"\n")[0] + b"\n"

    def read(size: int) -> Any:
        return json.loads(
            b"".join(as_json(kind, (plain[place : place + size] for place in range(0, len(plain), size))))
        )

    assert read(1) == read(333) == read(len(plain))
    assert len(read(1000)) == plain.count(b"\n") - 1


def test_a_record_that_is_sent_again_is_the_same(walked: Walked) -> None:
    for record in walked.records():
        assert b"".join(record) == b"".join(record)


@given(st.integers(min_value=-5_000_000_000, max_value=7_000_000_000))
def test_the_quick_way_to_write_a_time_is_the_other_one(time: int) -> None:
    assert isos([time]) == [iso(time)]


def test_packing_takes_no_memory_for_the_whole() -> None:
    given = 0

    def rows() -> Iterable[str]:
        nonlocal given
        for place in range(100_000):
            given += 1
            yield f"2023-01-01T22:00:00Z,{100_000.0 + place / 7}"

    first = next(piece for piece in Packed("equity", rows) if len(piece) > 100)
    assert len(first) < records.BLOCK
    assert given < 20_000


def test_records_go_with_their_operation(client: TestClient, worker: Worker, walked: Walked) -> None:
    path = deliver(client, worker, walked)
    start(client)
    worker.beat()
    failed = worker.operation_id
    client.put(f"operations/{failed}/trades", content=iter(walked.records()[0])).raise_for_status()
    context: Context = client.app.state.context  # type: ignore[attr-defined]
    context.records.sweep()
    assert len(context.records.directory.operations()) == 2
    worker.beat("failed", error={"code": "x", "message": "x"})
    context.records.sweep()
    assert context.records.directory.operations() == {path.removeprefix("operations/")}
    assert client.get(f"{path}/trades").status_code == 200
    with context.database.transaction() as db:
        db.rows("DELETE FROM operations")
    context.records.sweep()
    assert context.records.directory.operations() == set()
    assert client.get(f"{path}/trades").json()["error"]["code"] == "no_operation"
