"""How a server behaves: within its limits, asked by several at once, at rest, and when the engine stops it."""

from typing import TypeVar

from deploy.faults import Faults
from deploy.sizes import megabytes
from verify.judge.case import KILLED, WHO_KILLED, Case, NotSeen, Ruling, killed_from_outside, rule, want_of_memory
from verify.judge.rulings.application import printable
from verify.observe.model import Proof
from verify.observe.probe_reports import ProbeReport
from verify.observe.server_report import AtOnce, Rest

R = TypeVar("R", bound=ProbeReport)
ENDLESS = 0.5  # of the time in which a thread does not wait for a processor: this does not depend on the machine's load
# What may come and stay while requests are repeated: a pool that several clients fill, and no more with every request
MORE = {"processes": 1, "threads": 40, "files": 40}
SHOWN = 5  # processes, files or answers in a finding


def _reported(case: Case, name: str, model: type[R]) -> R:
    """Return a part of what was seen from inside the server's container."""
    asked = case.server.asked
    if asked is None or asked.report is None:
        raise NotSeen("the server could not be asked", "server-answers")
    try:
        return model.model_validate(asked.report.get(name))
    except ValueError:
        raise NotSeen(f"the report on the server is malformed: {name}", "") from None


def _proof(case: Case) -> Proof:
    if (proof := case.server.proof) is None:
        raise NotSeen("the engine gave no proof that the server ran", "proof")
    return proof


def server_limits(case: Case) -> Ruling:
    """The contract's limits suffice, and are in force for the server's first process."""
    due, proof = case.image.limits, _proof(case)
    memory = f"{megabytes(due.memory)} MB of memory"
    expected = f"{memory}, {due.processes} processes and threads, and {due.open_files} open files suffice"
    if lost := want_of_memory(proof.exit_code, out_of_memory=proof.out_of_memory):
        return rule(False, expected, f"{lost}: it has {memory}", log=case.server.log[-2000:])
    count = case.server.processes
    if count is not None and count >= due.processes:
        return rule(False, expected, f"it has {count} processes and threads, and so nothing can be started beside it")
    rest, faults = _reported(case, "rest", Rest), Faults()
    faults.add(rest.refused, f"{rest.refused} times a process or thread was refused: {due.processes} are allowed")
    lowered = rest.open_files != due.open_files
    faults.add(lowered, f"its first process may open {rest.open_files} files, not {due.open_files}")
    return rule(not faults, f"{expected}, and are in force", "; ".join(faults) or "as expected")


def server_at_once(case: Case) -> Ruling:
    """Requests that come side by side are answered, also while other clients are in the middle of theirs."""
    seen = _reported(case, "at_once", AtOnce)
    faults = Faults(printable(refusal[:200]) for refusal in seen.refused[:SHOWN])
    faults.add(not seen.asked, "nothing was asked")
    expected = "every request is answered, although several come at once and slow clients have not finished theirs"
    return rule(not faults, expected, "; ".join(faults) or f"{seen.asked} requests were answered")


def server_at_rest(case: Case) -> Ruling:
    """While nobody asks, the server computes nothing and leaves nothing behind but its log."""
    rest, due, faults = _reported(case, "rest", Rest), case.contract.serving, Faults()
    places = ", ".join(case.image.writable) or "nowhere"
    faults.add(rest.busy > due.busy_at_most, f"it keeps a processor busy for {rest.busy:.0%} of the time")
    endless = rest.busiest > ENDLESS and not faults
    faults.add(endless, f"a thread computes whenever it gets a processor, {rest.busiest:.0%} of the time")
    faults.add(rest.left, f"nobody waits for {len(rest.left)} of its processes: {', '.join(rest.left[:SHOWN])}")
    for what, more in rest.more:
        faults.add(more >= MORE[what], f"{more} {what} more stay after every request was repeated")
    faults.add(rest.written, f"it writes outside of {places}: {', '.join(rest.written[:SHOWN])}")
    faults.add(rest.lax, f"{rest.lax} of its processes make files that everybody may write")
    faults.add(rest.exposed, f"everybody may write {', '.join(rest.exposed[:SHOWN])}")
    size = case.server.log_bytes
    if size is not None and not 0 < size <= due.log_at_most:
        faults.append(f"its log on the engine has {size:,} bytes or more" if size else "its log on the engine is empty")
    expected = f"at most {due.busy_at_most:.0%} of a processor, every process waited for, files only in {places}"
    expected += f", and a log on the engine of at most {due.log_at_most:,} bytes"
    return rule(not faults, expected, printable("; ".join(faults)) or f"busy for {rest.busy:.1%} of the time")


def server_stops(case: Case) -> Ruling:
    """The engine's stop ends the server in time and as the contract says."""
    due, proof, stop = case.contract.serving, _proof(case), case.server.stop
    signal = case.subject.stop_signal or "SIGTERM"
    expected = f"{signal} ends it within {due.stop_seconds:g} s, with exit code {due.exit_code}"
    log = case.server.log[-2000:]
    if not case.server.running:
        raise NotSeen("the server was not running", "server-healthy")
    if killed := killed_from_outside(case.server):
        return Ruling("FAIL", expected, killed, {"log": log}, "ENVIRONMENT", action=WHO_KILLED)
    if stop is None:
        return rule(False, expected, f"it ended by itself with {proof.exit_code}, before it was stopped", log=log)
    if proof.exit_code == KILLED and stop.took >= stop.allowed:
        return rule(
            False, expected, f"the engine killed it after {stop.allowed:.0f} s: it did not heed {signal}", log=log
        )
    return rule(
        proof.exit_code == due.exit_code, expected, f"exit code {proof.exit_code} after {stop.took:.1f} s", log=log
    )


RULINGS = {
    "server-limits": server_limits,
    "server-at-once": server_at_once,
    "server-at-rest": server_at_rest,
    "server-stops": server_stops,
}
