"""What the layers hold, whether the running image says the same, and whether it is what the lock demands."""

import posixpath
import re
from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from deploy.commands import assigned, elsewhere, healthcheck_words, python_options
from deploy.contents import Distribution, Hook
from deploy.contract import Allowed
from deploy.files import CUDA, HIDDEN
from deploy.lock import CUDA_DISTRIBUTION
from verify.case import Case, Ruling, rule, skip
from verify.difference import is_pinned
from verify.disclosure import disclosures

MB = 10**6
REPEATED_AT_MOST = 1 * MB  # bytes: /etc/passwd and its like are written again on purpose
SHOWN = 12


def listed(names: Iterable[str]) -> str:
    """Return names for a sentence, the first dozen of them."""
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def contents(case: Case) -> Ruling:
    """The layers were read, and are the subject's."""
    read = case.contents
    same = [layer.diff_id for layer in read.layers] == case.subject.layers and read.identity == case.subject.identity
    found = f"{len(read.layers)} layers, {read.unpacked_bytes:,} unpacked bytes"
    layers = [{"diff_id": layer.diff_id, "unpacked_bytes": layer.unpacked_bytes} for layer in read.layers]
    return rule(same, "the layers of the subject", found, layers=layers)


def installed(case: Case) -> list[Distribution]:
    """Return the distributions above the base image: those of the image's own environment."""
    base = case.base_layers
    return [one for one in case.contents.distributions if one.layer >= base]


# Where nothing that a process finds is the layers': the kernel's own (path_resolution(7)), what is in memory, and what
# everybody may write
UNSEEN = ("/proc", "/sys", "/dev", "/run", "/var/run", "/var/lock", "/var/tmp", HIDDEN)  # noqa: S108 - in the image


def _within(path: str, directories: Iterable[str]) -> bool:
    path = posixpath.normpath(path)
    return any(path == one or path.startswith(f"{one}/") for one in directories)


def _written(case: Case) -> tuple[str, ...]:
    """Return the directories in which others than the layers say what is found: homes, too, whatever is there yet."""
    named = (case.subject.environment.get("HOME", ""), case.environment.home)
    homes = (posixpath.normpath(one) for one in named if one.startswith("/") and one.strip("/."))
    return (*UNSEEN, *case.image.writable, "/home", *homes)


def _searched_elsewhere(case: Case) -> list[str]:
    """Return what PATH searches that the layers do not answer for, and each `python` in it that is not the base's.

    Also behind the first one: who may not search a directory, or run what is in it, goes on to the next (execvp(3)).
    """
    written, faults = _written(case), []
    for one in case.contents.search:
        if not one.directory.startswith("/"):
            faults.append(f"PATH has {one.directory!r}, which is wherever a process starts")
        elif any(_within(path, written) for path in (one.directory, one.path or one.directory, one.python)):
            faults.append(f"PATH leads to {one.python} by {one.directory}, where the layers do not say what is found")
        elif one.layer is not None and one.layer >= case.base_layers:
            faults.append(f"{one.python} does not come from the base image")
    return faults


def interpreter(case: Case) -> Ruling:
    """`python` on PATH is a file of the base image, and the process that ran the probe was that file."""
    found, seen, base = case.contents.interpreter, case.environment, case.base_layers
    expected = f"CPython {case.contract.python} of the base image, the same in the layers and at work"
    if found is None:
        return rule(False, expected, "no `python` on the image's PATH")
    faults = []
    if found.layer >= base:
        faults.append(f"{found.path} does not come from the base image")
    if seen.interpreter != found.path:
        faults.append(f"the layers say {found.path}, the process says {seen.interpreter}")
    if seen.implementation != "CPython" or not seen.python.startswith(f"{case.contract.python}."):
        faults.append(f"it is {seen.implementation} {seen.python}")
    faults += [fault for fault in _searched_elsewhere(case) if fault not in faults]
    evidence = {"path": found.path, "sha256": found.sha256, "executable": seen.executable}
    return rule(not faults, expected, "; ".join(faults) or f"CPython {seen.python}, {found.path}", **evidence)


