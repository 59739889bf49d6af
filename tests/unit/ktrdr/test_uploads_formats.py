"""Texts of pandas, yfinance, MetaTrader and Dukascopy are stored as the same bars, with a word on what is not."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ktrdr.data import upload as uploads
from ktrdr.data.rows import Rows

STORED = (
    "timestamp,open,high,low,close,volume\n"
    "2017-04-19T09:00:00Z,1.0716,1.0722,1.07083,1.07219,1413.0\n"
    "2017-04-19T10:00:00Z,1.07214,1.07296,1.07214,1.0726,1400.0\n"
    "2017-04-19T11:00:00Z,1.07256,1.07299,1.0717,1.07192,1700.0\n"
)
ROWS = [
    ("1.0716", "1.0722", "1.07083", "1.07219", "1413"),
    ("1.07214", "1.07296", "1.07214", "1.0726", "1400"),
    ("1.07256", "1.07299", "1.0717", "1.07192", "1700"),
]
EPOCH = 1_492_592_400


def text(header: str, row: str, times: list[str], end: str = "\n") -> str:
    """Rows of one form: `row` names time, o, h, l, c and v."""
    lines = [
        row.format(time=time, o=o, h=h, l=low, c=c, v=v) for time, (o, h, low, c, v) in zip(times, ROWS, strict=True)
    ]
    return end.join([*([header] if header else []), *lines, ""])


def hours(form: str) -> list[str]:
    return [form.format(hour) for hour in ("09", "10", "11")]


PANDAS = "{time},{o},{h},{l},{c},{v}"
FORMS = {
    "pandas, its index without a name": text(",Open,High,Low,Close,Volume", PANDAS, hours("2017-04-19 {}:00:00")),
    "pandas, in UTC": text("time,open,high,low,close,volume", PANDAS, hours("2017-04-19 {}:00:00+00:00")),
    "yfinance, intraday": text(
        "Datetime,Open,High,Low,Close,Volume,Dividends,Stock Splits", PANDAS + ",0.0,0.0",
        ["2017-04-19 05:00:00-04:00", "2017-04-19 06:00:00-04:00", "2017-04-19 07:00:00-04:00"],
    ),
    "yfinance, columns by name": text(
        "Datetime,Adj Close,Close,High,Low,Open,Volume", "{time},{c},{c},{h},{l},{o},{v}", hours("2017-04-19T{}:00:00Z")
    ),
    "yfinance, a download": text(
        "Price,Close,High,Low,Open,Volume\nTicker,EURUSD=X,EURUSD=X,EURUSD=X,EURUSD=X,EURUSD=X\nDatetime,,,,,",
        "{time},{c},{h},{l},{o},{v}", hours("2017-04-19 {}:00:00+00:00"),
    ),
    "MetaTrader 4": text("", "{time},{o},{h},{l},{c},{v}", hours("2017.04.19,{}:00"), "\r\n"),
    "MetaTrader 5": text(
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
        "{time}\t{o}\t{h}\t{l}\t{c}\t{v}\t0\t12", hours("2017.04.19\t{}:00:00"), "\r\n",
    ),
    "Dukascopy": text("Gmt time,Open,High,Low,Close,Volume", PANDAS, hours("19.04.2017 {}:00:00.000")),
    "Dukascopy, another zone": text(
        "Local time,Open,High,Low,Close,Volume", PANDAS,
        ["19.04.2017 11:00:00.000 GMT+0200", "19.04.2017 12:00:00.000 GMT+0200", "19.04.2017 13:00:00.000 GMT+0200"],
    ),
    "semicolons and blanks": text(
        "Date ; Open ; High ; Low ; Close ; Volume", "{time} ; {o} ; {h} ; {l} ; {c} ; {v}", hours("2017-04-19 {}:00")
    ),
    "quotes": text(
        '"timestamp","open","high","low","close","volume"', '"{time}","{o}","{h}","{l}","{c}","{v}"',
        hours("2017-04-19T{}:00:00Z"),
    ),
    "seconds since 1970": text(
        "timestamp,open,high,low,close,volume", PANDAS, [str(EPOCH + 3600 * hour) for hour in range(3)]
    ),
    "milliseconds since 1970": text(
        "open_time,open,high,low,close,volume", PANDAS, [f"{EPOCH + 3600 * hour}000" for hour in range(3)]
    ),
}  # fmt: skip


def newest_first(content: str) -> str:
    *head, first, second, third = content.rstrip("\n").split("\n")
    return "\n".join([*head, third, second, first, ""])


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("size", [1 << 20, 7], ids=["whole", "in pieces"])
def test_every_vendor_s_text_is_stored_as_the_same_bars(
    client: TestClient, tmp_path: Path, content: str, size: int
) -> None:
    raw = content.encode()
    answer = client.post("data/EURUSD=X/1h", content=(raw[at : at + size] for at in range(0, len(raw), size)))
    assert answer.status_code == 201, answer.text
    assert (tmp_path / "EURUSD=X_1h.csv").read_text() == STORED
    assert client.get("data/EURUSD=X/1h").json()["data"]["points"] == 3


@pytest.mark.parametrize("name", ["pandas, in UTC", "Dukascopy", "MetaTrader 5"])
def test_bars_from_the_newest_on_are_turned_round(client: TestClient, tmp_path: Path, name: str) -> None:
    assert client.post("data/X/1h", content=newest_first(FORMS[name].replace("\r", ""))).status_code == 201
    assert (tmp_path / "X_1h.csv").read_text() == STORED
    page = client.get("data/X/1h", params={"start_date": "2017-04-19T10:00:00Z"}).json()["data"]
    assert page["dates"] == ["2017-04-19T10:00:00Z", "2017-04-19T11:00:00Z"]


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("yfinance, intraday", "Columns that are not stored: Dividends, Stock Splits."),
        ("MetaTrader 5", "The volume is that of the column TICKVOL."),
        ("MetaTrader 5", "Columns that are not stored: VOL, SPREAD."),
    ],
)
def test_what_is_not_stored_is_told(client: TestClient, name: str, note: str) -> None:
    assert note in client.post("data/X/1h", content=FORMS[name]).json()["data"]["notes"]


@pytest.mark.parametrize(("order", "day"), [("day_first", "02/01/2024"), ("month_first", "01/02/2024")])
def test_dates_with_slashes_are_read_in_the_order_that_the_client_names(
    client: TestClient, order: str, day: str
) -> None:
    rows = f"date,open,high,low,close,volume\n{day},1,2,0.5,1,10\n"
    answer = client.post("data/X/1d", content=rows, params={"date_order": order})
    assert answer.json()["data"]["start_date"] == "2024-01-02T00:00:00Z"


@pytest.mark.parametrize(
    "rows",
    [
        "date,open,high,low,close\n2024-01-02,1,2,0.5,1\n2024-01-03,1,2,0.5,1\n",
        "date,open,high,low,close,volume\n2024-01-02,1,2,0.5,1,\n2024-01-03,1,2,0.5,1,NaN\n",
    ],
)
def test_a_missing_volume_is_zero_where_asked_and_refused_elsewhere(client: TestClient, rows: str) -> None:
    error = client.post("data/X/1d", content=rows).json()["error"]
    assert "send missing_volume=zero" in error["message"]
    assert client.post("data/X/1d", content=rows, params={"missing_volume": "zero"}).status_code == 201
    assert [row[4] for row in client.get("data/X/1d").json()["data"]["ohlcv"]] == [0, 0]


@pytest.mark.parametrize(
    ("symbol", "path"),
    [
        ("EURUSD=X", "EURUSD=X"),
        ("^GSPC", "%5EGSPC"),
        ("ES=F", "ES=F"),
        ("EUR_USD", "EUR_USD"),
        ("BTC/USDT", "BTC~USDT"),
    ],
)
def test_symbols_are_taken_as_vendors_write_them(client: TestClient, symbol: str, path: str) -> None:
    assert client.post(f"data/{path}/1h", content=STORED).json()["data"]["symbol"] == symbol
    assert client.get("data/symbols").json()["data"] == [{"symbol": symbol, "timeframes": ["1h"]}]
    assert client.post("data/range", json={"symbol": symbol, "timeframe": "1h"}).json()["data"]["points"] == 3
    assert client.get(f"data/{path}/1h").json()["data"]["metadata"]["symbol"] == symbol


def test_a_symbol_that_cannot_be_used_is_refused_in_words(client: TestClient) -> None:
    for answer in (client.get("data/eurusd/1h"), client.post("data/range", json={"symbol": "a", "timeframe": "1h"})):
        assert "a symbol is at most 20 capitals, digits and . - = ^ _ /" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "row", ["1.10,1.2,1.0,1.1,7", "1e-5,2e-05,1e-05,0.00001,1e17", "1,2,0.5,1,0", "9.75,9.8,9.7,9.75,-0.0"]
)
def test_many_rows_at_once_are_stored_as_one_by_one(
    client: TestClient, tmp_path: Path, row: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"2024-01-{day:02}T{hour:02}:00:00Z,{row}\n" for day in range(1, 29) for hour in range(24))
    content = "timestamp,open,high,low,close,volume\n" + rows
    pieces = [content[at : at + 3000] for at in range(0, len(content), 3000)]
    assert client.post("data/FAST/1h", content=(piece.encode() for piece in pieces)).status_code == 201
    monkeypatch.setattr(uploads, "read_block", lambda _block, _rows: None)
    assert client.post("data/SLOW/1h", content=(piece.encode() for piece in pieces)).status_code == 201
    assert (tmp_path / "FAST_1h.csv").read_bytes() == (tmp_path / "SLOW_1h.csv").read_bytes()


def test_local_times_without_a_zone_are_refused(client: TestClient) -> None:
    content = FORMS["Dukascopy, another zone"].replace(" GMT+0200", "")
    assert "local time" in client.post("data/X/1h", content=content).json()["error"]["message"]


def test_ordinary_rows_are_read_many_at_once(client: TestClient, csv: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read, alone = Rows.read, []

    def noted(rows: Rows, line: str) -> object:
        alone.append(line)
        return read(rows, line)

    monkeypatch.setattr(Rows, "read", noted)
    pieces = [csv[at : at + 10_000] for at in range(0, len(csv), 10_000)]
    assert client.post("data/X/1h", content=(piece.encode() for piece in pieces)).status_code == 201
    assert len(alone) == 2
