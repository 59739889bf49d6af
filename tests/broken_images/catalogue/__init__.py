"""Every broken image: what is wrong with it, and the finding that it must cause; and good images that look odd."""

from tests.broken_images.catalogue import (
    alike,
    application,
    base,
    configuration,
    contents,
    files,
    good,
    lazy,
    limits,
    own,
    platform,
    python,
    pytorch,
    reported,
    roles,
    secrets,
    server,
    serving,
    sources,
    subject,
    within,
    workers,
)
from tests.broken_images.fault import Fault
from verify.judge.checks import CHECKS

FAULTS: tuple[Fault, ...] = (
    *subject.FAULTS,
    *configuration.FAULTS,
    *platform.FAULTS,
    *contents.FAULTS,
    *base.FAULTS,
    *files.FAULTS,
    *python.FAULTS,
    *secrets.FAULTS,
    *pytorch.FAULTS,
    *workers.FAULTS,
    *roles.FAULTS,
    *application.FAULTS,
    *lazy.FAULTS,
    *server.FAULTS,
    *serving.FAULTS,
    *limits.FAULTS,
    *within.FAULTS,
    *sources.FAULTS,
    *reported.FAULTS,
    *own.FAULTS,
    *files.GOOD,
    *good.GOOD,
    *alike.GOOD,
    *serving.GOOD,
    *reported.GOOD,
    *own.GOOD,
)
_FIRST: dict[str, Fault] = {}
for _fault in sorted(FAULTS, key=lambda fault: fault.base != "backend"):
    _FIRST.setdefault(_fault.check, _fault)

# One fault a check: the first of each over the smallest image. Good images come last.
QUICK: tuple[Fault, ...] = tuple(fault for fault in FAULTS if fault.check in CHECKS and _FIRST[fault.check] is fault)
