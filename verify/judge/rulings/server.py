"""Health means serving: the image's own command, its own HEALTHCHECK, and our own requests."""

import math
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deploy.faults import Faults
from verify.judge.case import (
    WHO_KILLED,
    Case,
    Evidence,
    NotSeen,
    Ruling,
    killed_from_outside,
    rule,
    skip,
    want_of_memory,
)
from verify.judge.rulings.application import chains, describe, has_status, printable, unasked
from verify.judge.rulings.subject import NOT_EXECUTABLE
from verify.observe.model import ProbeResult, ServerRun
from verify.observe.probe_reports import (
    Answer,
    ApplicationReport,
    Checked,
    Heard,
    Memory,
    Published,
    Watched,
    disputed,
)

if TYPE_CHECKING:
    from verify.judge.verdict import Category

OF_A_WORKER = "worker_type"  # a key that only a worker's health holds
NO_HEALTHCHECK = "the contract says that the image has no HEALTHCHECK"
SHOWN = 3  # answers in a finding
FOR_WANT_OF_MEMORY = "Find which process of the server's grows without bound: `docker top`, and the server's log below"


def server_healthy(case: Case) -> Ruling:
    """The container reaches healthy by itself, as its own user, and the reply holds a status."""
    expected = "healthy by its own HEALTHCHECK, with a reply that holds `status`"
    if not case.image.healthcheck:
        return skip(NO_HEALTHCHECK)
    if not case.subject.has_healthcheck:
        return rule(False, expected, "the image has no HEALTHCHECK", log=_log(case))
    case.need_engine()
    refusal = case.observation.server.error if case.observation.server else ""
    if NOT_EXECUTABLE.search(refusal):
        return rule(False, expected, refusal)
    seen = case.server
    lost = [why] if (why := _want_of_memory(seen)) else []
    if not seen.running:
        code = seen.proof.exit_code if seen.proof else "unknown"
        category: Category = "ENVIRONMENT" if killed_from_outside(seen) else "CODE_BUG"
        last = printable(next(iter(_log(case).strip().splitlines()[-1:]), "")[:200])
        found = "; ".join([f"it stopped with {code}" + f": {last}" * bool(last), *lost])
        return Ruling("FAIL", expected, found, {"log": _log(case)}, category)
    if seen.health != "healthy":
        found = "; ".join([f"{seen.health}: {seen.reply.strip()[:300]}", *lost])
        return rule(False, expected, found, log=_log(case))
    if lost:
        return Ruling("FAIL", expected, f"it runs on, but {lost[0]}", {"log": _log(case)}, action=FOR_WANT_OF_MEMORY)
    found = (
        f"healthy after {seen.seconds_to_healthy} s"
        if '"status"' in seen.reply
        else f"reply: {seen.reply.strip()[:300]}"
    )
    return rule('"status"' in seen.reply, expected, found, reply=seen.reply.strip(), log=_log(case))


def _want_of_memory(seen: ServerRun) -> str:
    return want_of_memory(seen.proof.exit_code, out_of_memory=seen.proof.out_of_memory) if seen.proof else ""


def _log(case: Case) -> str:
    return case.observation.server.log[-2000:] if case.observation.server else ""


def lazy_server(case: Case) -> Ruling:
    """Where the image serves the API, no process in the container has, or tried to import, a heavy package."""
    application = case.contract.application
    if not case.contract.serves_api(case.image):
        return skip("the image serves no API: a worker loads torch on purpose")
    asked = case.server.asked
    if asked is None or asked.report is None:
        raise NotSeen("the server could not be asked", "server-answers")
    try:
        memory, answer = Memory.model_validate(asked.report), Answer.model_validate(asked.report)
    except ValueError:
        raise NotSeen("the answer does not say which packages are in memory", "server-answers") from None
    heavy = sorted({name for name in memory.packages if name in application.heavy})
    attempts, unheard = _heard(asked.report)
    faults = Faults(describe(attempt) for attempt in attempts[:5])
    faults.add(heavy, f"in memory: {', '.join(heavy)}")
    faults.add(memory.unreadable, f"processes that hide their memory: {memory.unreadable}")
    faults.add(memory.processes <= 0, "no process was seen")
    expected = f"no library of {', '.join(application.heavy)} in memory, and no attempt to import one"
    if not faults and not answer.status:
        raise NotSeen("the server had not answered", "server-answers")
    if not faults and unheard:
        action = "Start the server with a Python that reads its environment: no -E, -I or -S, and no other program"
        found = printable(f"not seen: imports were not recorded in {unheard}")
        return Ruling("ERROR", expected, found, category="CODE_BUG", action=action)
    found = printable("; ".join(faults)) or f"none in {memory.processes} process" + "es" * (memory.processes != 1)
    return rule(not faults, expected, found, attempts=chains(attempts))


