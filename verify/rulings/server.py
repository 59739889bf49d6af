"""Health means serving: the image's own command, its own HEALTHCHECK, and our own question."""

from typing import TYPE_CHECKING

from verify.case import Case, NotSeen, Ruling, rule, skip
from verify.reports import Answer, Checked, Memory, Published
from verify.rulings.application import has_status
from verify.rulings.subject import NOT_EXECUTABLE

if TYPE_CHECKING:
    from verify.verdict import Category

KILLED = (137, 143)  # 128 + SIGKILL, 128 + SIGTERM: ended from outside


def server_healthy(case: Case) -> Ruling:
    """The container reaches healthy by itself, as its own user, and the reply holds a status."""
    expected = "healthy by its own HEALTHCHECK, with a reply that holds `status`"
    if not case.subject.has_healthcheck:
        return rule(False, expected, "the image has no HEALTHCHECK", log=_log(case))
    refusal = case.observation.server.error if case.observation.server else ""
    if NOT_EXECUTABLE.search(refusal):
        return rule(False, expected, refusal)
    seen = case.server
    if not seen.running:
        code = seen.proof.exit_code if seen.proof else "unknown"
        killed = seen.proof is not None and (seen.proof.exit_code in KILLED or seen.proof.out_of_memory)
        category: Category = "ENVIRONMENT" if killed else "CODE_BUG"
        why = ", ended by its memory limit (OOMKilled)" if seen.proof and seen.proof.out_of_memory else ""
        return Ruling("FAIL", expected, f"it stopped with {code}{why}", {"log": _log(case)}, category)
    if seen.health != "healthy":
        return rule(False, expected, f"{seen.health}: {seen.reply.strip()[:300]}", log=_log(case))
    found = (
        f"healthy after {seen.seconds_to_healthy} s"
        if '"status"' in seen.reply
        else f"reply: {seen.reply.strip()[:300]}"
    )
    return rule('"status"' in seen.reply, expected, found, reply=seen.reply.strip(), log=_log(case))


def _log(case: Case) -> str:
    return case.server.log[-2000:]


def lazy_server(case: Case) -> Ruling:
    """Where the image serves the API, no process in the container has a heavy package's library in memory."""
    application = case.contract.application
    if not case.contract.serves_api(case.image):
        return skip("the image serves no API: a worker loads torch on purpose")
    asked = case.server.asked
    if asked is None or asked.report is None:
        raise NotSeen("the server could not be asked", "server-answers")
    try:
        memory = Memory.model_validate(asked.report)
    except ValueError:
        raise NotSeen("the answer does not say what is in memory", "server-answers") from None
    heavy = sorted({name for name in memory.packages if name in application.heavy})
    found = f"in memory: {', '.join(heavy)}" if heavy else f"none in {memory.processes} processes"
    found += f"; {memory.unreadable} hide their memory" if memory.unreadable else ""
    return rule(
        not heavy and memory.processes > 0 and not memory.unreadable,
        f"no library of {', '.join(application.heavy)} in memory",
        found,
    )


def server_answers(case: Case) -> Ruling:
    """Whatever HEALTHCHECK says, the contract's address answers 200 with a status."""
    expected = f"{case.image.health} answers 200 with `status`"
    asked = case.server.asked
    if not case.server.running or asked is None or asked.report is None:
        reason = (
            "the server was not running" if not case.server.running else (asked.printed.strip()[:300] if asked else "")
        )
        return rule(False, expected, f"no answer: {reason}")
    try:
        answer, published = Answer.model_validate(asked.report), Published.model_validate(asked.report)
    except ValueError:
        return rule(False, expected, f"an answer that is none: {str(asked.report)[:300]}")
    faults = [] if answer.status == 200 and has_status(answer.body) else [_answered(answer)]  # noqa: PLR2004 - HTTP's OK
    if not faults:
        faults = _unreachable(published.listens) + _foreign_routes(case, published.routes)
    expected += ", from outside too, and serves the application's routes"
    return rule(not faults, expected, "; ".join(faults) or _answered(answer))


def _answered(answer: Answer) -> str:
    return f"{answer.status} {answer.body[:300]}"


def _unreachable(listens: list[str]) -> list[str]:
    """Return what keeps other containers from a server that answers within its own; nothing where nobody was seen."""
    inside = [one for one in listens if one == "::1" or one.removeprefix("::ffff:").startswith("127.")]
    only = bool(listens) and inside == listens
    return [f"it listens at {', '.join(listens[:8])} only: out of reach for other containers"] * only


def _foreign_routes(case: Case, served: list[list[str]]) -> list[str]:
    """Return how the routes of the image that serves the API differ from those of the application that was examined."""
    try:
        examined = [route for route in case.application.routes if route[:1] != ["MOUNT"]]
    except NotSeen:
        return []
    if not examined or not case.contract.serves_api(case.image):
        return []
    different = sorted(served) != sorted(examined)
    return [f"it serves {len(served)} routes, the application has {len(examined)}"] * different


# How the stand-ins for the server answer that HEALTHCHECK has to fail at
WRONG = {
    "nobody": "where nothing serves",
    "silence": "at a server that hangs up",
    "failure": "at a 500",
    "stateless": "at a 200 without `status`",
}


def healthcheck_tells(case: Case) -> Ruling:
    """HEALTHCHECK passes at a 200 with `status`, and nowhere else."""
    expected = f"HEALTHCHECK passes at a 200 with `status`, and fails {', '.join(WRONG.values())}"
    if not case.subject.has_healthcheck:
        return rule(False, expected, "the image has no HEALTHCHECK")
    report = case.healthcheck
    if report.nobody.outcome == "not started":
        return rule(False, expected, f"it cannot be run: {report.nobody.error}")
    runs = {name: getattr(report, name) for name in (*WRONG, "good")}
    if unseen := [name for name, one in runs.items() if one is None or (one.outcome, one.exit_code) == ("ended", None)]:
        raise NotSeen(f"the health check's exit code is missing: {', '.join(unseen)}", "proof")
    faults = [f"it passes {words}" for name, words in WRONG.items() if runs[name].passed]
    faults += [f"it fails at a 200 with `status`: {_told(runs['good'])}"] * (not runs["good"].passed)
    printed = {name: one.printed for name, one in runs.items() if one.printed}
    return rule(not faults, expected, "; ".join(faults) or "so it does", printed=printed)


def _told(run: Checked) -> str:
    code = "it did not end" if run.outcome == "timed out" else f"exit code {run.exit_code}"
    return f"{code}, {run.asked} requests made, {run.printed.strip()[:200] or 'nothing printed'}"


CHECKS = {
    "server-healthy": server_healthy,
    "lazy-server": lazy_server,
    "server-answers": server_answers,
    "healthcheck-tells": healthcheck_tells,
}
