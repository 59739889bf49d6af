"""The checks of a contract's own: each is ruled on by itself, by what was seen of its command, file or setting."""

from collections.abc import Iterator
from functools import partial

from deploy.faults import Faults
from deploy.own_checks import LISTS, TABLES, WORDS, CommandCheck, FileCheck, OwnCheck, SettingCheck, expression, form_of
from verify.judge.case import Case, NotSeen, Ruling, RulingFunction, rule, want_of_memory
from verify.judge.checks import Check
from verify.judge.rulings.application import printable
from verify.judge.rulings.subject import NOT_EXECUTABLE
from verify.observe.disclosure import HIDDEN
from verify.observe.model import FLOODED, CommandSeen, FileSeen, OwnSeen, Proof

# What owner, group and others may execute (inode(7))
EXECUTES = {"owner": 0o100, "group": 0o010, "other": 0o001, "any": 0o111}
_WORDS = {"other": "a device, a pipe or a socket"}
SHOWN = 12  # paths that one finding names
_MEND = "correct {dockerfile}, or the check in the contract"
ACTIONS = {
    "command": f"Run it by hand (`docker run --rm --network=none --entrypoint COMMAND IMAGE ARGUMENTS`); {_MEND}",
    "file": f"Look at the path (`docker create IMAGE`, then `docker cp CONTAINER:PATH -`); {_MEND}",
    "setting": f"See `docker image inspect IMAGE`; {_MEND}",
}
PURPOSES = {
    "command": "A check of the contract's own: what a command in the image says",
    "file": "A check of the contract's own: what lies at a path in the image",
    "setting": "A check of the contract's own: what the image's configuration says",
}


def rulings(case: Case) -> Iterator[tuple[Check, RulingFunction]]:
    """Yield each check of the contract's own on an image, with the function that rules on it."""
    for check in case.contract.checks_of(case.image):
        yield row(check), partial(_ruling, check)


def row(check: OwnCheck) -> Check:
    """Return a check of the contract's own as the table of checks would have it."""
    form = form_of(check)
    return Check(check.check, PURPOSES[form], "CODE_BUG", ACTIONS[form])


def _ruling(check: OwnCheck, case: Case) -> Ruling:
    if isinstance(check, SettingCheck):
        return _setting(check, case)
    own = _own(case, check.name)
    if isinstance(check, FileCheck):
        if check.name not in own.files:
            raise NotSeen("the engine handed over no file", "image-present")
        return _file(check, own.files[check.name])
    if check.name not in own.commands:
        raise NotSeen("the command was not run", "image-present")
    return _command(check, own.commands[check.name], case)


def _own(case: Case, name: str) -> OwnSeen:
    case.need_engine()
    seen = case.observation.own
    if seen is None:
        raise NotSeen(case.observation.error or "the contract's own checks were not looked at", "image-present")
    if name in seen.errors:
        raise NotSeen(seen.errors[name], "")
    return seen


def _command(check: CommandCheck, seen: CommandSeen, case: Case) -> Ruling:
    """The command starts, ends in time with its exit code, and prints what it should."""
    streams = (("stdout", check.stdout, check.stdout_not), ("stderr", check.stderr, check.stderr_not))
    expected = f"`{' '.join(check.command)[:200]}` ends with {check.exit_code}"
    for stream, there, absent in streams:
        expected += f", {stream} has {_list(there)}" * bool(there) + f", {stream} lacks {_list(absent)}" * bool(absent)
    setup = f"a setup command failed: {seen.setup}" if seen.setup else ""
    if seen.flooded or (seen.refused and not NOT_EXECUTABLE.search(seen.refused)):
        raise NotSeen(printable(setup or seen.refused or FLOODED), "")
    if setup:
        return rule(False, expected, printable(setup), stderr=printable(seen.stderr))
    if seen.refused:
        return rule(False, expected, printable(seen.refused))
    proof, faults = _proven(check, seen, case), Faults()
    faults.add(seen.late, f"it did not end within {check.within:g} s")
    faults.add(why := want_of_memory(proof.exit_code, out_of_memory=proof.out_of_memory), why)
    faults.add(not seen.late and proof.exit_code != check.exit_code, f"it ended with {proof.exit_code}")
    for stream, there, absent in streams:
        found = seen.found.get(stream, [])
        faults.add(lacking := [one for one in there if one not in found], f"{stream} lacks {_list(lacking)}")
        faults.add(wrong := [one for one in absent if one in found], f"{stream} has {_list(wrong)}")
    shown = {"stdout": printable(seen.stdout), "stderr": printable(seen.stderr)} if faults else {}
    return rule(not faults, expected, "; ".join(faults) or "as expected", **shown)


