"""What a measurement comes to: figures with their samples, medians, ratios and goals."""

from statistics import median
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field


class Model(BaseModel):
    """A value in ``bench.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Series(Model):
    """One thing, measured again and again."""

    what: str
    values: list[float] = Field(min_length=1)
    cpu_seconds: list[float] = []  # that the whole machine was busy meanwhile (proc(5), /proc/stat)

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own way to show a property in JSON
    @property
    def median(self) -> float:
        """The middle one of the values."""
        return median(self.values)


class Figure(Model):
    """A series, alone or beside another one that does the same or less, and what is wanted of it."""

    name: str
    unit: Literal["s", "ms", "MB", "CPU s", "workers", "operations"]
    ours: Series
    other: Series | None = None
    at_most: float | None = None  # of our median, or of the ratio where there is another series
    note: str = ""

    @computed_field  # type: ignore[prop-decorator]  # as above
    @property
    def ratio(self) -> float | None:
        """Our median by the other's."""
        return self.ours.median / self.other.median if self.other else None

    @computed_field  # type: ignore[prop-decorator]  # as above
    @property
    def reached(self) -> bool | None:
        """Whether the goal is; None where there is none."""
        value = self.ours.median if self.ratio is None else self.ratio
        return None if self.at_most is None else value <= self.at_most


class Machine(Model):
    """What the figures were taken on."""

    processor: str
    cores: int
    memory_bytes: int
    system: str
    kernel: str
    engine: str


class Report(Model):
    """``bench.json``."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    started: str  # UTC, ISO 8601
    seconds: float
    revision: str
    quick: bool  # one round, one image: shows that it runs, and nothing else
    machine: Machine
    tools: dict[str, str]  # name -> version
    figures: list[Figure]
    not_measured: dict[str, str]  # group -> why
