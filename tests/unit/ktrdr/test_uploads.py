"""Bad CSV texts: each is refused with line and reason, and nothing is stored. Good ones in every dress are taken."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.main import create_application
from ktrdr.data.rows import Rows
from ktrdr.data.upload import REJECTED_LIMIT, REJECTED_SHOWN, Upload
from ktrdr.errors import InvalidError
from ktrdr.names import TIMEFRAMES
from ktrdr.settings import Settings

HEADER = b"timestamp,open,high,low,close,volume\n"
FIRST = b"2024-01-01T00:00:00Z,1,2,0.5,1,10\n"
SECOND = b"2024-01-01T01:00:00Z,1,2,0.5,1,10\n"
GOOD = HEADER + FIRST + SECOND


@dataclass(frozen=True)
class Bad:
    """A text that must be refused: in which line, and with which words."""

    name: str
    text: bytes
    line: int | None
    reason: str
    timeframe: str = "1h"


def row(name: str, text: str | bytes, reason: str, timeframe: str = "1h") -> Bad:
    """A bad row below a good one."""
    raw = text.encode() if isinstance(text, str) else text
    return Bad(name, HEADER + FIRST + raw + b"\n", 3, reason, timeframe)


def price(name: str, text: str, reason: str) -> Bad:
    return row(name, f"2024-01-01T01:00:00Z,{text},2,0.5,1,10", reason)


def at(name: str, time: str, reason: str, timeframe: str = "1h") -> Bad:
    return row(name, f"{time},1,2,0.5,1,10", reason, timeframe)


NO_ROWS, NO_HEADER, NUMBER, ISO = "holds no bar", "the header is not timestamp,", "is not a number", "is not ISO 8601"
OUTSIDE, GRID = "open or close lies outside low to high", "off the grid"

BAD = [
    Bad("empty", b"", None, NO_ROWS),
    Bad("one line end", b"\n", 1, NO_HEADER),
    Bad("header only", HEADER, None, NO_ROWS),
    Bad("header only, no line end", HEADER.strip(), None, NO_ROWS),
    Bad("header and empty lines", HEADER + b"\n\n", None, NO_ROWS),
    Bad("no header", FIRST + SECOND, 1, NO_HEADER),
    Bad("wrong header", b"timestamp,price\n" + FIRST, 1, NO_HEADER),
    Bad(
        "a row with a column less than the header", HEADER.strip() + b",spread\n" + FIRST, 2, "has 6 fields, expected 7"
    ),
    Bad("a header by semicolons above commas", HEADER.replace(b",", b";") + FIRST, 2, "has 1 fields, expected 6"),
    Bad(
        "decimal commas between semicolons",
        b"time;open;high;low;close;volume\n2024-01-01;1,0;2,0;0,5;1,0;7\n",
        2,
        "a point for the decimal",
    ),
    Bad(
        "no volume", b"time,open,high,low,close\n2024-01-01,1,2,0.5,1\n", 1, "without volume; send missing_volume=zero"
    ),
    Bad("a price twice", b"time,open,high,low,close,close,volume\n" + FIRST, 1, "names close more than once"),
    Bad("slashes", HEADER + b"01/02/2024,1,2,0.5,1,10\n", 2, "the day or the month first: send date_order"),
    Bad("a gzip archive", b"\x1f\x8b\x08\x00" + GOOD, 1, "found a gzip archive; unpack it"),
    Bad("a zone by name in the header", b"Time (EET),Open,High,Low,Close,Volume\n" + FIRST, 1, "without a time"),
    Bad("two byte order marks", b"\xef\xbb\xbf\xef\xbb\xbf" + GOOD, 1, NO_HEADER),
    Bad("UTF-16", GOOD.decode().encode("utf-16"), 1, NO_HEADER),
    Bad("a zip archive", b"PK\x03\x04" + bytes(range(256)), 1, NO_HEADER),
    Bad("JSON", b'{"timestamp": 1}', 1, NO_HEADER),
    Bad("old Macintosh line ends", GOOD.replace(b"\n", b"\r"), 1, NO_HEADER),
    Bad("header that ends in CR CR LF", HEADER.replace(b"\n", b"\r\r\n") + FIRST, 1, "neither in LF nor in CR LF"),
    Bad("no line end in a long text", b"x" * 2000, 1, "longer than 512 bytes"),
    Bad("mixed line ends, LF first", HEADER + FIRST.replace(b"\n", b"\r\n"), 2, "does not end as the first line"),
    Bad("mixed line ends, CR LF first", HEADER.replace(b"\n", b"\r\n") + FIRST, 2, "does not end as the first line"),
    Bad("an empty line between rows", HEADER + FIRST + b"\n" + SECOND, 4, "after line 3, which is empty"),
    Bad("the header again in the middle", GOOD + HEADER, 4, ISO),
    row("a byte order mark in the middle", b"\xef\xbb\xbf" + SECOND.strip(), ISO),
    row("not UTF-8", b"2024-01-01T01:00:00Z,1,2,0.5,1,1\xff", "is not UTF-8"),
    row("a NUL", b"2024-01-01T01:00:00Z,1,2,0.5,1,1\x00", "control character 0x00"),
    row("a CR inside", b"2024-01-01T01:00:00Z,1\r,2,0.5,1,1", "control character 0x0d"),
    row("a tab inside", b"2024-01-01T01:00:00Z,\t1,2,0.5,1,1", "control character 0x09"),
    row("an escape sequence", b"2024-01-01T01:00:00Z,1,2,0.5,1,\x1b[2J", "control character 0x1b"),
    row("a long line", "2024-01-01T01:00:00Z,1,2,0.5,1," + "1" * 600, "longer than 512 bytes"),
    row("too few columns", "2024-01-01T01:00:00Z,1,2,0.5,1", "has 5 fields"),
    row("too many columns", "2024-01-01T01:00:00Z,1,2,0.5,1,10,7", "has 7 fields"),
    row("a comma at the end", "2024-01-01T01:00:00Z,1,2,0.5,1,10,", "has 7 fields"),
    row("decimal commas", "2024-01-01T01:00:00Z,1,0,2,0,0,5,1,0,10", "has 10 fields"),
    row("half a quote", '"2024-01-01T01:00:00Z,1,2,0.5,1,10', ISO),
    row("an empty volume", "2024-01-01T01:00:00Z,1,2,0.5,1,", "volume is missing; send missing_volume=zero"),
    Bad("from the oldest, then back", GOOD + FIRST, 4, "timestamp is before the row above"),
    Bad(
        "from the newest, then back", HEADER + SECOND + FIRST + SECOND, 4, "after the row above, but the first rows run"
    ),
    row("trailing garbage", "end of file", "has 1 fields"),
    row("a comment", "# bars of January", "has 1 fields"),
    price("a text for a price", "one", NUMBER),
    price("an empty price", "", NUMBER),
    price("a formula", "=1+1", NUMBER),
    price("markup", "<script>alert(1)</script>", NUMBER),
    price("an underscore in a number", "1_000", NUMBER),
    price("digits of another script", "\u0661", NUMBER),
    price("a hexadecimal number", "0x1", NUMBER),
    price("a currency sign", "$1", NUMBER),
    price("a thousands separator", "1 000", NUMBER),
    price("an exponent without digits", "1e", NUMBER),
    price("an exponent that is no whole number", "1e0.5", NUMBER),
    price("two signs", "--1", NUMBER),
    price("NaN", "nan", "open is not finite"),
    price("infinity", "inf", "open is not finite"),
    price("minus infinity", "-Infinity", "open is not finite"),
    price("an exponent too large", "1e400", "a price is not within"),
    price("an exponent too small", "1e-400", "a price is not above zero"),
    price("a denormal price", "5e-324", "a price is not within"),
    price("an integer too large", "9" * 400, "a price is not within"),
    price("zero", "0", "a price is not above zero"),
    price("minus zero", "-0.0", "a price is not above zero"),
    price("negative", "-1", "a price is not above zero"),
    price("open above the high", "3", OUTSIDE),
    price("open below the low", "0.4", OUTSIDE),
    row("close above the high", "2024-01-01T01:00:00Z,1,2,0.5,2.1,10", OUTSIDE),
    row("high below low", "2024-01-01T01:00:00Z,1,0.5,2,1,10", "high 0.5 is below low 2.0"),
    row("negative volume", "2024-01-01T01:00:00Z,1,2,0.5,1,-1", "volume is negative"),
    row("volume NaN", "2024-01-01T01:00:00Z,1,2,0.5,1,NaN", "volume is not finite"),
    row("volume too large", "2024-01-01T01:00:00Z,1,2,0.5,1,1e19", "volume is above 1e+18"),
    at("duplicate time", "2024-01-01T00:00:00Z", "timestamp is duplicate"),
    at("the same time in another zone", "2024-01-01T02:00:00+02:00", "timestamp is duplicate"),
    at("no time zone below one", "2024-01-01T01:00:00", "no time zone, unlike the first row's"),
    at("a time zone by name", "2024-01-01T01:00:00 Europe/Berlin", ISO),
    at("a time zone beyond a day", "2024-01-01T01:00:00+25:00", ISO),
    at("epoch seconds", "1704070800", ISO),
    at("a week date", "2024-W01-1", ISO),
    at("day first", "01.01.2024 01:00", ISO),
    at("the American way", "01/01/2024 01:00", ISO),
    at("a thirteenth month", "2024-13-01T00:00:00Z", ISO),
    at("the thirtieth of February", "2024-02-30T00:00:00Z", ISO),
    at("a leap second", "2024-06-30T23:59:60Z", ISO),
    at("another letter between date and time", "2024-01-01x01:00:00Z", ISO),
    at("parts of a second", "2024-01-01T01:00:00.500Z", ISO),
    at("no time at all", "", ISO),
    at("far future", "9999-12-31T23:00:00Z", "outside the years 1800 to 2199"),
    at("far past", "0001-01-01T00:00:00Z", "timestamp lies outside the years"),
    at("off the grid of an hour", "2024-01-01T01:07:00Z", GRID),
    at("off the grid of a minute", "2024-01-01T00:01:30Z", GRID, "1m"),
    at("off the grid of five minutes", "2024-01-01T00:06:00Z", GRID, "5m"),
    at("bars of a quarter as bars of an hour", "2024-01-01T00:15:00Z", "too near for 1h bars"),
    at("bars of an hour as bars of a day", "2024-01-01T01:00:00Z", "too near for 1d bars", "1d"),
    at("bars of a day as bars of a week", "2024-01-02T00:00:00Z", "too near for 1w bars", "1w"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("above") / "data"


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    """One backend for all: what is refused must leave nothing that another test could see."""
    app = create_application(Settings.from_environment({"KTRDR_DATA_DIR": str(folder)}))
    with TestClient(app, base_url="http://backend/api/v1") as client:
        client.post("data/KEPT/1h", content=GOOD)
        yield client


def everything_in(folder: Path) -> dict[str, str]:
    """Every file below a folder with the digest of its content; the store, which records every upload, aside."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("ktrdr.db"))
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_there_are_more_than_fifty_bad_texts_and_no_two_are_the_same() -> None:
    assert len({case.name for case in BAD}) == len({(case.text, case.timeframe) for case in BAD}) == len(BAD) > 50


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
@pytest.mark.parametrize("size", [1 << 20, 7], ids=["whole", "in pieces"])
def test_a_bad_text_is_refused_with_line_and_reason_and_nothing_is_stored(
    client: TestClient, folder: Path, case: Bad, size: int
) -> None:
    before = everything_in(folder)
    pieces = (case.text[place : place + size] for place in range(0, len(case.text), size))
    answer = client.post(f"data/KEPT/{case.timeframe}", content=pieces)
    error = answer.json()["error"]
    assert (answer.status_code, answer.json()["success"]) == (422, False)
    if case.line is None:
        assert (error["code"], error["details"]) == ("no_rows", {})
        assert case.reason in error["message"]
    else:
        first = error["details"]["rejected"][0]
        assert (error["code"], first["line"]) == ("rows_rejected", case.line)
        assert case.reason in first["reason"]
        assert f"Line {case.line}: " in error["message"]
    assert everything_in(folder) == before
    recorded = client.get("operations", params={"limit": 1}).json()["operations"][0]
    assert (recorded["status"], recorded["error_message"]) == ("failed", error["message"])