def _proven(check: CommandCheck, seen: CommandSeen, case: Case) -> Proof:
    proof = seen.proof
    if proof is None or not proof.started or not proof.finished:
        raise NotSeen("the engine gave no proof that the command ran", "proof")
    if proof.image_id != seen.image_id or (seen.image_id != case.subject.image_id and not check.setup):
        raise NotSeen(f"the container ran {proof.image_id}, not the subject {case.subject.image_id}", "proof")
    return proof


def _list(expressions: list[str]) -> str:
    return ", ".join(f"`{one[:120]}`" for one in expressions)


def _file(check: FileCheck, seen: list[FileSeen]) -> Ruling:
    """What lies at the path, or at each of the paths, is what the check says."""
    due = {
        "a": check.kind,
        "owner": check.owner,
        "group": check.group,
        "mode": check.mode,
        "executable by": check.executable_by,
        "with": _list(check.contains),
        "without": _list(check.contains_not),
    }
    told = ", ".join(f"{name} {value}" for name, value in due.items() if value not in (None, ""))
    expected = f"{check.file}: {told or 'something'}" if check.exists else f"nothing at {check.file}"
    faults = [fault for one in seen for fault in _wrong(check, one)]
    if not seen and check.exists:
        faults = ["there is no directory that * stands for"]
    if len(faults) > SHOWN:
        faults = [*faults[:SHOWN], f"and {len(faults) - SHOWN} more"]
    good = "as expected" if len(seen) == 1 else f"as expected at {len(seen)} paths"
    return rule(not faults, expected, printable("; ".join(faults)) or good)


def _wrong(check: FileCheck, seen: FileSeen) -> Iterator[str]:
    """Yield what is wrong with what lies at one path."""
    if not check.exists or seen.kind == "nothing":
        if check.exists == (seen.kind == "nothing"):
            yield f"{seen.path}: {'nothing' if check.exists else _WORDS.get(seen.kind, f'a {seen.kind}')} is there"
        return
    dues: dict[str, tuple[object, object]] = {
        "kind": (check.kind, seen.kind),
        "owner": (check.owner, seen.owner),
        "group": (check.group, seen.group),
        "mode": (check.mode, f"{seen.mode:04o}"),
    }
    yield from (f"{seen.path}: its {name} is {now}" for name, (due, now) in dues.items() if due not in (None, now))
    if check.executable_by and not seen.mode & EXECUTES[check.executable_by]:
        yield f"{seen.path}: not executable by {check.executable_by}, its mode is {seen.mode:04o}"
    if check.expressions and seen.found is None:
        yield f"{seen.path}: its content was not read: {seen.unread}"
        return
    found = seen.found or []
    yield from (f"{seen.path}: `{one[:120]}` is not in it" for one in check.contains if one not in found)
    yield from (f"{seen.path}: `{one[:120]}` is in it" for one in check.contains_not if one in found)


def _setting(check: SettingCheck, case: Case) -> Ruling:
    """The image's configuration has the setting, or has it not; with this value."""
    found, name = _found(check, case), check.setting + (f" {check.key}" if check.key else "")
    if not check.present:
        return rule(found is None, f"no {name}", f"{name} is there" if found is not None else "none")
    due = "" if check.value is None else f" {check.value!r}"
    due = due if check.matches is None else f" matching `{check.matches}`"
    if found is None:
        return rule(False, f"{name}{due}", f"no {name}")
    if due and HIDDEN in str(found):
        raise NotSeen(f"the value of {name} is hidden, as a secret's is", "")
    if check.matches is not None:
        holds = expression(check.matches).search(str(found)) is not None
    else:
        holds = check.value is None or found == check.value
    return rule(holds, f"{name}{due}", printable(f"{found!r}"[:300]))


def _found(check: SettingCheck, case: Case) -> str | list[str] | None:
    """Return what the image's configuration has there; None for nothing."""
    configured = getattr(case.subject, check.setting)
    if check.setting in TABLES:
        return configured.get(check.key)  # type: ignore[no-any-return]  # a table of texts
    if check.setting in LISTS:
        numbers = [one.partition("/")[0] for one in configured] if check.setting == "ports" else []
        return check.key if check.key in (*configured, *numbers) else None
    return list(configured) if check.setting in WORDS else str(configured)
