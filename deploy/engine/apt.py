"""The machine's own Debian or Ubuntu package sources: read, turned to another suite, and installed from with care.

The machine's own lists and settings are never changed: apt gets a temporary directory of sources by option.

Why not a library: python-debian is under the GPL (2 or later). python-apt is a package of the system, which the locked
environment cannot bring.
"""

import contextlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import Exit, Problem

# Oldest first; the last ones are where packages too old here are taken from.
DEBIAN_RELEASES = ("bullseye", "bookworm", "trixie", "forky")
UBUNTU_RELEASES = ("jammy", "noble")

UPDATE_SECONDS = 300.0
INSTALL_SECONDS = 900.0

# Options of one-line entries whose deb822 name is not simply theirs in title case.
_FIELD = {"arch": "Architectures", "lang": "Languages", "target": "Targets", "pdiffs": "PDiffs", "by-hash": "By-Hash"}
_STRUCTURE = frozenset({"Types", "URIs", "Suites", "Components", "Enabled"})


@dataclass(frozen=True)
class Distribution:
    """What /etc/os-release says: `id` names the family, `codename` the suite."""

    id: str
    codename: str
    name: str

    @property
    def releases(self) -> tuple[str, ...]:
        """The family's releases, oldest first; empty where apt is not the way."""
        return {"debian": DEBIAN_RELEASES, "ubuntu": UBUNTU_RELEASES}.get(self.id, ())

    @property
    def next_codename(self) -> str:
        """The release after this one, or an empty string. Ubuntu's are not mixed: their libc differ too much."""
        if self.id != "debian" or self.codename not in self.releases[:-1]:
            return ""
        return self.releases[self.releases.index(self.codename) + 1]


@dataclass(frozen=True)
class Source:
    """One entry of binary packages; `options` are deb822 fields, a key written out in Signed-By included."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()

    def render(self) -> str:
        """Return the entry as a deb822 stanza."""
        fields = [("Types", "deb"), ("URIs", " ".join(self.uris)), ("Suites", " ".join(self.suites))]
        fields += [("Components", " ".join(self.components))] if self.components else []
        return "".join(f"{name}: {value}\n" for name, value in (*fields, *self.options))


def read_distribution(text: str) -> Distribution:
    """Read /etc/os-release."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    facts = {key.strip(): value.strip().strip("\"'") for key, value in pairs}
    return Distribution(
        id=facts.get("ID", ""),
        codename=facts.get("VERSION_CODENAME", ""),
        name=facts.get("PRETTY_NAME", facts.get("ID", "an unknown system")),
    )