ESCAPES = [
    "..", "../etc", "..%2fetc", "%2e%2e%2fetc", "/etc/passwd", "%2fetc%2fpasswd", "..\\etc", "..%5cetc",
    "C:%5cdata", "EUR%00USD", "EUR%0aUSD", "EURUSD%0a", "=USD", "eurusd", "~USD", "..~etc",
    "\u0395URUSD", "EUR%20USD", ".hidden",
    "-rf", "E" * 21, "E" * 5000, "%F0%9F%92%B6", "EUR%2FUSD", "$(id)", "EUR*", "~root", "%252e%252e%252f",
]  # fmt: skip


@pytest.mark.parametrize("name", ESCAPES)
@pytest.mark.parametrize("place", ["data/{}/1h", "data/EURUSD/{}"])
def test_no_name_leaves_the_data_directory(client: TestClient, folder: Path, name: str, place: str) -> None:
    before = everything_in(folder.parent)
    answer = client.post(place.format(quote(name, safe="%/\\")), content=GOOD)
    assert answer.status_code in {404, 405, 422}, answer.text
    assert set(answer.json()["error"]) == {"code", "message", "details"}
    assert str(folder) not in answer.text
    assert everything_in(folder.parent) == before


GOOD_TEXTS = {
    "plain": GOOD,
    "without a line end at its end": GOOD.rstrip(b"\n"),
    "with empty lines at its end": GOOD + b"\n\n",
    "CR LF throughout": GOOD.replace(b"\n", b"\r\n"),
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "a byte order mark and CR LF": b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n"),
    "a header in capitals": HEADER.upper() + FIRST + SECOND,
    "spaces around the commas": GOOD.replace(b",", b" , "),
    "exponents": HEADER + FIRST + b"2024-01-01T01:00:00Z,1e0,2.0E+0,5e-1,1.,.1e2\n",
    "no time zone anywhere": GOOD.replace(b"Z,", b","),
    "another time zone": HEADER + b"2024-01-01T02:00:00+02:00,1,2,0.5,1,10\n2024-01-01T01:00:00Z,1,2,0.5,1,10\n",
    "a space between date and time": GOOD.replace(b"T0", b" 0"),
    "milliseconds that are zero": GOOD.replace(b"00Z", b"00.000Z"),
    "minutes without seconds": GOOD.replace(b":00Z", b"Z"),
    "volume zero after": HEADER + FIRST + SECOND.replace(b",10", b",10.0"),
}


