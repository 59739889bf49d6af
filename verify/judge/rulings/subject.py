"""Whether the subject is the image that was built, and whether the probes really ran in it."""

import re

from verify.judge.case import Case, Evidence, NotSeen, Ruling, proof_fault, rule, skip
from verify.judge.rulings.application import printable
from verify.observe.probe_reports import Ran

# The engine's words for an image whose command or user does not exist in it.
NOT_EXECUTABLE = re.compile(
    r"executable file not found|no such file or directory|permission denied|exec format error|no command specified"
    r"|unable to find (?:user|group)|no matching entries in (?:passwd|group) file|uids and gids must be in range"
    r"|not a directory"
)
GET = "Put it onto the engine (`docker pull`, `docker load`), or correct its name, `source` or `path` in images.toml"
NUMERIC = re.compile("[0-9]{1,10}")  # a user's number has 32 bits
PERMISSIONS = ("groups", "writable", "unreadable")  # tables of the contents, with the layer of each


def image_present(case: Case) -> Ruling:
    """The tag resolves to an image."""
    observation = case.observation
    if observation.gone:
        action = "Verify again, when no build runs: `./noxw -s verify -- {role}`"
        return Ruling("ERROR", f"an image {case.image.name}", observation.error, action=action)
    if observation.subject is None:
        other = None if case.image.built_here else GET
        return Ruling("ERROR", f"an image {case.image.name}", observation.error, action=other)
    return rule(True, f"an image {case.image.name}", observation.subject.image_id, tag=observation.subject.tag)


def built_here(case: Case) -> Ruling:
    """A build record exists, and the checkout would still build the same."""
    expected = "a build record of this state"
    if not case.image.built_here:
        return skip(f'not built here: its source is "{case.image.source}"')
    if case.maybe_record is None:
        return Ruling("ERROR", expected, case.record_error or "none: not built, or the build failed")
    source = case.maybe_record.source
    found = f"built from {source.revision[:12]}{' (dirty)' if source.dirty else ''}"
    if case.inputs not in (None, case.maybe_record.inputs):
        return Ruling("ERROR", expected, f"{found}, and the files that it is built from have changed since")
    return rule(True, expected, found, tools=case.maybe_record.tools)


def same_image(case: Case) -> Ruling:
    """The subject has the identity that the build recorded."""
    built, subject = case.record, case.subject
    same = built.identity == subject.identity and built.tag == subject.tag
    found = subject.identity if same else f"{subject.identity}: the tag moved after the build, or the record is stale"
    return rule(same, built.identity, found, built_image_id=built.image_id, subject_image_id=subject.image_id)


def control(case: Case) -> Ruling:
    """The engine runs a container of the base image under the limits of every other container."""
    tried, expected = case.observation.control, "a program of the base image starts a thread and a process"
    if tried is None and case.subject:
        return skip("not tried: the engine has no base image of a build record, or fell silent")
    if tried and tried.error:
        return Ruling("ERROR", expected, printable(f"{tried.reference or 'the base image'}: {tried.error}"))
    return rule(tried is not None, expected, f"{tried.reference} did" if tried else "nothing was tried")


def python_runs(case: Case) -> Ruling:
    """A container of the image starts, and its Python takes the probe."""
    run, expected = case.probes, "`python -c …` runs in a container of the image"
    if run.results is not None:
        return rule(True, expected, "it ran", seconds=run.seconds)
    if run.refused:
        broken = NOT_EXECUTABLE.search(run.error) is not None
        if broken:
            return rule(False, expected, run.error)
        action = "See that the engine runs (`./noxw -s engine`) and what its log says, then verify again"
        return Ruling("ERROR", expected, run.error, category="ENVIRONMENT", action=action)
    code = run.proof.exit_code if run.proof else None
    if code in (126, 127) or "Fatal Python error" in run.output:
        return rule(False, expected, f"the container ended with {code}", output=run.output[:2000])
    raise NotSeen(run.error or f"the container ended with {code}", "proof")


def proof(case: Case) -> Ruling:
    """One document with this run's nonce, from a container of this image that started and finished."""
    run, expected = case.probes, "one document with this run's nonce, from a container of this image"
    fault = proof_fault(run, case.subject)
    evidence = {"nonce": run.nonce, **(run.proof.model_dump() if run.proof else {})}
    if fault or run.results is None:
        return Ruling("ERROR", expected, fault or "no document", {**evidence, "output": run.output[:2000]})
    return rule(True, expected, f"checks took {run.seconds:.1f} s", **evidence)


def _above(case: Case, name: str) -> list[str]:
    """Return what a table of the contents says of the layers above the base image's."""
    return [path for path, layer in getattr(case.contents, name).items() if layer >= case.base_layers]


def user(case: Case) -> Ruling:
    """The user is numeric in the configuration, not root, the same in a process, and owns a home."""
    configured, faults = case.subject.user, Evidence()
    uid = int(number[0]) if (number := NUMERIC.fullmatch(configured.partition(":")[0])) else None
    faults.add(uid is None, f"USER is {configured!r}, not numeric")
    faults.add(uid == 0, "USER is root")
    good = configured
    with faults.source():
        seen = case.environment
        faults.add(uid and uid != seen.uid, f"USER is {uid}, but the process runs as {seen.uid}")
        faults.add(seen.gid == 0, "the group is root's")
        faults.add(seen.may_write, f"the user may write programs or account files: {', '.join(seen.may_write[:8])}")
        faults.add(seen.user is None, "the user has no entry in /etc/passwd")
        faults.add(not seen.home_is_writable, f"the home {seen.home} is missing, closed to the user, or not his own")
        good += f", at home in {seen.home}"
    with faults.source():
        groups, writable, unreadable = (_above(case, name) for name in PERMISSIONS)
        faults += case.contents.accounts
        faults += [f"the user is in the system's group {name}" for name in case.contents.groups if name not in groups]
        for paths, what in (
            (list(case.contents.privileged), "files that grant privileges (setuid, setgid, capabilities)"),
            (writable, "the user may write outside the contract's writable directories"),
            (unreadable, "the user cannot read"),
        ):
            faults.add(paths, f"{what}: {', '.join(paths[:8])}")
    expected = "a numeric user other than root, with a home, who can neither gain privileges nor change programs"
    return faults.rule(expected, good)


def commands_run(case: Case) -> Ruling:
    """Each of the contract's commands is found on PATH, and its help ends with 0."""
    demanded, seen = case.contract.application.commands, case.commands.commands
    if unseen := [name for name in demanded if name not in seen]:
        raise NotSeen(f"no result for {', '.join(unseen)}", "")
    wrong = {name: ran for name in demanded if ((ran := seen[name]).outcome, ran.exit_code) != ("ended", 0)}
    expected = f"`--help` of {', '.join(demanded)} ends with 0"
    found = "; ".join(_ending(name, ran) for name, ran in wrong.items()) or "as expected"
    return rule(not wrong, expected, found, printed={name: printable(ran.printed) for name, ran in wrong.items()})


def _ending(name: str, ran: Ran) -> str:
    code = f" with {ran.exit_code}" * (ran.exit_code is not None)
    last = next((line.strip() for line in reversed(ran.printed.splitlines()) if line.strip()), "")
    return printable(f"{name}: {ran.outcome}{code}{f', {last[:200]}' if last else ''}")


RULINGS = {
    "image-present": image_present,
    "built-here": built_here,
    "same-image": same_image,
    "control": control,
    "python-runs": python_runs,
    "commands-run": commands_run,
    "proof": proof,
    "user": user,
}
