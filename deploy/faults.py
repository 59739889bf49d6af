"""Collects what is wrong with something: a condition and a sentence a line."""


class Faults(list[str]):
    """The faults that hold, in the order in which they were checked; empty where nothing is wrong."""

    def add(self, condition: object, text: str) -> None:
        """Note the text as a fault where the condition holds: where it is true, or is not empty."""
        if condition:
            self.append(text)