@pytest.mark.parametrize("text", GOOD_TEXTS.values(), ids=GOOD_TEXTS)
@pytest.mark.parametrize("size", [1 << 20, 7], ids=["whole", "in pieces"])
def test_a_good_text_is_stored_as_the_same_bars_however_it_is_dressed(
    client: TestClient, folder: Path, text: bytes, size: int
) -> None:
    answer = client.post("data/EURUSD/1h", content=(text[place : place + size] for place in range(0, len(text), size)))
    assert answer.status_code == 201, answer.text
    assert (folder / "EURUSD_1h.csv").read_text() == (
        "timestamp,open,high,low,close,volume\n"
        "2024-01-01T00:00:00Z,1.0,2.0,0.5,1.0,10.0\n"
        "2024-01-01T01:00:00Z,1.0,2.0,0.5,1.0,10.0\n"
    )


MARKETS = {
    "hours of a stock exchange, from half past": ("1h", ["2024-01-02T14:30:00Z", "2024-01-02T15:30:00Z"]),
    "half hours from a quarter past, as in India": ("30m", ["2024-01-02T03:45:00Z", "2024-01-02T04:15:00Z"]),
    "days of the FX market, over a change of clocks": ("1d", ["2024-03-09T22:00:00Z", "2024-03-10T21:00:00Z"]),
    "four hours over a change of clocks": ("4h", ["2024-03-10T06:00:00Z", "2024-03-10T09:00:00Z"]),
    "weeks that begin after a holiday": ("1w", ["2024-01-02", "2024-01-08"]),
    "days in a century long gone": ("1d", ["1896-05-26", "1896-05-27"]),
    "a weekend between": ("1m", ["2024-01-05T21:59:00Z", "2024-01-07T22:00:00Z"]),
}


