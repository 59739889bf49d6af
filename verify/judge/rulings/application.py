"""The API: the lazy-import specification, and its extension (vacuous laziness)."""

import json
from collections.abc import Sequence
from typing import Any

from deploy.faults import Faults
from verify.judge.case import Case, NotSeen, Ruling, rule
from verify.observe.probe_reports import ApplicationReport, Attempt, Heard, Loaded, Lost, Started

SERVER_ERROR, INVALID = 500, 422  # statuses of HTTP; FastAPI answers the second to values that it refuses
# What has to end well before the next phase begins -> the check that says so
PHASES = {"import": "api-imports", "routes": "api-routes", "start": "api-starts"}


def api_imports(case: Case) -> Ruling:
    """The module can be imported and has the attribute."""
    seen, demanded = case.application, case.contract.application
    lost = _lost(seen, "import") or Lost(how="no reason given")
    if lost.late:
        raise NotSeen(f"the import ran out of time: {lost.how}", "")
    found = f"imported in {seen.import_seconds} s" if seen.imported else lost.how
    expected = f"`from {demanded.module} import {demanded.attribute}` can be imported"
    return rule(seen.imported, expected, found, traceback=lost.traceback)


def _imported(case: Case) -> ApplicationReport:
    seen = case.application
    if not seen.imported:
        raise NotSeen("the application could not be imported", "api-imports")
    return seen


def _lost(seen: ApplicationReport, name: str) -> Lost | None:
    """Return what came of a phase that was lost; it was not seen where no time was left for it."""
    lost = seen.lost.get(name)
    if lost and lost.unseen:
        raise NotSeen(f"the application probe ran out of time: {lost.how}", "")
    return lost


def api_is_fastapi(case: Case) -> Ruling:
    """What was imported is a FastAPI instance."""
    seen = _imported(case)
    return rule(seen.is_fastapi, "an instance of fastapi.FastAPI", seen.kind or "something else")


def api_routes(case: Case) -> Ruling:
    """More effective method and path pairs than the floor, and health among them."""
    seen, floor, health = _imported(case), case.contract.application.more_routes_than, case.contract.application.health
    if lost := _lost(seen, "routes"):
        return rule(False, "a list of routes", f"none could be made: {lost.how}", traceback=lost.traceback)
    present = any(route[-1] == health for route in seen.routes if route)
    found = f"{len(seen.routes)} routes" + ("" if present else f", but none for {health}")
    return rule(len(seen.routes) > floor and present, f"more than {floor} routes, {health} among them", found)


def api_new_modules(case: Case) -> Ruling:
    """Importing the application loaded more modules than the floor."""
    seen, floor = _imported(case), case.contract.application.more_new_modules_than
    return rule(seen.new_modules > floor, f"more than {floor} new modules", f"{seen.new_modules} new modules")


def api_starts(case: Case) -> Ruling:
    """The application's start-up completes."""
    seen = _imported(case)
    lost = _lost(seen, "start") or Lost(how="it did not start")
    found = f"started in {seen.start_seconds} s" if seen.started else lost.how
    return rule(seen.started, "start-up completes", found, traceback=lost.traceback)