REPLACED = {"/etc/passwd", "/etc/group", "/etc/shadow"}  # where an image's user is made
# Variables that change what is run, loaded or read: all of Python's own (its manual, "Environment variables") but those
# that change nothing but output and speed, the loader's (ld.so(8)), and those that let libraries load code or skip a
# safeguard: OpenSSL's; PyTorch's, its compilers' and Triton's (where kernels, compiled code and tools are taken from);
# CUDA's, NVTX's, NCCL's and ITT's (libraries that they load by name); OpenMP's and OpenACC's tools.
ALTERING = re.compile(
    r"(PYTHON(?!(?:UNBUFFERED|DONTWRITEBYTECODE|HASHSEED|FAULTHANDLER|UTF8|IOENCODING|NOUSERSITE|SAFEPATH"
    r"|NODEBUGRANGES)$)[A-Z]+"
    r"|LD_\w+|GLIBC_TUNABLES|GCONV_PATH|OPENSSL_(?:CONF|MODULES|ENGINES)"
    r"|TORCH_(?:FORCE_NO_WEIGHTS_ONLY_LOAD|EXTENSIONS_DIR|USE_RTLD_GLOBAL)"
    r"|PYTORCH_(?:KERNEL_CACHE_PATH|SKIP_CUDNN_COMPATIBILITY_CHECK)|TORCHINDUCTOR_(?:\w+_DIR|\w+_REMOTE_CACHE)"
    r"|TRITON_(?:HOME|KERNEL_OVERRIDE|\w+_DIR|\w+_PATH)"
    r"|(?:CUDA|NVTX)_INJECTION(?:32|64)_PATH|CUDA_(?:HOME|PATH|CACHE_PATH)|NCCL_(?:CONF_FILE|\w+_PLUGIN)"
    r"|INTEL_(?:LIBITTNOTIFY|JIT_PROFILER)(?:32|64)|OMP_TOOL_LIBRARIES|ACC_PROFLIB|KMP_DUPLICATE_LIB_OK)$"
)


# Where a base image keeps its programs; a standard library beside them that is not the base's is found as a hook.
BINARIES = ("/usr/bin", "/usr/local/bin")
# What setuptools installs, to the letter: the one start-up line that is known to be harmless.
DISTUTILS = (
    "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; "
    "enabled and __import__('_distutils_hack').add_shim();"
)


def _harmless(hook: Hook, case: Case) -> bool:
    """Whether a start-up file is a locked distribution's .pth file that runs nothing."""
    lines = [line.strip() for line in hook.text.splitlines()]
    runs = [line for line in lines if line.startswith(("import ", "import\t")) and line != DISTUTILS]
    return hook.path.endswith(".pth") and hook.distribution in case.locked and bool(lines) and not runs


def _editable(hook: Hook, case: Case) -> bool:
    """Whether it is the application where a start-up file of its distribution says that its source is."""
    package, start = case.contract.application.module.partition(".")[0], case.contents.working_directory
    own = (one for one in case.contents.hooks if one.distribution == package and _harmless(one, case))
    sources = {posixpath.normpath(line) for one in own for line in one.text.splitlines()}
    return start in sources and hook.path == posixpath.join(start, package, "__init__.py")


def _foreign_libraries(case: Case) -> list[str]:
    """Return what says that Python's standard library is not the base's: pyvenv.cfg, or the path that it searches."""
    found = case.contents.interpreter
    if found is None:
        return []
    binaries, prefix = posixpath.dirname(found.path), posixpath.dirname(posixpath.dirname(found.path))
    faults = []
    for path, text in case.contents.environments.items():
        homes = re.findall(r"(?mi)^\s*home\s*=\s*(.*?)\s*$", text)
        if homes not in [[one] for one in (binaries, *BINARIES)]:
            faults.append(f"{path} takes Python from {listed(homes) or 'nowhere'}, not from {binaries}")
    version = case.contract.python
    library = f"{prefix}/lib/python{version}"
    known = {"", f"{prefix}/lib/python{version.replace('.', '')}.zip", library, f"{library}/lib-dynload"}
    known |= {posixpath.dirname(one.path) for one in case.contents.distributions}
    lines = [line for one in case.contents.hooks if _harmless(one, case) for line in one.text.split()]
    known |= {posixpath.normpath(line) for line in lines}
    foreign = [path for path in case.environment.path if path not in known]
    return faults + [f"modules are searched in {listed(foreign)}"] * bool(foreign)


