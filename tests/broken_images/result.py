"""What came of the faults and of the good images' rounds: ``faults.json``, and how a fault's verdict is taken."""

from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatch
from typing import Literal

from pydantic import Field

from deploy.artifacts import Model
from tests.broken_images.fault import Fault
from tests.broken_images.glance import NOT_LOOKED_AT
from tests.broken_images.workshop import Seen
from verify.judge.verdict import Category, Outcome, Verdict

How = Literal["caught", "missed", "caught for the wrong reason", "passed", "false alarm"]
HOWS: tuple[How, ...] = ("caught", "missed", "caught for the wrong reason", "passed", "false alarm")
RIGHT = ("caught", "passed")  # of a broken image, and of a good one
BAD = ("FAIL", "ERROR")


class Said(Model):
    """What one check says, or should say."""

    outcome: Outcome
    category: Category | None
    found: str  # words of the finding


class Result(Model):
    """One fault: the finding that was due, the one that came, and what else was found wrong."""

    name: str
    check: str
    role: str  # whose contract it was judged by
    base: str  # whose image it was made from
    expected: Said
    got: Said
    how: How
    others: list[str]  # other checks that FAIL or are in ERROR
    seconds: float


class Round(Model):
    """One verification of the good images."""

    number: int
    variation: str
    seconds: float
    outcomes: dict[str, Outcome]  # by role
    alarms: list[str]  # what was found wrong with an image that is right


class Suite(Model):
    """``faults.json``."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    started: str  # UTC, ISO 8601
    seconds: float
    whole: bool  # every fault and every round, none left out
    faults: list[Result]
    without: list[str]  # checks that no fault has caused to FAIL or to be in ERROR
    rounds: list[Round]
    left: list[str]  # what the suite left on the engine or the machine

    @property
    def counts(self) -> dict[How, int]:
        """How many faults ended in which way."""
        counts = Counter(one.how for one in self.faults)
        return {how: counts[how] for how in HOWS}

    @property
    def alarms(self) -> list[str]:
        """Every false alarm of the rounds."""
        return [f"round {one.number}, {one.variation}: {alarm}" for one in self.rounds for alarm in one.alarms]

    @property
    def good(self) -> bool:
        """Whether nothing was missed, nothing was caught for the wrong reason, nothing alarmed and nothing was left."""
        caught = all(one.how in RIGHT for one in self.faults)
        return caught and not (self.without or self.alarms or self.left)


def taken(fault: Fault, seen: Seen, seconds: float) -> Result:
    """Compare the finding that a fault must cause with the one that it caused."""
    findings = {one.check: one for one in seen.verdict.findings}
    found = findings[fault.check]
    right = (found.outcome, found.category) == (fault.outcome, fault.category)
    right = right and all(words in found.found for words in fault.says) and bool(found.action) == (fault.outcome in BAD)
    others = [one.check for one in findings.values() if one.outcome in BAD and NOT_LOOKED_AT not in one.found]
    allowed = fault.despite or ("*",) * (fault.outcome in BAD)
    costs = [name for name in others if name != fault.check and not any(fnmatch(name, one) for one in allowed)]
    right = right and not costs
    missed = not others and found.outcome not in BAD
    how: How = "caught" if right and not seen.shows_secret else "missed" if missed else "caught for the wrong reason"
    if fault.outcome not in BAD:
        how = "passed" if right else "false alarm"
    secret = "; THE SECRET IS SHOWN" if seen.shows_secret else ""
    return Result(
        name=fault.name,
        check=fault.check,
        role=fault.role,
        base=fault.base,
        expected=Said(outcome=fault.outcome, category=fault.category, found=", ".join(fault.says)),
        got=Said(outcome=found.outcome, category=found.category, found=found.found[:600] + secret),
        how=how,
        others=[name for name in others if name != fault.check],
        seconds=round(seconds, 1),
    )


def unbuilt(fault: Fault, trouble: Exception, seconds: float) -> Result:
    """Return what came of a fault whose image cannot be made: nothing was caught."""
    return Result(
        name=fault.name,
        check=fault.check,
        role=fault.role,
        base=fault.base,
        expected=Said(outcome=fault.outcome, category=fault.category, found=", ".join(fault.says)),
        got=Said(outcome="ERROR", category=None, found=(str(trouble) or type(trouble).__name__)[-600:]),
        how="missed",
        others=[],
        seconds=round(seconds, 1),
    )


def wrong(verdict: Verdict) -> list[str]:
    """Return what a verdict finds wrong, a line a finding."""
    found = [one for one in verdict.findings if one.outcome in BAD]
    return [f"{verdict.role}: {one.outcome} {one.category} {one.check}: {one.found[:300]}" for one in found]


def unreasoned(checks: Iterable[str], results: Iterable[Result]) -> list[str]:
    """Return the checks that are the reason of no fault's FAIL or ERROR."""
    reasons = {one.check for one in results if one.how == "caught"}
    return [check for check in checks if check not in reasons]