def _heard(report: dict[str, Any]) -> tuple[list[Heard], str]:
    """Return the attempts that the server's processes recorded, and the processes that recorded none."""
    try:
        seen = Watched.model_validate(report)
    except ValueError:
        return [], "the server: its answer does not say"
    return seen.attempts, "; ".join(seen.unwatched[:3]) or ("" if seen.watched else "any of its processes")


def server_answers(case: Case) -> Ruling:
    """Whatever HEALTHCHECK says, the contract's address answers 200 with a status."""
    expected = f"{case.image.health} answers 200 with `status`"
    asked, killed = case.server.asked, killed_from_outside(case.server)
    if killed and (asked is None or asked.report is None):
        return Ruling("FAIL", expected, f"no answer: {killed}", category="ENVIRONMENT", action=WHO_KILLED)
    if not case.server.running:
        return rule(False, expected, "no answer: the server was not running")
    if asked is not None and asked.outcome == "timed out":
        return Ruling("ERROR", expected, "not seen: what asks the server ran out of time", category="ENVIRONMENT")
    if asked is None or asked.report is None:
        return rule(False, expected, f"no answer: {_unanswered(asked)}")
    try:
        answer, published = Answer.model_validate(asked.report), Published.model_validate(asked.report)
    except ValueError:
        return rule(False, expected, f"the answer is malformed: {str(asked.report)[:300]}")
    faults = Faults()
    faults.add(answer.status != 200 or not has_status(answer.body), _answered(answer))  # noqa: PLR2004 - HTTP's OK
    if not faults:
        faults += [*_unreachable(published.listens), *_besides(case, published), *_another_application(case, published)]
    impostor = not case.contract.serves_api(case.image) and f'"{OF_A_WORKER}"' not in answer.body
    faults.add(impostor, f"a worker's answer holds `{OF_A_WORKER}`, this one does not: {_answered(answer)}")
    expected += ", also to other containers; nothing else listens; it answers as the application that was examined"
    if not faults and published.unasked and _examined(case):
        return unasked(expected, published.unasked)
    return rule(not faults, expected, "; ".join(faults) or _answered(answer))


def _unanswered(asked: ProbeResult | None) -> str:
    """Return why what asks the server reported nothing: what it said, else how it ended."""
    if asked is None:
        return "nobody could ask"
    ending = f"what asks the server ended with {asked.exit_code} and reported nothing"
    return asked.printed.strip()[:300] or asked.error or ending


def _answered(answer: Answer) -> str:
    return f"{answer.status} {answer.body[:300]}"


def _unreachable(listens: list[str]) -> list[str]:
    """Return why other containers cannot reach the server, although it answers in its own; none where it is unknown."""
    inside = [address for address in listens if address == "::1" or address.removeprefix("::ffff:").startswith("127.")]
    faults = Faults()
    only = bool(listens) and inside == listens
    faults.add(only, f"it listens at {', '.join(listens[:8])} only: other containers cannot reach it")
    return faults


def _besides(case: Case, served: Published) -> list[str]:
    """Return what else listens in the server's container."""
    own = urlsplit(case.image.health).port or 80
    faults = Faults()
    for kind, ports in (("port", set(served.ports) - {own}), ("UDP port", set(served.datagrams))):
        faults.add(ports, f"something else listens at {kind} {', '.join(map(str, sorted(ports)[:8]))}")
    return faults


