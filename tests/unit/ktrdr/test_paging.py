"""A page of bars costs what it holds, wherever in its series it lies."""

import contextlib
from pathlib import Path

import pytest

from ktrdr.data import stored
from ktrdr.data.bars import HEADER, Bars, iso
from ktrdr.data.block import bars_of, read_block
from ktrdr.data.files import DataDirectory
from ktrdr.data.rows import Rows
from ktrdr.errors import InvalidError

FIRST = 1_577_836_800
MINUTES = 3 * stored.EVERY + 17
LAST = FIRST + 60 * (MINUTES - 1)


def row(minute: int, close: float = 1.0) -> str:
    return f"{iso(FIRST + 60 * minute)},1.0,2.0,0.5,{close},{float(minute)}\n"


def write(folder: Path, rows: list[str]) -> DataDirectory:
    (folder / "EURUSD_1m.csv").write_bytes("".join((HEADER + "\n", *rows)).encode())
    return DataDirectory(folder)


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    return write(tmp_path, [row(minute) for minute in range(MINUTES)])


class Parsed:
    """Counts the rows whose numbers are read."""

    number = 0

    def __call__(self, block: bytes, rows: Rows) -> list[str] | None:
        self.number += block.count(b"\n")
        return read_block(block, rows)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Parsed:
    counted = Parsed()
    monkeypatch.setattr(stored, "read_block", counted)
    return counted


def page(data: DataDirectory, start: int | None, limit: int = 10) -> Bars:
    found = data.page("EURUSD", "1m", start, None, limit)
    with contextlib.closing(found):
        return bars_of([line for lines in found.lines() for line in lines])


def test_the_numbers_of_a_series_are_read_once_and_those_of_a_page_never(data: DataDirectory, parsed: Parsed) -> None:
    assert data.describe("EURUSD", "1m").points == MINUTES
    assert parsed.number == 0
    assert page(data, LAST).times == [LAST]
    assert 0 < parsed.number <= MINUTES
    parsed.number = 0
    assert page(data, LAST).times == [LAST]
    assert page(data, None).times[0] == FIRST
    assert data.count("EURUSD", "1m", FIRST + 60, LAST) == MINUTES - 2
    assert parsed.number == 0


def test_of_an_upload_nothing_is_read_again(tmp_path: Path, parsed: Parsed) -> None:
    data = DataDirectory(tmp_path)
    with data.upload("EURUSD", "1m") as upload:
        upload.feed("".join((HEADER + "\n", *(row(minute) for minute in range(MINUTES)))).encode())
        data.finish("EURUSD", "1m", upload)
    assert data.describe("EURUSD", "1m").points == MINUTES
    assert page(data, LAST).times == [LAST]
    assert parsed.number == 0
    assert page(data, LAST - 60 * 5000) == page(DataDirectory(tmp_path), LAST - 60 * 5000)


def test_reading_a_series_page_by_page_reads_it_once_though_nobody_has_described_it(
    data: DataDirectory, parsed: Parsed
) -> None:
    size = 2 * stored.EVERY
    pages = [page(data, FIRST + 60 * begin, size) for begin in range(0, MINUTES, size)]
    assert sum(map(len, pages)) == MINUTES
    assert parsed.number <= MINUTES


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_page_is_the_same_wherever_reading_it_begins(tmp_path: Path, end: str) -> None:
    data = write(tmp_path, [row(minute).replace("\n", end) for minute in range(MINUTES)])
    every = data.read("EURUSD", "1m")
    assert len(every) == MINUTES
    for place in (0, 1, *(k * stored.EVERY + by for k in (1, 2, 3) for by in (-1, 0, 1)), MINUTES - 1):
        for start in (every.times[place], every.times[place] - 1):
            assert page(data, start) == every.between(place, place + 10)
    assert len(page(data, LAST + 1)) == 0
    assert page(data, FIRST - 10**9) == page(data, None) == every.between(0, 10)


def test_a_series_that_was_replaced_is_read_anew(data: DataDirectory, tmp_path: Path) -> None:
    data.describe("EURUSD", "1m")
    write(tmp_path, [row(minute, close=1.25) for minute in range(0, MINUTES, 2)])
    assert page(data, LAST).closes == [1.25]


def test_a_mistake_is_named_by_its_line_also_where_reading_begins_near_it(tmp_path: Path) -> None:
    rows = [row(minute) for minute in range(MINUTES)]
    rows[2 * stored.EVERY + 5] = "soon,1,2,0.5,1,10\n"
    data = write(tmp_path, rows)
    for _ in range(2):
        with pytest.raises(InvalidError, match=f"line {2 * stored.EVERY + 7}: timestamp 'soon'"):
            page(data, FIRST + 60 * (2 * stored.EVERY + 1))


def test_what_is_known_of_a_series_is_forgotten_with_its_file(data: DataDirectory, tmp_path: Path) -> None:
    data.describe("EURUSD", "1m")
    (tmp_path / "EURUSD_1m.csv").unlink()
    assert data.series() == []
    with pytest.raises(Exception, match="No data"):
        data.describe("EURUSD", "1m")
    assert data._known == {}