@pytest.mark.parametrize(("timeframe", "times"), MARKETS.values(), ids=MARKETS)
def test_bars_open_when_markets_do(timeframe: str, times: list[str]) -> None:
    rows = Rows(timeframe)
    assert [rows.read(f"{time},1,2,0.5,1,0").volume for time in times] == [0.0, 0.0]


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_every_timeframe_can_be_stored(client: TestClient, timeframe: str) -> None:
    assert client.post(f"data/EACH/{timeframe}", content=HEADER + FIRST).status_code == 201


def test_only_the_first_hundred_rejected_rows_are_named_and_all_are_counted(client: TestClient) -> None:
    error = client.post("data/EURUSD/1h", content=HEADER + b"x\n" * 999).json()["error"]
    assert (len(error["details"]["rejected"]), error["details"]["rejected_count"]) == (REJECTED_SHOWN, 999)
    assert error["message"].startswith("999 rows rejected, nothing stored. Line 2: has 1 fields")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"x,\n", "1000 rows and more rejected, nothing stored. Line 2: has 2 fields"),
        (b"\xff\n", "1000 rows and more rejected, nothing stored. Line 2: is not UTF-8"),
        (b"\n", "1 row rejected, nothing stored. Line 1002: comes after more than 1000 empty lines"),
        (b" \r\n", "1 row rejected, nothing stored. Line 1002: comes after more than 1000 empty lines"),
    ],
)
def test_reading_ends_after_a_thousand_lines_in_vain(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, line: bytes, message: str
) -> None:
    taken: list[bytes] = []
    read = Upload._read

    def noted(upload: Upload, raw: bytes) -> None:
        taken.append(raw)
        read(upload, raw)

    monkeypatch.setattr(Upload, "_read", noted)
    error = client.post("data/EURUSD/1h", content=HEADER + line * 500_000).json()["error"]
    assert error["message"].startswith(message)
    assert len(taken) <= REJECTED_LIMIT + 2


