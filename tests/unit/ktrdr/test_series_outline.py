"""A list of series reads no row but the first and the last of each, and tells what reading all of them would."""

from pathlib import Path

import pytest

from ktrdr.data.files import DataDirectory
from ktrdr.data.outline import outline
from ktrdr.data.stored import Stored

HEADER = "timestamp,open,high,low,close,volume\n"
ROWS = [f"2024-01-01T{hour:02}:00:00Z,1.0,2.0,0.5,1.0,10.0\n" for hour in range(24)]


def written(folder: Path, text: str) -> Path:
    path = folder / "EURUSD_1h.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize("number", [1, 2, 24])
def test_an_outline_is_what_reading_all_rows_tells(tmp_path: Path, number: int) -> None:
    with written(tmp_path, HEADER + "".join(ROWS[:number])).open("rb") as file:
        found = outline(file, "1h")
        file.seek(0)
        stored = Stored.of(file, "1h")
        stored.learn(file)
    assert found == (stored.rows, stored.first, stored.last) == (number, ROWS[0][:20], ROWS[number - 1][:20])


@pytest.mark.parametrize(
    "text",
    [
        "", HEADER, HEADER + ROWS[0].rstrip(), HEADER + "x\n" + ROWS[1], HEADER + ROWS[0] + "x\n", ROWS[0],
        HEADER.replace("\n", "\r\n") + ROWS[0], HEADER + ROWS[0] + "\n", HEADER + "x" * 2000,
        HEADER + ROWS[0].replace("1.0", "1.00"),
    ],
)  # fmt: skip
def test_a_file_that_stands_otherwise_has_no_outline_and_is_read_row_by_row(tmp_path: Path, text: str) -> None:
    with written(tmp_path, text).open("rb") as file:
        assert outline(file, "1h") is None


def test_describing_a_series_after_a_start_checks_no_row_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, HEADER + "".join(ROWS))

    def learn(*_: object, **__: object) -> None:
        pytest.fail("it read the rows")

    monkeypatch.setattr(Stored, "learn", learn)
    series = DataDirectory(tmp_path).describe("EURUSD", "1h")
    assert (series.points, series.last - series.first) == (24, 23 * 3600)