def _commands(case: Case) -> list[str]:
    """Return what the image's command and HEALTHCHECK do that its environment and files may not."""
    subject, read = case.subject, case.contents
    runs = [[*subject.entrypoint, *subject.command], healthcheck_words(subject.healthcheck, subject.shell)]
    path = read.interpreter.path if read.interpreter else None
    pythons = {one.word for one in read.named if one.path == path}
    variables = {name for run in runs for name in assigned(run) if name == "PATH" or ALTERING.match(name)}
    options = {option for run in runs for option in python_options(run, pythons)}
    foreign = {
        one.path: f"{one.path} ({one.word})"
        for one in read.named
        if one.layer >= case.base_layers and one.distribution not in case.locked
    }
    faults = [f"a command sets {listed(sorted(variables))}"] * bool(variables)
    faults += [f"a command runs Python with {listed(sorted(options))}"] * bool(options)
    moved = {word for run in runs for word in elsewhere(run)}
    faults += [f"a command looks elsewhere: {listed(sorted(moved))}"] * bool(moved)
    neither = f"neither the base's nor a locked distribution's: {listed(foreign.values())}"
    return faults + [f"by their names the commands find what is {neither}"] * bool(foreign)


def python_unaltered(case: Case) -> Ruling:
    """No entry point, variable, command, volume, start-up or replaced file that could make the image's Python lie."""
    base, read, subject = case.base_layers, case.contents, case.subject
    faults = [f"the entry point {' '.join(subject.entrypoint)!r} stands before every command"] * bool(
        subject.entrypoint
    )
    variables = sorted(name for name in subject.environment if ALTERING.match(name))
    faults += [f"the environment sets {listed(variables)}"] * bool(variables)
    hooks = [
        one.path for one in read.hooks if one.layer >= base and not _harmless(one, case) and not _editable(one, case)
    ]
    faults += [f"run or found before the program: {listed(hooks)}"] * bool(hooks)
    faults += _foreign_libraries(case)
    faults += _commands(case)
    leads = [path for one in read.hooks if one.layer >= base for path in one.leads if _within(path, _written(case))]
    faults += [f"a start-up file leads to {listed(leads)}, where the layers do not say what is found"] * bool(leads)
    started, unseen = read.working_directory, (*UNSEEN, *case.image.writable)
    faults += [f"processes start in {started}, where the layers do not say what is found"] * _within(started, unseen)
    volumes = [path for path in subject.volumes if not _within(path, case.image.writable)]
    faults += [f"volumes where the contract has nothing writable: {listed(volumes)}"] * bool(volumes)
    replaced = sorted({path for layer in read.layers[base:] for path in layer.replaced} - REPLACED)
    faults += [f"replaced or removed by a later layer: {listed(replaced)}"] * bool(replaced)
    return rule(
        not faults,
        "no entry point, no altering variable or command, start-up file, other volume or replaced file",
        "; ".join(faults) or "none",
    )


def distributions_agree(case: Case) -> Ruling:
    """Names and versions in the layers are those that importlib.metadata sees."""
    held = {(one.name, one.version) for one in installed(case)}
    seen = {(canonicalize_name(one[0]), one[1]) for one in case.environment.distributions if len(one) > 1}
    only_held = sorted(f"{name} {version}" for name, version in held - seen)
    only_seen = sorted(f"{name} {version}" for name, version in seen - held)
    faults = [f"only in the layers: {listed(only_held)}"] * bool(only_held)
    faults += [f"only seen by Python: {listed(only_seen)}"] * bool(only_seen)
    found = "; ".join(faults) or f"{len(held)} distributions in both"
    return rule(not faults, "the same distributions in the layers and at work", found)


def cuda_libraries_agree(case: Case) -> Ruling:
    """Every CUDA library that the process mapped is one that the layers hold."""
    if case.image.torch == "absent":
        return skip("no torch expected")
    held = {library.path for library in case.contents.cuda_libraries}
    mapped = [path for path in case.pytorch.libraries if CUDA.match(posixpath.basename(path))]
    foreign = sorted(set(mapped) - held)
    found = (
        f"loaded, but not in the layers: {listed(foreign)}" if foreign else f"{len(mapped)} loaded, all in the layers"
    )
    return rule(not foreign, "every CUDA library loaded lies in the layers", found)


