"""What was seen → the verdict. Pure: nothing here touches an engine, a file or a clock."""

from verify.case import NotSeen, Ruling
from verify.checks import Check
from verify.e2e import harm, work
from verify.e2e.checks import CHECKS
from verify.e2e.observed import Observed
from verify.e2e.scenes import TESTER, TRAINER
from verify.e2e.verdict import EndToEnd
from verify.e2e.view import MISSHAPEN, View, Wrong
from verify.verdict import Finding, outcome_of

RULINGS = {**work.CHECKS, **harm.CHECKS}


def judge(observed: Observed, worker_images: tuple[str, ...], started: str) -> EndToEnd:
    """Apply every check; `worker_images` are the tags that a misplaced worker has to name."""
    view = View(observed, worker_images)
    findings = [finding(view, check) for check in CHECKS.values()]
    return EndToEnd(
        outcome=outcome_of(findings),
        images=observed.images,
        figures=figures(observed),
        findings=findings,
        started=started,
        seconds=observed.seconds,
    )


def finding(view: View, check: Check) -> Finding:
    """Apply one check. Evidence that is missing is an ERROR, an answer that is not what it must be a FAIL.

    So is an answer of another form than the API's: whatever a ruling stumbles over then, it is the image's doing.
    """
    try:
        ruling = RULINGS[check.name](view)
    except NotSeen as missing:
        evidence = {"because": missing.because} if missing.because not in ("", check.name) else {}
        ruling = Ruling("ERROR", check.purpose, f"not seen: {missing.reason}", evidence, category="ENVIRONMENT")
    except Wrong as wrong:
        ruling = Ruling("FAIL", check.purpose, wrong.found, wrong.evidence)
    except MISSHAPEN as error:
        ruling = Ruling("FAIL", check.purpose, f"an answer is not of the API's form: {type(error).__name__}: {error}")
    good = ruling.outcome == "PASS"
    return Finding(
        check=check.name,
        outcome=ruling.outcome,
        expected=ruling.expected,
        found=ruling.found,
        category=None if good else ruling.category or check.category,
        action="" if good else check.action,
        evidence={name: value for name, value in ruling.evidence.items() if value not in (None, "", [], {})},
    )


def figures(observed: Observed) -> dict[str, float]:
    """Return the seconds worth knowing, as far as they were seen."""
    known: dict[str, float] = {}
    for name, scene, answer in (("training", "training", "ended"), ("restart_to_healthy", "restart", "health")):
        seen = observed.scenes[scene].answers.get(answer) if scene in observed.scenes else None
        if seen is not None and seen.met:
            known[name] = seen.seconds
    startup = observed.scenes.get("startup")
    if startup is not None:
        known |= {
            f"{name}_to_registered": seconds
            for name in (TRAINER, TESTER)
            if (seconds := work.seconds_to_registered(startup, name)) is not None
        }
    return known
