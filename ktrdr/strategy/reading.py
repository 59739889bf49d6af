"""Reads a foreign document key by key: what nobody takes is told, so that nothing is lost without a word."""

from dataclasses import dataclass, field
from typing import Any

from ktrdr.strategy.issues import brief


@dataclass(frozen=True)
class Note:
    """What became of a key that was not carried as it is."""

    key: str
    told: str

    def __str__(self) -> str:
        return f"{self.key}: {self.told}"


@dataclass
class Notes:
    """What was left out or changed, and what keeps the document from being converted."""

    told: list[Note] = field(default_factory=list)
    lacking: list[Note] = field(default_factory=list)

    def tell(self, key: str, told: str) -> None:
        """Note a change that a reader has to know."""
        self.told.append(Note(key, told))

    def lack(self, key: str, told: str) -> None:
        """Note what cannot be carried and decides what the strategy is."""
        self.lacking.append(Note(key, told))


class Section:
    """A mapping of which keys are taken one by one; anything else counts as an empty one."""

    def __init__(self, value: Any, path: str, notes: Notes) -> None:
        self.path = path
        self.notes = notes
        self._values = dict(value) if isinstance(value, dict) else {}
        if value is not None and not isinstance(value, dict):
            notes.tell(path, f"is {brief(value)}, not a mapping: left out")

    def at(self, key: str) -> str:
        """Return a key's path from the top."""
        return f"{self.path}.{key}".lstrip(".")

    def take(self, *keys: str) -> Any:
        """Take and return the value of the first key that is there, or None."""
        found = [self._values.pop(key) for key in keys if key in self._values]
        return found[0] if found else None

    def take_all(self) -> dict[str, Any]:
        """Take what is left, by names."""
        found = {str(key): value for key, value in self._values.items()}
        self._values = {}
        return found

    def section(self, key: str) -> "Section":
        """Take a section below this one."""
        return Section(self.take(key), self.at(key), self.notes)

    def expect(self, key: str, *usual: Any) -> None:
        """Take a key that has no equivalent here; told unless its value is one of the usual ones."""
        value = self.take(key)
        if value is not None and value not in usual:
            self.notes.tell(self.at(key), f"{brief(value)} has no equivalent: left out")

    def rest(self) -> None:
        """Tell of every key that nobody took."""
        for key, value in self.take_all().items():
            self.notes.tell(self.at(key), f"{brief(value)} has no equivalent: left out")