def has_status(body: str) -> bool:
    """Whether a reply is a JSON object with a `status`."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and bool(document.get("status"))


def api_answers(case: Case) -> Ruling:
    """Health answers 200 with a status, no request raises an unexpected error or ends the process, and all end."""
    seen = _imported(case)
    if not seen.started:
        raise NotSeen("the application did not start", "api-starts")
    faults, health = Faults(), seen.health
    healthy = health is not None and health.status == 200 and has_status(health.body)  # noqa: PLR2004 - HTTP's OK
    if health or "health" not in seen.lost:
        faults.add(not healthy, f"health: {health.status} {health.body[:200]}" if health else "health was not asked")
    faults += [f"{route}: {status}" for route, status in seen.answers.items() if status in {SERVER_ERROR, 0}]
    told = {name: lost for name, lost in seen.lost.items() if name not in PHASES}
    faults += [printable(f"{name[:200]}: {lost.how}") for name, lost in told.items() if not lost.unseen]
    refused = sum(status == INVALID for status in seen.answers.values())
    answered = f"{len(seen.answers)} requests answered" + f", {refused} of them with {INVALID}: not run" * bool(refused)
    expected = f"health 200 with `status`, and no request ends in {SERVER_ERROR}"
    if not faults and (unseen := [name for name, lost in told.items() if lost.unseen]):
        return unasked(expected, unseen)
    return rule(not faults, expected, "; ".join(faults) or answered, answers=seen.answers)


def _lazy(case: Case, phases: tuple[str, ...], looks: list[Loaded | None]) -> Ruling:
    heavy = ", ".join(case.contract.application.heavy)
    attempts = [attempt for attempt in case.application.attempts if attempt.phase in phases]
    loaded = [name for look in looks if look for name in (*look.modules, *look.libraries)]
    faults = Faults(describe(attempt) for attempt in attempts)
    faults.add(loaded, f"loaded: {', '.join(sorted(set(loaded))[:8])}")
    if not faults and None in looks:
        raise NotSeen("the application did not reach this phase", PHASES.get(phases[0], "api-answers"))
    if not faults and (unseen := [process for process in case.application.processes if process.phase in phases]):
        return _unfollowed(f"no attempt to import {heavy}", unseen)
    if not faults and "use" in phases and (late := case.application.unasked):
        return unasked(f"no attempt to import {heavy}", late)
    named = sorted({name for look in looks if look for name in look.named})
    none = "none" + f"; named lazily, which loads nothing before it is used: {', '.join(named[:8])}" * bool(named)
    return rule(not faults, f"no attempt to import {heavy}", "; ".join(faults[:5]) or none, attempts=chains(attempts))


def unasked(expected: str, late: list[str]) -> Ruling:
    """ERROR: some operations were not asked."""
    action = "Make every operation and WebSocket answer within seconds: the earlier ones used up the time"
    found = f"not seen: no time was left to ask {len(late)} operations, beginning with {printable(late[0][:200])}"
    return Ruling("ERROR", expected, found, category="CODE_BUG", action=action)


def chains(attempts: Sequence[Attempt | Heard]) -> list[dict[str, Any]]:
    """Return the chains of the first attempts, for the evidence."""
    return [
        {"package": attempt.package, "chain": [place(frame) for frame in attempt.chain]} for attempt in attempts[:5]
    ]


def _unfollowed(expected: str, started: list[Started]) -> Ruling:
    """ERROR: another program's imports were not seen. A forked child's attempts are among the application's own."""
    where = [f"{process.what[:200]}{f' at {place(process.chain[-1])}' if process.chain else ''}" for process in started]
    evidence = {
        "processes": [
            {"what": process.what, "chain": [place(frame) for frame in process.chain]} for process in started[:5]
        ]
    }
    action = "Let a worker do it: the imports of a process that the API starts cannot be recorded"
    found = f"not seen: it starts a process, whose imports are not recorded: {'; '.join(where[:3])}"
    return Ruling("ERROR", expected, printable(found), evidence, category="CODE_BUG", action=action)


def printable(text: str) -> str:
    """Return a text as one that UTF-8 can write, whatever an image put into it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def place(frame: list[Any]) -> str:
    """Return a frame of a chain, [file, line, function], as ``file:line in function``; printable whatever it holds."""
    file, line, function = [str(part)[:300] for part in [*frame, "", "", ""][:3]]
    text = f"{file}:{line}" + ("" if function in ("<module>", "") else f" in {function}")
    return printable(text)


def describe(attempt: Attempt | Heard) -> str:
    """Return an attempt in a line: what was imported, and the file and line that did."""
    if not attempt.chain:
        return f"import {attempt.package}"
    return f"import {attempt.package} at {place(attempt.chain[-1])}"


def lazy_import(case: Case) -> Ruling:
    """No heavy package before or during the application's import."""
    seen = case.application
    return _lazy(case, ("import",), [seen.loaded_before, seen.loaded_after_import])


def lazy_start(case: Case) -> Ruling:
    """No heavy package while the application starts."""
    seen = _imported(case)
    return _lazy(case, ("start",), [seen.loaded_after_start if seen.started else None, seen.loaded_after_start])


def lazy_use(case: Case) -> Ruling:
    """No heavy package while the application serves requests and stops."""
    seen = _imported(case)
    stop = seen.lost.get("stop")
    return _lazy(case, ("use", "stop"), [None if stop and stop.late else seen.loaded_after_use])


RULINGS = {
    "api-imports": api_imports,
    "api-is-fastapi": api_is_fastapi,
    "api-routes": api_routes,
    "api-new-modules": api_new_modules,
    "api-starts": api_starts,
    "api-answers": api_answers,
    "lazy-import": lazy_import,
    "lazy-start": lazy_start,
    "lazy-use": lazy_use,
}
