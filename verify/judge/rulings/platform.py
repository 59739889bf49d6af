"""Whether an image is made for the contract's platform, by three sources of which each speaks for itself."""

from deploy.faults import Faults
from verify.judge.case import Case, NotSeen, Ruling, rule

MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}  # in the words of uname(2)


def _in_the_layers(case: Case) -> str:
    if case.contents.interpreter is None:
        raise NotSeen("no `python` on the image's PATH", "interpreter")
    return case.contents.interpreter.machine


def _at_work(case: Case) -> str:
    return case.environment.machine


def platform(case: Case) -> Ruling:
    """Configuration, the interpreter's ELF header and the running Python all name the contract's platform."""
    due, configured = case.contract.platform, case.subject.platform
    faults, unseen = Faults(), list[NotSeen]()
    faults.add(configured != due, f"the configuration says {configured or 'no platform'}")
    for source, machine in (("the interpreter's ELF header", _in_the_layers), ("the running Python", _at_work)):
        try:
            told = machine(case)
        except NotSeen as missing:
            unseen.append(missing)
        else:
            faults.add(told != MACHINES[due], f"{source} says {told or 'nothing'}")
    if unseen and not faults:
        raise unseen[0]
    return rule(not faults, f"{due}, and programs for {MACHINES[due]}", "; ".join(faults) or f"{due} in each source")


RULINGS = {"platform": platform}