def _another_application(case: Case, served: Published) -> list[str]:
    """Return how the server's answers differ from those of the application that was examined."""
    examined = _examined(case)
    if examined is None:
        return []
    routes = [route for route in examined.routes if route[:1] != ["MOUNT"]]
    different = sorted(served.routes) != sorted(routes)
    faults = Faults()
    faults.add(different, f"it serves {len(served.routes)} routes, the application has {len(routes)}")
    differing = disputed(examined, served, case.repeats)
    if any(map(served.answered, differing)) and not case.observation.repeats:
        raise NotSeen("the server answers otherwise than the application, which nobody asked a second time", "")
    answers = [_difference(route, served.answers.get(route, ""), examined.digests[route]) for route in differing]
    faults += [printable(answer) for answer in answers[:SHOWN]]
    faults.add(len(answers) > SHOWN, f"and {len(answers) - SHOWN} more")
    return faults


def _examined(case: Case) -> ApplicationReport | None:
    """Return the probe's report on the application that the image has to serve; None where there is none."""
    try:
        examined = case.application
    except NotSeen:
        return None
    return examined if examined.routes and case.contract.serves_api(case.image) else None


def _difference(route: str, served: str, examined: str) -> str:
    """Return in words how two digests of an answer differ, each beginning with its status."""
    status, due = served.partition(" ")[0], examined.partition(" ")[0]
    if status == due:
        return f"{route[:200]}: {due} as the application, but with other content"
    return f"{route[:200]}: {status or 'not asked'}, the application answers {due}"


# The stand-ins for the server at which HEALTHCHECK has to fail, and how each answers
WRONG = {
    "nobody": "where nothing serves",
    "failure": "at a 500",
    "unready": "at a 503",
    "moved": "at a 302",
    "missing": "at a 404",
    "stateless": "at a 200 without `status`",
    "gone": "at a server that hangs up, though it answered well before",
    "hung": "at a server that takes connections and never answers",
}


def _noticed_within(case: Case) -> float:
    """Return the seconds after which the slowest HEALTHCHECK of the contract's reports a server that never answers."""
    due = case.contract.configuration_of(case.image).healthcheck
    if due is None:
        return math.inf
    checks = (due.interval.at_most + due.timeout.at_most) * due.retries.at_most
    return due.start_period.at_most + checks


def healthcheck_tells(case: Case) -> Ruling:
    """HEALTHCHECK passes at a 200 with `status`, and nowhere else."""
    expected = f"HEALTHCHECK passes at a 200 with `status`, and fails {', '.join(WRONG.values())}"
    if not case.image.healthcheck:
        return skip(NO_HEALTHCHECK)
    within = _noticed_within(case)
    expected += f"; a server that is gone is noticed within {within:.0f} s"
    if not case.subject.has_healthcheck:
        return rule(False, expected, "the image has no HEALTHCHECK")
    faults, printed, seconds = Evidence(), dict[str, str](), case.subject.unhealthy_after
    with faults.source():
        runs = {name: run for name in (*WRONG, "good") if (run := getattr(case.healthcheck, name))}
        nobody, good = case.healthcheck.nobody, runs.get("good")
        printed |= {name: run.printed for name, run in runs.items() if run.printed}
        if nobody.outcome == "not started":
            return rule(False, expected, f"it cannot be run: {nobody.error}")
        faults += [f"it passes {WRONG[name]}" for name, run in runs.items() if name in WRONG and run.passed]
        if good and not good.uncertain:
            faults.add(not good.passed, f"it fails at a 200 with `status`: {_ending(good)}")
        if unseen := [name for name in (*WRONG, "good") if name not in runs or runs[name].uncertain]:
            raise NotSeen(f"the health check's exit code is missing: {', '.join(unseen)}", "proof")
    with faults.source():
        if seconds is None:
            raise NotSeen("the engine does not say how often HEALTHCHECK runs", "")
        faults.add(seconds > within, f"a server that is gone becomes unhealthy only after {seconds:,.0f} s")
    return faults.rule(expected, "as expected", printed=printed)


def _ending(run: Checked) -> str:
    code = "it did not end" if run.outcome == "timed out" else f"exit code {run.exit_code}"
    return f"{code}, {run.asked} requests made, {run.printed.strip()[:200] or 'nothing printed'}"


RULINGS = {
    "server-healthy": server_healthy,
    "lazy-server": lazy_server,
    "server-answers": server_answers,
    "healthcheck-tells": healthcheck_tells,
}
