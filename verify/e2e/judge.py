"""Observation → verdict. Pure: nothing here touches an engine, a file or a clock."""

from verify.e2e import rulings_disturbed, rulings_normal
from verify.e2e.observation import SystemObservation
from verify.e2e.scenarios import TESTER, TRAINER
from verify.e2e.view import MISSHAPEN, View, Wrong, misshapen
from verify.judge.case import Ruling, finding_of
from verify.judge.checks import END_TO_END_CHECKS, Check
from verify.judge.end_to_end import EndToEnd
from verify.judge.verdict import Finding, outcome_of

RULINGS = {**rulings_normal.RULINGS, **rulings_disturbed.RULINGS}


def judge(observed: SystemObservation, worker_images: tuple[str, ...], started: str) -> EndToEnd:
    """Apply every check; `worker_images` are the tags that a misplaced worker has to name."""
    view = View(observed, worker_images)
    findings = [finding(view, check) for check in END_TO_END_CHECKS.values()]
    return EndToEnd(
        outcome=outcome_of(findings),
        images=observed.images,
        figures=figures(observed),
        findings=findings,
        started=started,
        seconds=observed.seconds,
    )


def finding(view: View, check: Check) -> Finding:
    """Apply one check. A wrong answer is a FAIL, and so is one of another form than the API's."""

    def ruling() -> Ruling:
        try:
            return RULINGS[check.name](view)
        except Wrong as wrong:
            return Ruling("FAIL", check.purpose, wrong.found, wrong.evidence)
        except MISSHAPEN as error:
            return Ruling("FAIL", check.purpose, misshapen(error))

    return finding_of(check, ruling)


def figures(observed: SystemObservation) -> dict[str, float]:
    """Return the seconds worth knowing, as far as they were seen."""
    known: dict[str, float] = {}
    for name, scenario, answer in (("training", "training", "ended"), ("restart_to_healthy", "restart", "health")):
        seen = observed.scenarios[scenario].answers.get(answer) if scenario in observed.scenarios else None
        if seen is not None and seen.met:
            known[name] = seen.seconds
    startup = observed.scenarios.get("startup")
    if startup is not None:
        known |= {
            f"{name}_to_registered": seconds
            for name in (TRAINER, TESTER)
            if (seconds := rulings_normal.seconds_to_registered(startup, name)) is not None
        }
    return known
