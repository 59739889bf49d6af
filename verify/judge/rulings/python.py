"""Whether the image's Python is the base image's, and whether nothing stands between it and what it reports."""

import posixpath
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

from verify.contents import hooks, loader_cache
from verify.contents.files import HIDDEN, SITE
from verify.contents.model import Hook, Interpreter
from verify.judge.case import Case, Evidence, NotSeen, Ruling, rule
from verify.judge.rulings.contents import listed

# Directories whose files the layers do not decide: the kernel's own (path_resolution(7)), those in memory, and those
# that everybody may write
UNSEEN = ("/proc", "/sys", "/dev", "/run", "/var/run", "/var/lock", "/var/tmp", HIDDEN)  # noqa: S108 - in the image


def _within(path: str, directories: Iterable[str]) -> bool:
    path = posixpath.normpath(path)
    return any(path == directory or path.startswith(f"{directory}/") for directory in directories)


def _written(case: Case) -> tuple[str, ...]:
    """Return the directories whose files the layers do not decide. A home is one of them, even if it is empty."""
    named = [case.subject.environment.get("HOME", "")]
    with suppress(NotSeen):
        named.append(case.environment.home)
    homes = (posixpath.normpath(path) for path in named if path.startswith("/") and path.strip("/."))
    return (*UNSEEN, *case.image.writable, "/home", *homes)


def _searched_elsewhere(case: Case) -> list[str]:
    """Return the directories of PATH whose files the layers do not decide, in words. Any other file has an owner.

    Where an image sets no PATH, engines set one that leads to the system's programs.
    """
    path, written = case.subject.environment.get("PATH", "/").split(":"), _written(case)
    return [
        f"PATH holds {place!r}, whose files the layers do not decide"
        for place in path
        if not place.startswith("/") or _within(place, written)
    ]


def interpreter(case: Case) -> Ruling:
    """`python` on PATH is a file of the base image, and the process that ran the probe was that file."""
    expected = f"CPython {case.contract.python} of the base image, the same in the layers and at work"
    faults, evidence, good = Evidence(), dict[str, str](), ""
    with faults.source():
        found = case.contents.interpreter
        if found is None:
            return rule(False, expected, "no `python` on the image's PATH")
        evidence |= {"path": found.path, "sha256": found.sha256}
        faults.add(found.layer >= case.base_layers, f"{found.path} does not come from the base image")
        faults += _searched_elsewhere(case)
    with faults.source():
        seen = case.environment
        evidence["executable"] = seen.executable
        as_demanded = seen.implementation == "CPython" and seen.python.startswith(f"{case.contract.python}.")
        faults.add(not as_demanded, f"it is {seen.implementation} {seen.python}")
        if found := case.contents.interpreter:
            agree, good = seen.interpreter == found.path, f"CPython {seen.python}, {found.path}"
            faults.add(not agree, f"the layers say {found.path}, the process says {seen.interpreter}")
    return faults.rule(expected, good, **evidence)


# Where a base image keeps its programs; a standard library beside them that is not the base's is found as a hook.
BINARIES = ("/usr/bin", "/usr/local/bin")
# What setuptools installs, to the letter: the one start-up line that is known to be harmless.
DISTUTILS = (
    "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; "
    "enabled and __import__('_distutils_hack').add_shim();"
)


def _harmless(hook: Hook, case: Case) -> bool:
    """Whether it is a locked distribution's .pth file that runs nothing, or the loader's cache made anew."""
    if hook.path == loader_cache.PATH:
        return hook.text == loader_cache.OWN
    lines = [line.strip() for line in hook.text.splitlines()]
    runs = [line for line in lines if line.startswith(("import ", "import\t")) and line != DISTUTILS]
    return hook.path.endswith(".pth") and hook.distribution in case.locked and bool(lines) and not runs


def _unsearched(hook: Hook, case: Case) -> bool:
    """Whether it is a locked distribution's start-up module in a directory that this Python does not search.

    A distribution may hold one for a directory that its own launcher puts on the path (OpenTelemetry's does).
    """
    path = posixpath.dirname(hook.path)
    if posixpath.basename(path) in hooks.STARTUP:  # the module is a package
        path = posixpath.dirname(path)
    nested = SITE.search(f"{path}/") is not None and posixpath.basename(path) not in ("site-packages", "dist-packages")
    return nested and hook.distribution in case.locked and path not in case.environment.path


def _foreign_libraries(case: Case, found: Interpreter) -> Iterator[str]:
    """Yield the signs of a standard library other than the base's: in pyvenv.cfg, or in the path that is searched."""
    binaries, prefix = posixpath.dirname(found.path), posixpath.dirname(posixpath.dirname(found.path))
    for path, text in case.contents.environments.items():
        homes = re.findall(r"(?mi)^\s*home\s*=\s*(.*?)\s*$", text)
        if homes not in [[directory] for directory in (binaries, *BINARIES)]:
            yield f"{path} takes Python from {listed(homes) or 'nowhere'}, not from {binaries}"
    version = case.contract.python
    library = f"{prefix}/lib/python{version}"
    known = {"", f"{prefix}/lib/python{version.replace('.', '')}.zip", library, f"{library}/lib-dynload"}
    known |= {posixpath.dirname(distribution.path) for distribution in case.contents.distributions}
    lines = [line for hook in case.contents.hooks if _harmless(hook, case) for line in hook.text.split()]
    known |= {posixpath.normpath(line) for line in lines}
    if prefix == "/usr" and not case.contents.environments:  # Debian's own site, which a venv does without
        known |= {"/usr/lib/python3/dist-packages", f"/usr/local/lib/python{version}/dist-packages"}
    if foreign := [path for path in case.environment.path if path not in known]:
        yield f"modules are searched in {listed(foreign)}"


def python_unaltered(case: Case) -> Ruling:
    """No start-up file or replaced file that could make the image's Python lie. Programs have owners (`leftovers`)."""
    base, read, faults = case.base_layers, case.contents, Evidence()
    started_by = [hook for hook in read.hooks if hook.layer >= base and not _harmless(hook, case)]
    with faults.source():
        loaded = [hook.path for hook in started_by if not _unsearched(hook, case)]
        faults.add(loaded, f"loaded before the program: {listed(loaded)}")
    with faults.source():
        faults.extend(_foreign_libraries(case, read.interpreter) if read.interpreter else ())
    leads = [path for hook in read.hooks if hook.layer >= base for path in hook.leads if _within(path, _written(case))]
    faults.add(leads, f"a start-up file leads to {listed(leads)}, whose files the layers do not decide")
    started, unseen = read.working_directory, (*UNSEEN, *case.image.writable)
    faults.add(_within(started, unseen), f"processes start in {started}, whose files the layers do not decide")
    replaced = {path for layer in read.layers[base:] for path, below in layer.replaced.items() if below < base}
    faults.add(replaced, f"replaced or removed by a later layer: {listed(sorted(replaced))}")
    return faults.rule("no foreign start-up file or replaced file", "none")


RULINGS = {
    "interpreter": interpreter,
    "python-unaltered": python_unaltered,
}
