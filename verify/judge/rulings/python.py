"""Whether the image's Python is the base image's, and whether nothing stands between it and what it reports."""

import posixpath
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

from deploy.faults import Faults
from verify.contents import loader_cache
from verify.contents.files import HIDDEN
from verify.contents.model import Hook, Interpreter
from verify.judge.case import Case, Evidence, NotSeen, Ruling, rule
from verify.judge.ownership import allowed
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
    """Return the directories of PATH that the layers do not decide, and each `python` in it that is not the base's.

    Every directory counts, not only the first with a `python`. A process that may not search a directory, or run the
    program in it, goes on to the next (execvp(3)).
    """
    written, faults = _written(case), Faults()
    for place in case.contents.search:
        if not place.directory.startswith("/"):
            faults.append(f"PATH holds {place.directory!r}, which depends on where a process starts")
        elif any(_within(path, written) for path in (place.directory, place.path or place.directory, place.python)):
            faults.append(f"PATH leads to {place.python} by {place.directory}, whose files the layers do not decide")
        elif place.layer is not None and place.layer >= case.base_layers:
            faults.append(f"{place.python} does not come from the base image")
    return faults


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
        faults += [fault for fault in _searched_elsewhere(case) if fault not in faults]
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
    """Whether it is a locked distribution's script or .pth file that runs nothing, or the loader's cache made anew."""
    if hook.path == loader_cache.PATH:
        return hook.text == loader_cache.OWN
    if posixpath.basename(posixpath.dirname(hook.path)) == "bin":
        return hook.distribution in case.locked  # a script of it, which only scripts find
    lines = [line.strip() for line in hook.text.splitlines()]
    runs = [line for line in lines if line.startswith(("import ", "import\t")) and line != DISTUTILS]
    return hook.path.endswith(".pth") and hook.distribution in case.locked and bool(lines) and not runs


def _editable(hook: Hook, case: Case) -> bool:
    """Whether it is the application where a start-up file of its distribution says that its source is."""
    package, start = case.contract.application.module.partition(".")[0], case.contents.working_directory
    own = (other for other in case.contents.hooks if other.distribution == package and _harmless(other, case))
    sources = {posixpath.normpath(line) for other in own for line in other.text.splitlines()}
    return start in sources and hook.path == posixpath.join(start, package, "__init__.py")


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
    if foreign := [path for path in case.environment.path if path not in known]:
        yield f"modules are searched in {listed(foreign)}"


def python_unaltered(case: Case) -> Ruling:
    """No program, start-up file or replaced file that could make the image's Python lie."""
    base, read, named = case.base_layers, case.contents, allowed(case)
    faults = Evidence()
    hooks = [
        hook.path
        for hook in read.hooks
        if hook.layer >= base and not _harmless(hook, case) and not _editable(hook, case)
    ]
    faults.add(hooks, f"loaded before the program: {listed(hooks)}")
    with faults.source():
        faults.extend(_foreign_libraries(case, read.interpreter) if read.interpreter else ())
    foreign = {
        program.path: f"{program.path} ({program.word})"
        for program in read.named
        if program.layer >= base
        and program.distribution not in case.locked
        and (program.path, program.layer) not in named
    }
    holders = "a command runs a program of neither base, lock nor contract"
    faults.add(foreign, f"{holders}: {listed(foreign.values())}")
    leads = [path for hook in read.hooks if hook.layer >= base for path in hook.leads if _within(path, _written(case))]
    faults.add(leads, f"a start-up file leads to {listed(leads)}, whose files the layers do not decide")
    started, unseen = read.working_directory, (*UNSEEN, *case.image.writable)
    faults.add(_within(started, unseen), f"processes start in {started}, whose files the layers do not decide")
    replaced = {path for layer in read.layers[base:] for path, below in layer.replaced.items() if below < base}
    faults.add(replaced, f"replaced or removed by a later layer: {listed(sorted(replaced))}")
    return faults.rule("no foreign program, start-up file or replaced file", "none")


RULINGS = {
    "interpreter": interpreter,
    "python-unaltered": python_unaltered,
}
