"""How files write times: the forms that are read, chosen by the first row, and what a text means in them."""

import re
from collections.abc import Callable
from datetime import date
from typing import Final, Literal

DateOrder = Literal["day_first", "month_first"]

DAY_S: Final = 86_400
DATE_LENGTH: Final = len("2024-01-05")
REMEMBERED: Final = 20_000
"""Texts that one memory holds; a file of minutes has 1,440 times of day."""

_EPOCH: Final = date(1970, 1, 1).toordinal()
_REST: Final = re.compile(
    r"(?:[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.0{1,9})?)?"
    r"(?P<zone> ?(?:Z|(?:UTC|GMT)?(?P<offset>[+-][0-9]{2}:?[0-9]{2})|UTC|GMT))?)?"
)
_YEAR_FIRST: Final = {"-": "ISO 8601, such as 2024-01-05T13:00:00Z", ".": "like 2024.01.05 13:00"}
_FORMS: Final = {
    **{
        told: re.compile(rf"(?P<year>[0-9]{{4}})[{sign}](?P<month>[0-9]{{2}})[{sign}](?P<day>[0-9]{{2}})")
        for sign, told in _YEAR_FIRST.items()
    },
    "like 05.01.2024 13:00": re.compile(r"(?P<day>[0-9]{2})\.(?P<month>[0-9]{2})\.(?P<year>[0-9]{4})"),
}
_BY_ORDER: Final = {
    "day_first": ("like 05/01/2024 13:00", re.compile(r"(?P<day>[0-9]{2})/(?P<month>[0-9]{2})/(?P<year>[0-9]{4})")),
    "month_first": ("like 01/05/2024 13:00", re.compile(r"(?P<month>[0-9]{2})/(?P<day>[0-9]{2})/(?P<year>[0-9]{4})")),
}
_SLASHES: Final = _BY_ORDER["day_first"][1]
_EPOCHS: Final = {"seconds since 1970": (r"[0-9]{9,10}", 1), "milliseconds since 1970": (r"[0-9]{12,13}", 1000)}


class Memory(dict[str, int]):
    """Remembers what a text means: most texts occur again."""

    def __init__(self, read: Callable[[str], int]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str) -> int:
        if len(self) >= REMEMBERED:
            self.clear()
        value = self[text] = self._read(text)
        return value


class Clock:
    """Reads the times of one file: all in the form of its first one, all with a zone or all without (then UTC).

    `form` says what a time looks like. A time is a date of ten characters and a rest, or a number (`unit` a second).
    """

    def __init__(self, first: str, order: DateOrder | None = None) -> None:
        self.form, self.unit, self._date = _form_of(first, order)
        rest = _REST.fullmatch(first[DATE_LENGTH:])
        self.zoned = bool(rest and rest["zone"])
        self.days = Memory(self._day)
        self.rests = Memory(self._rest)

    def read(self, text: str) -> int:
        """Return a time in epoch seconds (UTC); ValueError for anything that is not in this form."""
        if self.unit:
            return self.of_number(text)
        return self.days[text[:DATE_LENGTH]] + self.rests[text[DATE_LENGTH:]]

    def of_number(self, text: str) -> int:
        """Return the epoch seconds that a number of this file's unit means; ValueError where they are not whole."""
        if not self._date.fullmatch(text):
            raise ValueError(text)
        seconds, part = divmod(int(text), self.unit)
        if part:
            raise ValueError(text)
        return seconds

    def has_other_zone(self, text: str) -> bool:
        """Return whether a text is a time with a zone where the first one has none, or the other way round."""
        date_is_right = not self.unit and self._date.fullmatch(text[:DATE_LENGTH])
        rest = _REST.fullmatch(text[DATE_LENGTH:]) if date_is_right else None
        return rest is not None and bool(rest["zone"]) != self.zoned

    def _day(self, text: str) -> int:
        found = self._date.fullmatch(text)
        if found is None:
            raise ValueError(text)
        return (date(int(found["year"]), int(found["month"]), int(found["day"])).toordinal() - _EPOCH) * DAY_S

    def _rest(self, text: str) -> int:
        found = _REST.fullmatch(text)
        if found is None or bool(found["zone"]) != self.zoned:
            raise ValueError(text)
        hour, minute, second = (int(found[part] or 0) for part in ("hour", "minute", "second"))
        sign, hours, minutes = _offset(found["offset"])
        if max(hour, hours) > 23 or max(minute, minutes, second) > 59:  # noqa: PLR2004  a clock's
            raise ValueError(text)
        return (hour - sign * hours) * 3600 + (minute - sign * minutes) * 60 + second


def _offset(text: str | None) -> tuple[int, int, int]:
    return (-1 if text[0] == "-" else 1, int(text[1:3]), int(text[-2:])) if text else (0, 0, 0)


def _form_of(first: str, order: DateOrder | None) -> tuple[str, int, re.Pattern[str]]:
    """Return a form in words, the unit of a number (0 for a date) and its pattern; ValueError where it is open."""
    begin = first[:DATE_LENGTH]
    if _SLASHES.fullmatch(begin):
        if order is None:
            raise ValueError(f"timestamp {first[:40]!r} may have the day or the month first: send date_order")
        told, pattern = _BY_ORDER[order]
        return told, 0, pattern
    for told, (digits, unit) in _EPOCHS.items():
        if re.fullmatch(digits, first):
            return told, unit, re.compile(digits)
    found = [(told, pattern) for told, pattern in _FORMS.items() if pattern.fullmatch(begin)]
    told, pattern = (found or list(_FORMS.items()))[0]
    return told, 0, pattern