def test_a_thousand_empty_lines_at_the_end_are_no_fault(client: TestClient) -> None:
    answer = client.post("data/EMPTY/1h", content=HEADER + FIRST + b"\n" * REJECTED_LIMIT)
    assert answer.status_code == 201


def test_a_refused_text_leaves_the_series_that_was_there(client: TestClient, folder: Path) -> None:
    client.post("data/EURUSD/1h", content=GOOD)
    before = everything_in(folder)
    assert client.post("data/EURUSD/1h", content=HEADER).status_code == 422
    assert everything_in(folder) == before
    assert client.get("data/EURUSD/1h").json()["data"]["points"] == 2


def test_a_form_is_refused_with_the_way_to_send_the_text(client: TestClient) -> None:
    answer = client.post("data/EURUSD/1h", files={"file": ("bars.csv", GOOD)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "multipart_body")
    assert "--data-binary" in answer.json()["error"]["message"]


def upload(folder: Path, text: bytes, disk: str | None = None) -> None:
    """Put a series into a folder; `disk` is a file that takes what is written in its place."""
    with Upload(folder / "EURUSD_1h.csv", "1h") as incoming:
        if disk:
            with Path(disk).open("w") as file:
                os.dup2(file.fileno(), incoming.draft.file.fileno())
        incoming.feed(text)
        incoming.finish()


@pytest.mark.parametrize(("text", "said"), [(GOOD, "No space left"), (HEADER + SECOND + SECOND, "1 row rejected")])
def test_a_full_disk_leaves_nothing_of_an_upload_and_hides_no_other_fault(
    tmp_path: Path, text: bytes, said: str
) -> None:
    with pytest.raises((OSError, InvalidError), match=said):
        upload(tmp_path, text, "/dev/full")
    assert list(tmp_path.iterdir()) == []


def test_a_series_can_be_read_by_others_as_soon_as_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []

    def replace(self: Path, target: Path) -> Path:
        modes.append(self.stat().st_mode & 0o777)
        return self.rename(target)

    monkeypatch.setattr(Path, "replace", replace)
    upload(tmp_path, GOOD)
    assert modes == [0o644]
