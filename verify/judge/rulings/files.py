"""Whether every file above the base image has an owner, and whether the application's files are the checkout's."""

import posixpath
import re
from collections.abc import Iterator

from deploy.faults import Faults
from verify.contents.distributions import source_of
from verify.contents.files import APPLICATION
from verify.contents.model import Other
from verify.contents.secrets import by_name
from verify.judge.case import Case, NotSeen, Ruling, rule
from verify.judge.difference import signed
from verify.judge.ownership import added_packages, below, grouped, is_a_module, lines_of, strangers, unused
from verify.judge.rulings.contents import listed

# What NVIDIA's driver brings: it fits the host's kernel, and containers get the host's
DRIVER = (
    r".*/lib(?:cuda|cudadebugger|nvcuvid|nvoptix|nvidia-[\w-]+|(?:EGL|GLX|GLESv\d\w*|vdpau)_nvidia)\.so[\d.]*"
    r"|.*/bin/nvidia-[\w-]+"
)
WITH_BYTES = ("file", "program")
SHOWN = 12  # names in a directory
# What nobody may own: it lies in owned files, too
SECRET = ("private key", "credentials", "archive", "whiteout", "access control list", "path too long")
# Why a file that nobody owns is harmful. The contract alone decides whether it is allowed.
REASONS = {
    r".*\.git/.*": "git",
    r".*/\.cache/.*|/var/cache/apt/.*|/var/lib/apt/lists/.*|.*\.(?:whl|deb)": "a package cache",
    r"/etc/apt/.*|.*/(?:pip\.conf|uv\.toml|\.npmrc|\.condarc)": "where the build host takes packages from",
    DRIVER: "the driver's, which the host brings",
    r".*/bin/(?:[\w-]+-)?(?:as|ld(?:\.\w+)?|ar|cpp|cc1?|gcc|[gc]\+\+|clang|make)(?:-[\d.]+)?": "a compiler or linker",
    r".*/(?:Dockerfile[\w.-]*|pyproject\.toml|uv\.lock|tests?/.*|.*\.ipynb)": "a checkout",
    r"/(?:var/)?tmp/.*": "temporary",
    r".*/\.\w*hist(?:ory)?": "what somebody typed",
}


def leftovers(case: Case) -> Ruling:
    """Every path above the base has an owner, no file holds a secret, the base is whole, and all allowed is used."""
    base, alone = case.base_layers, [other for other in strangers(case) if not is_a_module(other)]
    paths = {other.path for other in alone}
    faults = [
        f"{held.path} ({held.kind}, layer {held.layer})"
        for held in case.contents.leftovers
        if held.layer >= base and (held.kind in SECRET or held.path.partition("!/")[0] in paths)
    ]
    faults += [_described(group, case) for group in grouped(alone)]
    found = Faults([listed(faults)] if faults else [])
    named = case.contract.packages_of(case.image)
    packages = [f"{package.name} {package.version}" for package in added_packages(case) if package.name not in named]
    found.add(packages, f"Debian packages that the contract does not name: {listed(packages)}")
    spoilt = [what for what, layer in case.contents.spoilt.items() if layer >= base]
    found.add(spoilt, f"not as in the base image: {listed(spoilt)}")
    stale = unused(case)
    found.add(stale, f"named in the contract, but not in the image: {listed(stale)}")
    return rule(not found, "an owner for every file, and no secret", "; ".join(found) or "as expected")


def _described(group: list[Other], case: Case) -> str:
    """Return paths of one directory and layer in words: how many, how large, why harmful."""
    first, size = group[0], sum(other.bytes for other in group)
    amount = signed(size).removeprefix("+") if any(other.kind in WITH_BYTES for other in group) else kind_of(first)
    said = [amount, *dict.fromkeys(reason for other in group for reason in reasons(other, case))]
    said.append(f"layer {first.layer}{', removed later' * first.gone}")
    where = first.path
    if len(group) > 1:
        names = sorted(below(other) for other in group)
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        where = f"{first.top}: {len(group)} paths: {', '.join(names[:SHOWN])}{more}"
    return f"{where} ({', '.join(said)})"


def kind_of(other: Other) -> str:
    """Return what a path is, in words."""
    return f"a {other.kind}{other.target and f' to {other.target}'}"


def reasons(other: Other, case: Case) -> Iterator[str]:
    """Yield why a file that nobody owns is harmful, in words, as far as its path and its kind tell."""
    if other.kind == "program":
        yield kind_of(other)
    lines = lines_of(case.contract.files_of(case.image))
    yield from (f"allowed as {line.due.words} only" for line in lines if line.names(other.path))
    yield from by_name(other.path)
    yield from (why for known, why in REASONS.items() if re.fullmatch(known, other.path))
    if other.path.startswith(tuple(f"{directory}/" for directory in case.image.writable)):
        yield "data"
    if other.package:
        yield f"of the package {other.package}"


def checkout_parity(case: Case) -> Ruling:
    """The application's files are those that git tracks, with the same content; none is missing or extra."""
    due, built = case.sources, case.record
    if case.inputs not in (None, built.inputs):
        raise NotSeen("the files of the checkout have changed since the build", "built-here")
    faults = Faults()
    places = case.contents.application
    faults.add(not places, f"no directory of {APPLICATION}")
    faults.add(len(places) > 1, f"more than once: {listed(places)}")
    for place, held in places.items():
        extra = [path for path in held if path not in due and source_of(path) not in due]
        for label, paths in (
            ("missing", due.keys() - held.keys()),
            ("another content", {path for path in due if path in held and held[path] != due[path]}),
            ("not in the checkout, or not tracked by git", extra),
        ):
            faults.add(paths, f"{label}: {listed(posixpath.join(place, path) for path in sorted(paths))}")
    expected = f"the {len(due)} files of {APPLICATION}/ in the checkout"
    return rule(not faults, expected, "; ".join(faults) or f"the same in {listed(places)}")


RULINGS = {"leftovers": leftovers, "checkout-parity": checkout_parity}
