"""The summary of all images (``summary.json``)."""

from typing import Literal

from pydantic import Field

from deploy.artifacts import Model
from deploy.sizes import megabytes
from verify.judge.difference import Difference
from verify.judge.end_to_end import EndToEnd
from verify.judge.family import Family
from verify.judge.verdict import Figures, Finding, Outcome

# "Test duration > 10s" of the specification's sanity checks, all images together; printed, never judged.
SPECIFICATION_FLOOR_SECONDS = 10


# The columns of the summary's table; the last one is the outcome
COLUMNS = ("Image", "Torch", "CUDA", "Expected", "Actual", "unpacked MB", "added MB", "torch version", "Outcome")
NUMBERS = ("unpacked MB", "added MB")


class Row(Model):
    """One image: the specification's columns, the figures and every finding. ``?`` stands for a value not seen."""

    role: str
    image: str  # the tag; the role where there is no verdict
    torch: Literal["YES", "NO", "?"] = "?"
    cuda: str = "?"  # N/A, NO, or the CUDA version of the torch build
    expected: str = "?"
    actual: str = "not seen"
    outcome: Outcome
    unverified: int = 0  # checks that need what the host lacked; shown beside the outcome, never hidden
    gpu: bool = False  # the GPU contract rather than the complete one
    image_id: str | None = None
    identity: str | None = None
    container_ids: list[str] = Field(default_factory=list)
    started: str = ""
    seconds: float = 0.0
    figures: Figures = Figures()
    difference: Difference | None = None  # from the baseline, where that knows the role
    findings: list[Finding]

    @property
    def outcome_words(self) -> list[str]:
        """The outcome and what stands beside it, each short enough for a narrow column."""
        beside = ["UNVERIFIED"] if self.unverified else []
        return [self.outcome, *beside, *(["GPU only"] if self.gpu else [])]

    @property
    def torch_version(self) -> str:
        """The version for a column: ``-`` beside no torch."""
        return self.figures.torch_version or ("-" if self.torch == "NO" else "?")

    @property
    def cells(self) -> list[str]:
        """The table's row, all columns but the outcome."""
        sizes = (column(self.figures.unpacked_bytes), column(self.figures.added_bytes))
        return [self.image, self.torch, self.cuda, self.expected, self.actual, *sizes, self.torch_version]


Part = Row | Family | EndToEnd


class Summary(Model):
    """``summary.json``: the images in the contract's order. A function of the verdicts alone: no clock, no host."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    outcome: Literal["PASS", "FAIL", "ERROR"]
    exit_code: int
    meaning: str  # of the exit code
    probe_seconds: float | None  # all probes of all images
    rows: list[Row]
    family: Family | None = None  # the images beside each other; None where fewer than two were verified
    e2e: EndToEnd | None = None  # the images at work together; None where that was not tried in this state

    @property
    def parts(self) -> list[Part]:
        """Everything that has findings."""
        return [*self.rows, *(part for part in (self.family, self.e2e) if part)]

    @property
    def changes(self) -> dict[str, str]:
        """A line on the changes of each image that the baseline knows."""
        return {row.role: row.difference.words for row in self.rows if row.difference is not None}

    @property
    def end_to_end(self) -> str:
        """A line on the images at work together."""
        if self.e2e is None:
            return "end to end: not run in this state; run `./noxw -s e2e`"
        return f"end to end: {self.e2e.outcome}, {len(self.e2e.findings)} checks in {self.e2e.seconds:.1f} s"

    @property
    def duration(self) -> str:
        """The measured duration beside the specification's floor."""
        if self.probe_seconds is None:
            return "no check ran inside an image"
        return (
            f"checks took {self.probe_seconds:.1f} s, with proof that each ran (observed.json) in place of the "
            f"specification's minimum of {SPECIFICATION_FLOOR_SECONDS} s"
        )


def column(count: int | None) -> str:
    """Unpacked bytes as MB (10^6) for a column."""
    return "?" if count is None else megabytes(count)


UNITS = "MB is 10^6 unpacked bytes; added: above the base image's layers"
CHANGES = "changed since the baseline, above the base image"