def lock_parity(case: Case) -> Ruling:
    """The distributions above the base are the lock's (torch: the public version), with their files and no others."""
    held = [(one.name, one.version) for one in installed(case)]
    counts = Counter(name for name, _ in held)
    versions = dict(held)
    wrong = [
        f"{name} {versions[name]} (lock: {version})"
        for name, version in case.locked.items()
        if name in versions and not same_version(versions[name], version)
    ]
    faults = [f"another version: {listed(wrong)}"] * bool(wrong)
    for label, names in (
        ("missing", case.locked.keys() - versions.keys()),
        ("extra", versions.keys() - case.locked.keys()),
        ("more than once", {name for name, count in counts.items() if count > 1}),
    ):
        faults += [f"{label}: {listed(sorted(names))}"] * bool(names)
    lacking, left_out = _absent(case)
    faults += [f"in RECORD, and not in the image: {listed(lacking)}"] * bool(lacking)
    base = case.base_layers
    unowned = sorted(path for path, layer in case.contents.unowned.items() if layer >= base)
    faults += [f"no distribution's: {listed(unowned)}"] * bool(unowned)
    altered = case.contents.altered
    faults += [f"not what RECORD says: {listed(altered)}"] * bool(altered)
    other, compared = _other_records(case)
    faults += [f"another RECORD than the baseline's of the same version: {listed(other)}"] * bool(other)
    found = "; ".join(faults) or f"{len(held)} distributions as locked"
    found += f", {sum(one['files'] for one in left_out)} of their files left out" * bool(left_out and not faults)
    expected = f"the {len(case.locked)} distributions of uv.lock for this role, whole but for what left-out.toml names"
    return rule(not faults, expected, found, left_out=left_out, records_compared=compared)


def _other_records(case: Case) -> tuple[list[str], int]:
    """Return the distributions whose RECORD is not the baseline's, and how many were compared.

    The lock pins the wheel, and the wheel decides what its RECORD says: at the same version nothing may differ.
    """
    baseline = case.baseline
    known = baseline.records if baseline else {}
    versions = baseline.versions if baseline else {}
    due = [
        one
        for one in installed(case)
        if is_pinned(one.name, one.version) and one.name in known and versions.get(one.name) == one.version
    ]
    return [f"{one.name} {one.version}" for one in due if one.record != known[one.name]], len(due)


def _absent(case: Case) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the files that a distribution lists and lacks, and those that it lacks on purpose: patterns, reasons."""
    lacking, counts = [], Counter[int]()
    for one in installed(case):
        for path in case.contents.absent.get(one.path, []):
            covers = (entry.covers(one.name, posixpath.dirname(one.path), path) for entry in case.left_out)
            number = next((number for number, covered in enumerate(covers) if covered), None)
            if number is None:
                lacking.append(path)
            else:
                counts[number] += 1
    return lacking, [{**case.left_out[number].model_dump(), "files": count} for number, count in counts.items()]


def same_version(held: str, locked: str) -> bool:
    """Whether two versions are the same public version (PEP 440): torch's +cpu and +cu130 are local labels."""
    try:
        return Version(Version(held).public) == Version(Version(locked).public)
    except InvalidVersion:
        return held == locked


def _size(case: Case, at_most: int, what: str, size: int, first: int = 0) -> Ruling:
    by: Counter[str] = Counter()
    for layer in case.contents.layers[first:]:
        by.update(layer.by_distribution)
    largest = {name or "(no distribution)": size for name, size in by.most_common(SHOWN)}
    found = f"{size / MB:,.1f} MB ({size:,} {what} bytes)"
    return rule(size <= at_most, f"at most {at_most / MB:,.1f} MB {what}", found, largest=largest)


def size_total(case: Case) -> Ruling:
    """The sum over all layers stays within the contract's total."""
    return _size(case, case.image.total_at_most, "unpacked", case.contents.unpacked_bytes)


def size_added(case: Case) -> Ruling:
    """The sum over the layers above the base stays within the contract's budget."""
    return _size(case, case.image.added_at_most, "added", case.contents.added_bytes(case.base_layers), case.base_layers)


