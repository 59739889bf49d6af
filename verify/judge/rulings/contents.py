"""What the layers hold, whether the running image agrees, and whether the lock demands it."""

import posixpath
from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from deploy.contract import Allowed
from deploy.faults import Faults
from deploy.sizes import megabytes
from deploy.uv_lock import CUDA_DISTRIBUTION
from verify.contents.files import CUDA
from verify.contents.model import Distribution
from verify.judge.case import Case, Ruling, rule, skip
from verify.judge.difference import is_pinned
from verify.judge.ownership import is_a_module, strangers
from verify.observe.disclosure import disclosures

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
    return [distribution for distribution in case.contents.distributions if distribution.layer >= base]


def distributions_agree(case: Case) -> Ruling:
    """Names and versions in the layers are those that importlib.metadata sees."""
    held = {(distribution.name, distribution.version) for distribution in installed(case)}
    seen = {(canonicalize_name(entry[0]), entry[1]) for entry in case.environment.distributions if len(entry) > 1}
    only_held = sorted(f"{name} {version}" for name, version in held - seen)
    only_seen = sorted(f"{name} {version}" for name, version in seen - held)
    faults = Faults()
    faults.add(only_held, f"only in the layers: {listed(only_held)}")
    faults.add(only_seen, f"only seen by Python: {listed(only_seen)}")
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
    held = [(distribution.name, distribution.version) for distribution in installed(case)]
    counts = Counter(name for name, _ in held)
    versions = dict(held)
    wrong = [
        f"{name} {versions[name]} (lock: {version})"
        for name, version in case.locked.items()
        if name in versions and not same_version(versions[name], version)
    ]
    faults = Faults()
    faults.add(wrong, f"another version: {listed(wrong)}")
    for label, names in (
        ("missing", case.locked.keys() - versions.keys()),
        ("extra", versions.keys() - case.locked.keys()),
        ("more than once", {name for name, count in counts.items() if count > 1}),
    ):
        faults.add(names, f"{label}: {listed(sorted(names))}")
    lacking, left_out = _absent(case)
    faults.add(lacking, f"in RECORD, but not in the image: {listed(lacking)}")
    stray = [other.path for other in strangers(case) if is_a_module(other)]
    faults.add(stray, f"files of no distribution: {listed(stray)}")
    altered = [path for path, layer in case.contents.altered.items() if layer >= case.base_layers]
    faults.add(altered, f"different from RECORD: {listed(altered)}")
    broken = [f"{file.path} ({file.why})" for file in case.contents.broken if file.layer >= case.base_layers]
    faults.add(broken, f"cannot be loaded as what it is: {listed(broken)}")
    slow = [name for name, layer in case.contents.uncompiled.items() if layer >= case.base_layers]
    faults.add(slow, f"without bytecode, so that each start compiles them anew: {listed(slow)}")
    other, compared = _other_records(case)
    faults.add(other, f"the same version as in the baseline, but another RECORD: {listed(other)}")
    found = "; ".join(faults) or f"{len(held)} distributions as locked"
    found += f", {sum(entry['files'] for entry in left_out)} of their files left out" * bool(left_out and not faults)
    expected = (
        f"the {len(case.locked)} distributions of uv.lock for this role, complete except for files in left-out.toml"
    )
    return rule(not faults, expected, found, left_out=left_out, records_compared=compared)


def _other_records(case: Case) -> tuple[list[str], int]:
    """Return the distributions whose RECORD is not the baseline's, and how many were compared.

    The lock pins the wheel, and the wheel decides what its RECORD says: at the same version nothing may differ.
    """
    baseline = case.baseline
    known = baseline.records if baseline else {}
    versions = baseline.versions if baseline else {}
    due = [
        distribution
        for distribution in installed(case)
        if is_pinned(distribution.name, distribution.version)
        and distribution.name in known
        and versions.get(distribution.name) == distribution.version
    ]
    return [
        f"{distribution.name} {distribution.version}"
        for distribution in due
        if distribution.record != known[distribution.name]
    ], len(due)