def this_distribution() -> Distribution:
    """Read this machine's /etc/os-release; all fields are empty where there is none."""
    try:
        return read_distribution(Path("/etc/os-release").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Distribution("", "", {"Darwin": "macOS"}.get(platform.system(), "an unknown system"))


def parse_one_line(text: str) -> list[Source]:
    """Parse the `deb [option=value …] URI suite component …` format of sources.list."""
    sources = []
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s+)?([^#\s]+)\s+([^#\s]+)([^#]*)", line)
        if match:
            pairs = (option.split("=", 1) for option in (match[1] or "").split() if "=" in option)
            options = tuple((_FIELD.get(key, key.title()), value.replace(",", " ")) for key, value in pairs)
            sources.append(Source((match[2],), (match[3],), tuple(match[4].split()), options))
    return sources


def parse_deb822(text: str) -> list[Source]:
    """Parse the stanzas of a `.sources` file; disabled ones and those without binary packages are left out."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    sources = []
    for stanza in re.split(r"\n[ \t]*\n+", "\n".join(lines)):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line[:1] in {" ", "\t"} and name:
                fields[name] += f"\n{line}"
            elif ":" in line:
                name, value = (part.strip() for part in line.split(":", 1))
                name = next((known for known in _STRUCTURE if known.lower() == name.lower()), name)
                fields[name] = value
        enabled = fields.get("Enabled", "yes").lower() not in {"no", "false"}
        if enabled and "deb" in fields.get("Types", "").split() and fields.get("URIs") and fields.get("Suites"):
            options = tuple((name, value) for name, value in fields.items() if name not in _STRUCTURE)
            listed = (tuple(fields.get(name, "").split()) for name in ("URIs", "Suites", "Components"))
            uris, suites, components = listed
            sources.append(Source(uris, suites, components, options))
    return sources


def machine_sources(etc: Path = Path("/etc/apt")) -> list[Source]:
    """Read all of the machine's entries, in both formats."""
    parts = sorted((etc / "sources.list.d").glob("*"))
    found = []
    for path in [etc / "sources.list", *parts]:
        if path.suffix in {".list", ".sources"} and path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            found += parse_deb822(text) if path.suffix == ".sources" else parse_one_line(text)
    return found


def of_release(sources: Iterable[Source], codename: str, wanted: str) -> list[Source]:
    """Select the distribution's own entries (the release, its updates, its security) and turn them to `wanted`.

    Other archives name the release as a suite, too. The distribution's own entries are known by their key, by the
    suites beside the release's, or by their path.
    """
    every = list(sources)
    beside = {f"{codename}-updates", f"{codename}-security"}
    mirrors = {uri for source in every if beside & set(source.suites) for uri in source.uris}
    selected = []
    for source in every:
        suites = [suite for suite in source.suites if suite == codename or suite in beside]
        named = tuple(wanted + suite.removeprefix(codename) for suite in suites)
        key = dict(source.options).get("Signed-By", "")
        own = (
            re.search(r"(debian|ubuntu)-archive", key)
            or mirrors & set(source.uris)
            or any(re.search(r"/(debian|ubuntu)(-security|-ports)?/?$", uri) for uri in source.uris)
        )
        reachable = not any(uri.startswith("cdrom:") for uri in source.uris)
        if named and own and reachable and {"main", "universe"} & set(source.components):
            selected.append(Source(source.uris, named, source.components, source.options))
    return selected


def own_sources(wanted: str) -> str:
    """Return deb822 text: this machine's own package sources, turned to the release `wanted`.

    Raises:
        Problem: the machine's sources have no entry for its own release (exit 3).

    """
    here = this_distribution()
    found = of_release(machine_sources(), here.codename, wanted)
    if not found:
        wrong = f"no entry in /etc/apt is its own archive of {here.codename or '(unknown)'}"
        next_step = f"add one for {here.codename or 'this release'}, or install what is missing by hand"
        raise Problem(f"reading the package sources of {here.name}", wrong, next_step)
    return "\n".join(source.render() for source in found)


def access_settings(dump: str) -> list[str]:
    """Select, from `apt-config dump`, how the machine reaches its packages: proxies, certificates, retries, checks."""
    kinds = r"Acquire::(https?|ftp|tor|Retries|Check-|Max-|Force|Allow|By-Hash|Queue|Send|Proxy)"
    return [line for line in dump.splitlines() if re.match(kinds, line, re.IGNORECASE) and not line.endswith(' "";')]


@dataclass(frozen=True)
class Change:
    """One line of apt's simulation: a package to be installed, upgraded (`old` is set) or removed (`new` is empty)."""

    package: str
    old: str
    new: str


def parse_simulation(text: str) -> list[Change]:
    """Read the `Inst` and `Remv` lines of `apt-get -s install`."""
    changes = []
    for line in text.splitlines():
        match = re.match(r"(Inst|Remv|Purg) (\S+?)(?::\S+)? (?:\[([^\]]*)\] ?)?(?:\((\S+))?", line)
        if match:
            changes.append(Change(match[2], match[3] or "", (match[4] or "") if match[1] == "Inst" else ""))
    return changes


def refusal(changes: Iterable[Change]) -> str:
    """Say why these changes are refused: a package is removed, or the C library replaced; empty when they are fine."""
    bad = [f"remove {change.package}" for change in changes if not change.new]
    core = re.compile(r"libc6|libc-bin|libstdc\+\+6|libgcc-s1")
    bad += [
        f"upgrade {change.package} {change.old} to {change.new}"
        for change in changes
        if change.new and change.old and core.fullmatch(change.package)
    ]
    return ", ".join(bad)


def parse_policy(text: str) -> dict[str, dict[str, str]]:
    """Read `apt-cache madison`: package, then suite, then the newest version offered there."""
    found: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        parts = [part.strip() for part in line.split("|")]
        words = parts[2].split() if len(parts) == 3 else []  # noqa: PLR2004  name | version | origin
        if len(words) > 1 and words[-1] == "Packages":
            suite = words[1].split("/")[0]
            found.setdefault(parts[0], {}).setdefault(suite, parts[1])
    return found


class Apt:
    """apt with sources of its own; see `with_sources`."""

    def __init__(self, folder: Path, release: str, say: Callable[[str], None]) -> None:
        self._folder, self._release, self._say = folder, release, say

    def _options(self) -> list[str]:
        settings = {
            "Dir::Etc::SourceList": "/dev/null",
            "Dir::Etc::SourceParts": str(self._folder / "sources"),
            "Dir::State::Lists": str(self._folder / "lists"),
            "Dir::Cache::pkgcache": "",
            "Dir::Cache::srcpkgcache": "",
            "APT::Default-Release": self._release,
            "Acquire::Languages": "none",
            "DPkg::Lock::Timeout": "120",
            "Dpkg::Use-Pty": "0",
        }
        return [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]

    def use(self, sources: str) -> None:
        """Take these sources (deb822 text) and fetch their lists."""
        (self._folder / "sources" / "ktrdr.sources").write_text(sources, encoding="utf-8")
        self._say("apt: fetching the package lists")
        self._run(["apt-get", *self._options(), "update", "--error-on=any"], UPDATE_SECONDS, "fetching package lists")

    def offered(self, packages: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return, by package and suite, the versions that are offered."""
        command = ["apt-cache", *self._options(), "madison", *packages]
        return parse_policy(self._run(command, 60, "reading package lists"))

    def install(self, packages: list[str]) -> list[Change]:
        """Simulate, refuse what would harm the machine, install. Returns what was installed or upgraded."""
        command = ["apt-get", *self._options(), "--no-install-recommends", "-y"]
        force = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]
        changes = parse_simulation(self._run([*command, "-s", "install", *packages], 60, "planning the installation"))
        if bad := refusal(changes):
            by_hand = (
                "install a Docker Engine in the way your distribution recommends; this pipeline uses any that answers"
            )
            raise Problem(f"installing {' '.join(packages)}", f"apt would {bad}", by_hand)
        if changes:
            self._say(f"apt: installing {', '.join(f'{change.package} {change.new}' for change in changes)}")
            command += [*force, "--no-remove", "install", *packages]
            self._run(command, INSTALL_SECONDS, f"installing {' '.join(packages)}")
        return changes

    def _run(self, command: list[str], seconds: float, doing: str) -> str:
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        # A file, not a pipe: a service that a package starts keeps what it inherits, and a pipe would never end.
        with tempfile.TemporaryFile() as output:
            try:
                done = subprocess.run(
                    command,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=seconds,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                wrong = f"apt did not end within {seconds:.0f} s"
                raise Problem(doing, wrong, "see that the package mirror answers") from error
            output.seek(0)
            text = output.read().decode(errors="replace")
        if done.returncode:
            lines = [line for line in text.splitlines() if re.match(r"E:|W:|dpkg: error", line)]
            wrong = "\n  ".join(lines[:6]) or f"apt ended with {done.returncode}"
            next_step = "correct what apt names (is the package mirror within reach?), then run this again"
            raise Problem(doing, wrong, next_step)
        return text


@contextlib.contextmanager
def with_sources(release: str, say: Callable[[str], None]) -> Iterator[Apt]:
    """Yield an apt whose sources and lists are temporary; `release` is preferred where several offer a package."""
    folder = Path(tempfile.mkdtemp(prefix="ktrdr-apt-"))
    try:
        folder.chmod(0o755)  # apt fetches as a user of its own
        (folder / "sources").mkdir()
        (folder / "lists").mkdir()
        yield Apt(folder, release, say)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def must_be_able(doing: str, by_hand: str, env: Mapping[str, str] = os.environ) -> Distribution:
    """Return the distribution if this process may install packages; else raise a Problem with the manual steps."""
    here = this_distribution()
    if not here.releases or not shutil.which("apt-get", path=env.get("PATH")):
        raise Problem(doing, f"this is {here.name}, where this pipeline installs nothing", by_hand, Exit.UNAVAILABLE)
    if os.geteuid() != 0:
        raise Problem(doing, "installing packages takes root, and this is not root", by_hand, Exit.UNAVAILABLE)
    return here
