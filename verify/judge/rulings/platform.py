"""Whether an image is made for the contract's platform, by three sources of which each speaks for itself."""

from deploy.image_config import MACHINES
from verify.judge.case import Case, Evidence, NotSeen, Ruling


def platform(case: Case) -> Ruling:
    """Configuration, the interpreter's ELF header and the running Python all name the contract's platform."""
    due, configured, faults = case.contract.platform, case.subject.platform, Evidence()
    faults.add(configured != due, f"the configuration says {configured or 'no platform'}")
    with faults.source():
        if (python := case.contents.interpreter) is None:
            raise NotSeen("no `python` on the image's PATH", "interpreter")
        faults.add(python.machine != MACHINES[due], f"the interpreter's ELF header says {python.machine or 'nothing'}")
    with faults.source():
        machine = case.environment.machine
        faults.add(machine != MACHINES[due], f"the running Python says {machine or 'nothing'}")
    return faults.rule(f"{due}, and programs for {MACHINES[due]}", f"{due} in each source")


RULINGS = {"platform": platform}
