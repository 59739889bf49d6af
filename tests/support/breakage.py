"""One thing that is wrong with an image, or with an observation, and what the judge says of it."""

from dataclasses import dataclass
from functools import cached_property

from tests.support.cases import Change, good, good_gpu
from verify.judge.verdict import Category, Finding, Outcome, Verdict


@dataclass(frozen=True)
class Breakage:
    """One thing that is wrong, and the one check that says so; ``with_it``: others that break for the same reason."""

    check: str
    what: str
    role: str
    change: Change
    category: Category = "CODE_BUG"
    outcome: Outcome = "FAIL"
    with_it: tuple[str, ...] = ()
    gpu: bool = False

    @cached_property
    def verdict(self) -> Verdict:
        """What the judge says of it."""
        return (good_gpu(self.change) if self.gpu else good(self.role, self.change)).verdict()

    @property
    def findings(self) -> dict[str, Finding]:
        return {finding.check: finding for finding in self.verdict.findings}

    def __str__(self) -> str:
        return f"{self.check}: {self.what}"
