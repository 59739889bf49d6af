"""A page of bars costs what it holds, wherever in its series it lies."""

from pathlib import Path

import pytest

from ktrdr.data import marks
from ktrdr.data.bars import HEADER, Bar, Bars, iso
from ktrdr.data.files import DataDirectory
from ktrdr.data.rows import Rows
from ktrdr.errors import InvalidError

FIRST = 1_577_836_800
MINUTES = 3 * marks.EVERY + 17
LAST = FIRST + 60 * (MINUTES - 1)


def row(minute: int, close: float = 1.0) -> str:
    return f"{iso(FIRST + 60 * minute)},1.0,2.0,0.5,{close},{minute}\n"


def write(folder: Path, rows: list[str]) -> DataDirectory:
    (folder / "EURUSD_1m.csv").write_bytes("".join((HEADER + "\n", *rows)).encode())
    return DataDirectory(folder)


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    return write(tmp_path, [row(minute) for minute in range(MINUTES)])


class CountedRows(Rows):
    number = 0

    def read(self, line: str) -> Bar:
        CountedRows.number += 1
        return super().read(line)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> type[CountedRows]:
    monkeypatch.setattr(marks, "Rows", CountedRows)
    monkeypatch.setattr(CountedRows, "number", 0)
    return CountedRows


def page(data: DataDirectory, start: int | None, limit: int = 10) -> Bars:
    return data.read("EURUSD", "1m", start, None, limit)


def test_the_last_page_of_a_series_that_is_known_parses_no_more_than_a_page_and_the_rows_of_one_mark(
    data: DataDirectory, parsed: type[CountedRows]
) -> None:
    data.describe("EURUSD", "1m")
    parsed.number = 0
    assert page(data, LAST).times == [LAST]
    assert parsed.number <= marks.EVERY + 10


def test_reading_a_series_page_by_page_parses_it_about_once_though_nobody_has_described_it(
    data: DataDirectory, parsed: type[CountedRows]
) -> None:
    size = 2 * marks.EVERY
    pages = [page(data, FIRST + 60 * begin, size) for begin in range(0, MINUTES, size)]
    assert sum(map(len, pages)) == MINUTES
    assert parsed.number <= MINUTES + len(pages) * marks.EVERY


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_page_is_the_same_wherever_reading_it_begins(tmp_path: Path, end: str) -> None:
    data = write(tmp_path, [row(minute).replace("\n", end) for minute in range(MINUTES)])
    every = data.read("EURUSD", "1m")
    assert len(every) == MINUTES
    for place in (0, 1, *(k * marks.EVERY + by for k in (1, 2, 3) for by in (-1, 0, 1)), MINUTES - 1):
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
    rows[2 * marks.EVERY + 5] = "soon,1,2,0.5,1,10\n"
    data = write(tmp_path, rows)
    for _ in range(2):
        with pytest.raises(InvalidError, match=f"line {2 * marks.EVERY + 7}: timestamp 'soon'"):
            page(data, FIRST + 60 * (2 * marks.EVERY + 1))


def test_what_is_known_of_a_series_is_forgotten_with_its_file(data: DataDirectory, tmp_path: Path) -> None:
    data.describe("EURUSD", "1m")
    (tmp_path / "EURUSD_1m.csv").unlink()
    assert data.series() == []
    with pytest.raises(Exception, match="No data"):
        data.describe("EURUSD", "1m")
    assert data._versions == {}
