"""Puts a checked draft into a series' place: beside what is stored, or instead of it, as the client wishes."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from ktrdr.data.clock import DateOrder
from ktrdr.data.draft import Draft
from ktrdr.data.joining import Difference, Part, compare, join
from ktrdr.data.rows import Rows
from ktrdr.data.stored import Stored
from ktrdr.errors import ConflictError, InvalidError
from ktrdr.names import unescaped


@dataclass(frozen=True)
class Wishes:
    """What a client wants: to add bars to those stored, to replace them, 0 for a missing volume, an order of dates."""

    append: bool = False
    replace: bool = False
    zero_volume: bool = False
    date_order: DateOrder | None = None


PLAIN_WISHES: Final = Wishes()


@dataclass(frozen=True)
class Outcome:
    """What an upload stored: the bars that it brought, how the series changed, what to know of it, and its file."""

    received: int
    change: Difference
    notes: tuple[str, ...]
    stored: Stored
    status: os.stat_result

    def as_json(self) -> dict[str, Any]:
        """Return the fields that clients see."""
        return {
            "bars_received": self.received,
            "bars_added": self.change.added,
            "bars_changed": self.change.changed,
            "bars_removed": self.change.removed,
            "notes": list(self.notes),
        }


def place(draft: Draft, wishes: Wishes, know: Callable[[BinaryIO], Stored], notes: tuple[str, ...]) -> Outcome:
    """Store a draft; `know` returns what is known of an open file.

    ConflictError if stored bars would go or change without the wish to replace them; then nothing changes.
    """
    received = draft.stored.rows
    with _locked(draft.target.parent), contextlib.ExitStack() as open_:
        try:
            file = open_.enter_context(draft.target.open("rb"))
        except FileNotFoundError:
            change = Difference(added=received)
        else:
            new = Part(open_.enter_context(draft.path.open("rb")), draft.stored)
            if wishes.append:
                joined = open_.enter_context(Draft(draft.target, draft.timeframe))
                change = _joined(Part(file, know(file)), new, joined, wishes)
                draft = joined
            else:
                change = _replaced(Part(file, know(file)), new, draft, wishes)
        status = draft.commit()
    return Outcome(received, change, notes, draft.stored, status)


def _replaced(old: Part, new: Part, draft: Draft, wishes: Wishes) -> Difference:
    try:
        change = compare(old, new)
    except InvalidError:
        if not wishes.replace:
            raise
        return Difference(added=new.stored.rows)  # nothing can be said of a damaged series
    if (change.removed or change.changed) and not wishes.replace:
        raise _would_replace(draft.target, old.stored.rows, change)
    return change


def _joined(old: Part, new: Part, joined: Draft, wishes: Wishes) -> Difference:
    change = join(old, new, joined, Rows(joined.timeframe).nearest)
    if change.changed and not wishes.replace:
        raise _would_change(joined.target, change)
    if change.near:
        raise _too_near(joined.target, *change.near)
    return change


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Let one upload after the other compare and change, also those of several backends on one machine."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems have no locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _named(target: Path) -> str:
    symbol, _, timeframe = target.stem.rpartition("_")
    return f"{unescaped(symbol)} {timeframe}"


def _would_replace(target: Path, rows: int, change: Difference) -> ConflictError:
    message = (
        f"{_named(target)} has {rows:,} bars; {change.removed:,} of them are not in this text and {change.changed:,}"
        f" have other values there, the first of {change.first}: nothing stored. Send replace=true to replace the"
        " series, or append=true to add to it."
    )
    return ConflictError("would_replace", message, {"stored": rows, **_counts(change)})


def _would_change(target: Path, change: Difference) -> ConflictError:
    message = (
        f"{change.changed:,} stored bars of {_named(target)} have other values in this text, the first of"
        f" {change.first}: nothing stored. Send replace=true as well to change them."
    )
    return ConflictError("would_replace", message, _counts(change))


def _too_near(target: Path, time: str, apart: int) -> ConflictError:
    message = (
        f"In {_named(target)}, the bar of {time} would be {apart} s after the one before it, which is too near: nothing"
        " stored. Send bars of the same timeframe and the same hours."
    )
    return ConflictError("would_not_fit", message, {"time": time})


def _counts(change: Difference) -> dict[str, Any]:
    return {"removed": change.removed, "changed": change.changed, "first": change.first}