def _absent(case: Case) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the files that a distribution lists but lacks, and the patterns of those that it lacks on purpose."""
    lacking, counts = [], Counter[int]()
    for distribution in installed(case):
        site = posixpath.dirname(distribution.path)
        known = ((number, entry.pattern(distribution.name, site)) for number, entry in enumerate(case.left_out))
        patterns = [(number, pattern) for number, pattern in known if pattern]
        for path in case.contents.absent.get(distribution.path, []):
            number = next((number for number, pattern in patterns if pattern.match(path)), None)
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
    found = f"{megabytes(size)} MB ({size:,} {what} bytes)"
    return rule(size <= at_most, f"at most {megabytes(at_most)} MB {what}", found, largest=largest)


def size_total(case: Case) -> Ruling:
    """The sum over all layers stays within the contract's total."""
    return _size(case, case.image.total_at_most, "unpacked", case.contents.unpacked_bytes)


def size_added(case: Case) -> Ruling:
    """The sum over the layers above the base stays within the contract's budget."""
    return _size(case, case.image.added_at_most, "added", case.contents.added_bytes(case.base_layers), case.base_layers)


def no_repeated_bytes(case: Case) -> Ruling:
    """No layer above the base repeats more than REPEATED_AT_MOST bytes of an earlier layer."""
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
    return any(fnmatchcase(path, entry.path) for entry in allowed)


def history(case: Case) -> Ruling:
    """No secret, proxy, credential or package source of the build host in history, environment, labels or commands."""
    texts = [*case.subject.history, *(f"{name}={value}" for name, value in case.subject.environment.items())]
    texts += [f"{name}={value}" for name, value in case.subject.labels.items()]
    texts += [" ".join(words) for words in (case.subject.entrypoint, case.subject.command, case.subject.healthcheck)]
    faults = sorted({fault for text in texts for fault in disclosures(text)})
    return rule(not faults, "no secret, proxy, credential or package source", listed(faults) or "none")


def cuda_distributions(case: Case) -> Ruling:
    """No distribution of CUDA's, unless the role demands it."""
    names = sorted(
        distribution.name for distribution in case.contents.distributions if CUDA_DISTRIBUTION.match(distribution.name)
    )
    if case.image.torch == "cuda":
        return rule(bool(names), "the CUDA distributions that CUDA torch needs", listed(names) or "none")
    return rule(not names, "no nvidia-*, cuda-* or triton distribution", listed(names) or "none")


NEEDED = ("libcudart.so", "libcublas.so", "libcudnn.so", "libnccl.so", "libtorch_cuda.so")


def cuda_libraries(case: Case) -> Ruling:
    """No CUDA library anywhere, by name or by what is in it; or all that CUDA torch needs, one copy of each soname."""
    libraries = case.contents.cuda_libraries
    if case.image.torch != "cuda":
        named = {library.path: library.path for library in libraries}
        held = {path: f"{path} ({why})" for path, why in case.contents.cuda_code.items()}
        return rule(not named and not held, "no CUDA library", listed({**held, **named}.values()) or "none")
    missing = [name for name in NEEDED if not any(library.soname.startswith(name) for library in libraries)]
    paths: dict[str, list[str]] = {}
    for library in libraries:
        if not excused(library.path, case.image.duplicate_libraries):
            paths.setdefault(library.soname, []).append(library.path)
    twice = {soname: where for soname, where in paths.items() if len(where) > 1}
    faults = Faults()
    faults.add(missing, f"missing: {listed(missing)}")
    faults += [f"{soname} {len(where)} times: {listed(where)}" for soname, where in twice.items()]
    found = "; ".join(faults) or f"{len(paths)} sonames, one copy each"
    reasons = {entry.path: entry.reason for entry in case.image.duplicate_libraries}
    return rule(not faults, "all that CUDA torch needs, one copy of each soname", found, allowed=reasons)


RULINGS = {
    "contents": contents,
    "distributions-agree": distributions_agree,
    "cuda-libraries-agree": cuda_libraries_agree,
    "lock-parity": lock_parity,
    "size-total": size_total,
    "size-added": size_added,
    "no-repeated-bytes": no_repeated_bytes,
    "history": history,
    "cuda-distributions": cuda_distributions,
    "cuda-libraries": cuda_libraries,
}
