"""Where a text has its columns: found by the names in its header, or by the first row of a MetaTrader 4 export."""

import re
from dataclasses import dataclass
from typing import Final

from ktrdr.data.bars import HEADER

DELIMITERS: Final = (",", ";", "\t", "|")
PRICES: Final = ("open", "high", "low", "close")
LOCAL: Final = "local time"
TIMES: Final = (
    "timestamp", "datetime", "date", "time", "gmt time", "utc time", "time (utc)", "time (gmt)", "date time",
    "open time", "open_time", LOCAL, "index", "unnamed: 0", "",
)  # fmt: skip
VOLUMES: Final = ("volume", "tickvol", "tick_volume", "vol")
"""By preference: MetaTrader 5 counts ticks, and knows the real volume of few symbols."""
PRICE_TYPE: Final = "price"
"""How yfinance heads the times of a download, above two more lines: the tickers, and the index's name."""
SHOWN: Final = 80
_METATRADER: Final = re.compile(r"[0-9]{4}\.[0-9]{2}\.[0-9]{2},[0-9]{2}:[0-9]{2}(,[^,]+){4},[^,]*")


class HeaderError(ValueError):
    """A header that cannot be used; the message says what was found."""


@dataclass(frozen=True)
class Layout:
    """The places of a row's fields, counted from 0; `clock` is set where date and time of day stand apart.

    `volume` is None where the text has none. `skipped` lines follow the header; without one, the first
    line is a row already. `local` times mean nothing without a zone.
    """

    delimiter: str
    width: int
    time: int
    clock: int | None
    prices: tuple[int, ...]
    volume: int | None
    header: bool = True
    skipped: int = 0
    local: bool = False
    notes: tuple[str, ...] = ()


PLAIN: Final = Layout(",", 6, 0, None, (1, 2, 3, 4), 5)
METATRADER_4: Final = Layout(",", 7, 0, 1, (2, 3, 4, 5), 6, header=False)


def layout_of(line: str, *, zero_volume: bool = False) -> Layout:
    """Return the layout that a text's first line says; HeaderError names what was found instead."""
    if _METATRADER.fullmatch(line):
        return METATRADER_4
    delimiter = max(DELIMITERS, key=line.count)
    shown = [cell.strip(' "<>') for cell in line.split(delimiter)]
    names = [name.lower() for name in shown]
    twice = next((name for name in PRICES if names.count(name) > 1), None)
    if twice:
        raise _wrong(line, f"which names {twice} more than once")
    places = {name: names.index(name) for name in PRICES if name in names}
    time, clock = _time(names)
    missing = [name for name in PRICES if name not in places]
    if time is None or missing:
        wanted = (["a time"] if time is None else []) + missing
        raise _wrong(line, f"without {', '.join(wanted)}")
    volume = next((names.index(name) for name in VOLUMES if name in names), None)
    if volume is None and not zero_volume:
        raise _wrong(line, "without volume; send missing_volume=zero to store 0")
    used = {time, clock, volume, *places.values()}
    return Layout(
        delimiter,
        len(names),
        time,
        clock,
        tuple(places[name] for name in PRICES),
        volume,
        local=names[time] == LOCAL,
        skipped=2 if names[time] == PRICE_TYPE else 0,
        notes=_notes([name for place, name in enumerate(shown) if place not in used], shown, volume),
    )


def _time(names: list[str]) -> tuple[int | None, int | None]:
    """Return the places of time and time of day."""
    if "date" in names and "time" in names:
        return names.index("date"), names.index("time")
    if names[0] == PRICE_TYPE:
        return 0, None
    return next((names.index(name) for name in TIMES if name in names), None), None


def _notes(ignored: list[str], names: list[str], volume: int | None) -> tuple[str, ...]:
    notes = []
    if ignored:
        notes.append(f"Columns that are not stored: {', '.join(name or 'one without a name' for name in ignored)}.")
    if volume is None:
        notes.append("There is no volume: 0 is stored.")
    elif names[volume].lower() != VOLUMES[0]:
        notes.append(f"The volume is that of the column {names[volume]}.")
    return tuple(notes)


def _wrong(line: str, what: str) -> HeaderError:
    found = line[:SHOWN] + "…" * (len(line) > SHOWN)
    return HeaderError(f"the header is not {HEADER} (in any order and case): found {found!r}, {what}")


KINDS: Final = {
    b"PK": "a zip archive; unpack it",
    b"\x1f\x8b": "a gzip archive; unpack it",
    b"\xff\xfe": "a text in UTF-16; save it as UTF-8",
    b"\xfe\xff": "a text in UTF-16; save it as UTF-8",
}
"""What begins with these bytes is no text that could be read."""


def first_line(content: bytes) -> str:
    """Return the text of a file's first line; HeaderError if it is none."""
    for begin, told in KINDS.items():
        if content.startswith(begin):
            raise HeaderError(f"the header is not {HEADER}: found {told}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise HeaderError(f"the header is not {HEADER}: found bytes that are not UTF-8") from None
    if not text.replace("\t", "").isprintable():
        raise HeaderError(f"the header is not {HEADER}: found {text[:SHOWN]!r}, with control characters")
    return text
