"""Which paths above the base image nobody owns, by the contract: neither a line of it nor a package that it names."""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass

from deploy.allowed_files import AllowedFile, Files
from verify.contents.distributions import source_of
from verify.contents.files import SITE
from verify.contents.model import Other, Package
from verify.contents.secrets import by_name
from verify.judge.case import Case

# What the base image's own programs write: of accounts (the check `user` reads them), the loader's cache and the time
# zone, and packages, which are judged by their names. Caches of packages are not among it.
RECORDS = re.compile(
    r"/etc/(?:passwd|group|shadow|gshadow|subuid|subgid)-?|/etc/\.pwd\.lock|/var/log/(?:lastlog|faillog)"
    r"|/etc/ld\.so\.cache|/var/cache/ldconfig/aux-cache|/etc/localtime|/etc/timezone"
    r"|/var/lib/dpkg/(?:(?:status|available|diversions|statoverride)(?:-old)?|lock(?:-frontend)?|(?:alternatives|triggers"
    r"|updates|parts)/.*)|/var/lib/apt/extended_states|/var/cache/debconf/(?!passwords\.dat).*"
    r"|/var/log/(?:dpkg|alternatives|apt/.*)\.log(?:\.xz)?"
)
LINKS = ("/etc/localtime",)  # of RECORDS, those that may be a link
DIRECTORIES = re.compile(r"/var/(?:lib|cache|log)/(?:apt|debconf|dpkg|ldconfig)(?:/.*)?")
RECORD_AT_MOST = 2 * 10**6  # bytes


@dataclass(frozen=True)
class Line:
    """A line of the contract on files."""

    pattern: str  # ``*`` is any part of a name, and crosses no directory
    due: AllowedFile

    def names(self, path: str) -> bool:
        """Whether it is for a path, or for the source that it is the bytecode of."""
        return _fits(self.pattern, path) or _fits(self.pattern, source_of(path))

    def allows(self, other: Other) -> bool:
        """Whether what lies at its path is what it says. A program's bytecode is a file."""
        if not _fits(self.pattern, other.path):
            return other.kind == "file" and self.due.kind in ("file", "program") and self.names(other.path)
        same = self.due.kind == ("file" if other.kind == "hard link" else other.kind)
        return same and (other.kind != "link" or _fits(self.due.target, other.target))


def _fits(pattern: str, text: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", "[^/]*"), text) is not None


def lines_of(files: Files) -> list[Line]:
    """Return lines of the contract, in its order."""
    return [Line(pattern, due) for pattern, due in files.items()]


def allowed(case: Case) -> set[tuple[str, int]]:
    """Return the paths above the base, with the layer, that the contract allows, or a package which it names."""
    base, named = case.base_layers, case.contract.packages_of(case.image)
    lines = lines_of(case.contract.files_of(case.image))
    return {
        (other.path, other.layer)
        for other in case.contents.others
        if other.layer >= base and (other.package in named or any(line.allows(other) for line in lines))
    }


def strangers(case: Case) -> list[Other]:
    """Return the paths above the base that nobody owns, in any layer."""
    base, named = case.base_layers, allowed(case)
    homes = {case.subject.environment.get("HOME", ""), case.subject.working_directory, *case.image.writable}

    def owned(other: Other) -> bool:
        if (other.path, other.layer) in named:
            return True
        if other.kind == "directory":
            return other.path in homes or DIRECTORIES.fullmatch(other.path) is not None
        if other.kind == "file" and not other.bytes and by_name(other.path):
            return True  # where a build secret was mounted: builders leave an empty file
        written = RECORDS.fullmatch(other.path) is not None and other.bytes <= RECORD_AT_MOST
        return written and (other.kind in ("file", "hard link") or (other.kind == "link" and other.path in LINKS))

    return [other for other in case.contents.others if other.layer >= base and not owned(other)]


def is_a_module(other: Other) -> bool:
    """Whether Python may find it among the distributions' modules: `lock-parity` reports it, and no other check."""
    return not other.gone and other.kind != "directory" and SITE.search(other.path) is not None


def added_packages(case: Case) -> list[Package]:
    """Return the Debian packages that came, or changed, above the base."""
    return [package for package in case.contents.packages if package.layer >= case.base_layers]


def unused(case: Case) -> list[str]:
    """Return the lines of the contract on files and packages that this image does not use."""
    above = [other for other in case.contents.others if other.layer >= case.base_layers]
    lines = lines_of(case.contract.files_of(case.image))
    stale = [f"{line.pattern} ({line.due.words})" for line in lines if not any(map(line.allows, above))]
    return stale + sorted(case.contract.packages_of(case.image) - {package.name for package in added_packages(case)})


def grouped(others: Iterable[Other]) -> list[list[Other]]:
    """Return paths by the directory that holds them and by layer, those with the most bytes first."""
    groups: dict[tuple[str, int, bool], list[Other]] = {}
    for other in others:
        groups.setdefault((other.top, other.layer, other.gone), []).append(other)
    return sorted(groups.values(), key=lambda group: -sum(other.bytes for other in group))


def below(other: Other) -> str:
    """Return a path from the directory that it is reported by."""
    return posixpath.relpath(other.path, other.top)