def no_repeated_bytes(case: Case) -> Ruling:
    """No layer above the base holds again more than a trifle of what an earlier layer holds."""
    layers = list(enumerate(case.contents.layers))[case.base_layers :]
    faults = [
        f"layer {number}: {layer.repeated_bytes:,} bytes"
        for number, layer in layers
        if layer.repeated_bytes > REPEATED_AT_MOST
    ]
    found = "; ".join(faults) or f"{sum(layer.repeated_bytes for _, layer in layers):,} bytes"
    return rule(not faults, f"at most {REPEATED_AT_MOST:,} bytes of files that an earlier layer holds", found)


def excused(path: str, allowed: Iterable[Allowed]) -> bool:
    """Whether the contract allows a path, with its reason."""
    return any(fnmatchcase(path, one.path) for one in allowed)


def leftovers(case: Case) -> Ruling:
    """Nothing that has no business in an image, in any layer above the base."""
    base, allowed = case.base_layers, case.image.leftovers
    left = [one for one in case.contents.leftovers if one.layer >= base and not excused(one.path, allowed)]
    found = listed(f"{one.path} ({one.kind}, layer {one.layer})" for one in left) or "none"
    reasons = {one.path: one.reason for one in allowed}
    return rule(
        not left,
        "no .git, .env, key, certificate, credential, temporary file or data above the base",
        found,
        allowed=reasons,
    )


def history(case: Case) -> Ruling:
    """No secret, proxy, credential or package source of the build host in history, environment, labels or commands."""
    texts = [*case.subject.history, *(f"{name}={value}" for name, value in case.subject.environment.items())]
    texts += [f"{name}={value}" for name, value in case.subject.labels.items()]
    texts += [" ".join(words) for words in (case.subject.entrypoint, case.subject.command, case.subject.healthcheck)]
    faults = sorted({fault for text in texts for fault in disclosures(text)})
    return rule(not faults, "no secret, proxy, credential or package source", listed(faults) or "none")


def cuda_distributions(case: Case) -> Ruling:
    """No distribution of CUDA's, unless the role demands it."""
    names = sorted(one.name for one in case.contents.distributions if CUDA_DISTRIBUTION.match(one.name))
    if case.image.torch == "cuda":
        return rule(bool(names), "the CUDA distributions that CUDA torch needs", listed(names) or "none")
    return rule(not names, "no nvidia-*, cuda-* or triton distribution", listed(names) or "none")


NEEDED = ("libcudart.so", "libcublas.so", "libcudnn.so", "libnccl.so", "libtorch_cuda.so")


def cuda_libraries(case: Case) -> Ruling:
    """No CUDA library anywhere, by name or by what is in it; or all that CUDA torch needs, one copy of each soname."""
    libraries = case.contents.cuda_libraries
    if case.image.torch != "cuda":
        named = {one.path: one.path for one in libraries}
        held = {path: f"{path} ({why})" for path, why in case.contents.cuda_code.items()}
        return rule(not named and not held, "no CUDA library", listed({**held, **named}.values()) or "none")
    missing = [name for name in NEEDED if not any(one.soname.startswith(name) for one in libraries)]
    paths: dict[str, list[str]] = {}
    for one in libraries:
        if not excused(one.path, case.image.duplicate_libraries):
            paths.setdefault(one.soname, []).append(one.path)
    twice = {soname: where for soname, where in paths.items() if len(where) > 1}
    faults = [f"missing: {listed(missing)}"] * bool(missing)
    faults += [f"{soname} {len(where)} times: {listed(where)}" for soname, where in twice.items()]
    found = "; ".join(faults) or f"{len(paths)} sonames, one copy each"
    reasons = {one.path: one.reason for one in case.image.duplicate_libraries}
    return rule(not faults, "all that CUDA torch needs, one copy of each soname", found, allowed=reasons)


CHECKS = {
    "contents": contents,
    "interpreter": interpreter,
    "python-unaltered": python_unaltered,
    "distributions-agree": distributions_agree,
    "cuda-libraries-agree": cuda_libraries_agree,
    "lock-parity": lock_parity,
    "size-total": size_total,
    "size-added": size_added,
    "no-repeated-bytes": no_repeated_bytes,
    "leftovers": leftovers,
    "history": history,
    "cuda-distributions": cuda_distributions,
    "cuda-libraries": cuda_libraries,
}
