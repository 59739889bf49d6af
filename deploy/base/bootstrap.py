"""Makes a base image where no registry answers: Debian's own Python, by mmdebstrap from the machine's package sources.

The same packages give the same layer and the same image id on any machine. Times are clamped, files that vary are
removed, and the image's configuration is written here, not by the engine.
"""

import contextlib
import hashlib
import io
import json
import os
import platform
import shlex
import shutil
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.base.pins import digest_of, installed
from deploy.engine import apt, processes
from deploy.errors import Problem

DOING = "bootstrapping a base image"
LABEL = "ktrdr.base"
PLACE, PACKAGES_LABEL = f"{LABEL}.place", f"{LABEL}.packages"  # of the pinned packages, and their digest
STATUS = "var/lib/dpkg/status"
SECONDS = 900.0

# Files newer than this get this time, so that the day of the bootstrap does not show (2025-01-01, UTC).
EPOCH = 1735689600
CREATED = "2025-01-01T00:00:00Z"

# Which release's python3 is which Python.
SUITES = {
    "debian": {"3.9": "bullseye", "3.11": "bookworm", "3.13": "trixie"},
    "ubuntu": {"3.10": "jammy", "3.12": "noble"},
}
WITHOUT_DISTUTILS = 12  # Python 3.12 and later
PACKAGES = {
    "usr-is-merged": "lets the essential packages do without usrmerge and its 75 MB of Perl",
    "python3": "the interpreter and its standard library",
    "python3-distutils": "the part of the standard library that Debian splits off, up to Python 3.11",
    "python3-gdbm": "and another such part, dbm.gnu",
    "ca-certificates": "the distribution's own certificates, and no others",
    "netbase": "names of protocols and services",
    "tzdata": "zoneinfo",
    "libstdc++6": "what compiled distributions, torch among them, are linked with",
    "passwd": "useradd and groupadd, for the images' own user",
}
# What the root holds is removed by base_slim, so mmdebstrap's own cleaning would stumble over what is gone.
SKIP = "output/dev,cleanup/apt,cleanup/mmdebstrap,cleanup/reproducible,cleanup/run,cleanup/tmp"
HANDED_ON = ("PATH", "HOME", "APT_CONFIG")  # of the machine's variables, beside those that name proxies
SLIM = Path(__file__).with_name("slim.py")
MERGED_USR = Path("/usr/share/mmdebstrap/hooks/merged-usr")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the contents of a bootstrapped image, except the packages' versions."""

    python: str
    suite: str
    architecture: str

    @property
    def packages(self) -> list[str]:
        """The packages that are asked for: distutils went with Python 3.12 (PEP 632)."""
        gone = {"python3-distutils"} if int(self.python.partition(".")[2]) >= WITHOUT_DISTUTILS else set()
        return [name for name in PACKAGES if name not in gone]

    @property
    def digest(self) -> str:
        """A digest over the recipe: another package list or another way of slimming is another image."""
        parts = [self.python, self.suite, self.architecture, *self.packages, SKIP, str(EPOCH)]
        parts += [SLIM.read_text(encoding="utf-8"), json.dumps(self.config(), sort_keys=True)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    @property
    def reference(self) -> str:
        """The name of the image on the engine, which says what it is made of."""
        return f"ktrdr-base:py{self.python}-{self.suite}-{self.digest[:12]}"

    def config(self) -> dict[str, Any]:
        """Return what containers of the image start with."""
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return {"Env": [f"PATH={path}", "LANG=C.UTF-8"], "Cmd": ["python3"], "WorkingDir": "/"}


def recipe(python: str, distribution: apt.Distribution) -> Recipe:
    """Choose the release whose python3 is `python` ("3.11"); Problem when this distribution has none."""
    suite = SUITES.get(distribution.id, {}).get(python)
    if not suite:
        wrong = f"no release of {distribution.name} that this pipeline knows has Python {python} as its python3"
        raise Problem(DOING, wrong, f"set PYTHON_IMAGE to an image with Python {python} that this engine can get")
    machine = platform.machine()
    return Recipe(python, suite, {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine))


def check_tools() -> None:
    """Raise Problem when this process cannot bootstrap here."""
    next_step = "or set PYTHON_IMAGE to an image that this engine can get"
    if not shutil.which("mmdebstrap"):
        raise Problem(DOING, "mmdebstrap is not installed", f"./noxw -s engine installs it; {next_step}")
    if os.geteuid() != 0:
        wrong = "mmdebstrap needs root here, and this is not root"
        raise Problem(DOING, wrong, f"run the build once as root, {next_step}")


@contextlib.contextmanager
def archive(made: Recipe, say: Callable[[str], None]) -> Iterator[Path]:
    """Bootstrap, and give an archive for `docker load`, removed again afterwards."""
    check_tools()
    folder = Path(tempfile.mkdtemp(prefix="ktrdr-base-"))
    try:
        folder.chmod(0o755)  # apt fetches as a user of its own
        layer = folder / "layer.tar"
        _bootstrap(made, folder, layer, say)
        yield write_archive(made, layer, folder / "image.tar")
    finally:
        # One file system only: should a mount of the bootstrap have stayed, what is behind it is not ours.
        subprocess.run(["rm", "-rf", "--one-file-system", str(folder)], check=False)


def command(made: Recipe, sources: Path, layer: Path, settings: list[str]) -> list[str]:
    """Return mmdebstrap's command line."""
    slim = f'chroot "$1" /usr/bin/python3 -IB - {made.python} <{shlex.quote(str(SLIM))}'
    hooks = [f"--hook-dir={MERGED_USR}"] if MERGED_USR.is_dir() else []
    options = [f"--aptopt={setting}" for setting in settings]
    # The machine's own passwords for its mirrors; the file is read where it lies and never copied.
    options += ['--aptopt=Dir::Etc::netrc "/etc/apt/auth.conf"', '--aptopt=Dir::Etc::netrcparts "/etc/apt/auth.conf.d"']
    return [
        *("mmdebstrap", "--mode=root", "--variant=essential", f"--architectures={made.architecture}", *hooks),
        *(f"--skip={SKIP}", f"--include={','.join(made.packages)}", *options),
        *(f"--customize-hook={slim}", "--format=tar", made.suite, str(layer), str(sources)),
    ]


def environment(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the variables of a bootstrap: of the machine's only those that find files, as packages' scripts see them.

    PYTHONPYCACHEPREFIX, for one, would lead the bytecode that these scripts compile into a folder named as one of ours.
    """
    clean = {"SOURCE_DATE_EPOCH": str(EPOCH), "LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONHASHSEED": "0"}
    own = {name: value for name, value in environ.items() if name in HANDED_ON or name.lower().endswith("_proxy")}
    return {**own, **clean, "TMPDIR": str(folder)}


def _bootstrap(made: Recipe, folder: Path, layer: Path, say: Callable[[str], None]) -> None:
    sources = folder / "ktrdr.sources"
    sources.write_text(apt.own_sources(made.suite), encoding="utf-8")
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True, timeout=30).stdout
    process = subprocess.Popen(
        [*_ended_with_parent(), *command(made, sources, layer, apt.access_settings(dump))],
        env=environment(os.environ, folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    tail: list[str] = []
    late = threading.Event()

    def too_late() -> None:
        late.set()
        _end(process)

    timer = threading.Timer(SECONDS, too_late)
    timer.start()
    try:
        for line in process.stderr or ():
            tail = [*tail[-30:], line.rstrip()]
            if line.startswith("I: ") and line.rstrip().endswith("..."):
                say(f"base: {line[3:].rstrip().rstrip('.')}")
        with contextlib.suppress(subprocess.TimeoutExpired):  # it has closed its output: ending it is all that is left
            process.wait(30)
    finally:
        timer.cancel()
        _end(process)
    if process.returncode or not layer.is_file():
        wrong = f"it did not end within {SECONDS:.0f} s" if late.is_set() else _last_words(tail)
        raise Problem(DOING, wrong, "see that the package mirror answers (apt-get update), or set PYTHON_IMAGE")


def _ended_with_parent() -> list[str]:
    """Return a prefix that lets the kernel end a command when its parent was killed (prctl(2), PR_SET_PDEATHSIG)."""
    return ["setpriv", "--pdeathsig=TERM"] if shutil.which("setpriv") else []


def _end(process: "subprocess.Popen[str]") -> None:
    """End the bootstrap with all its children; at SIGTERM it removes its own mounts."""
    processes.end(process.pid, 10.0, 5.0, group=True)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1.0)


def _last_words(lines: list[str]) -> str:
    signs = ("E: ", "dpkg: error", "the suite's", "no Debian package")
    telling = [line for line in lines if line.startswith(signs) or "Error" in line]
    return "\n  ".join((telling or lines)[-6:]) or "mmdebstrap said nothing"


def write_archive(made: Recipe, layer: Path, path: Path) -> Path:
    """Write the archive that `docker load` takes: one layer, and a configuration in which nothing varies."""
    with tarfile.open(layer, "a") as tar:  # the devices are Docker's; the directory itself has to be there
        devices = tarfile.TarInfo("./dev")
        devices.type, devices.mode, devices.mtime = tarfile.DIRTYPE, 0o755, EPOCH
        tar.addfile(devices)
    with layer.open("rb") as stream:
        diff_id = hashlib.file_digest(stream, "sha256").hexdigest()
    with tarfile.open(layer) as tar:
        packages = digest_of(installed(text_in(tar, f"./{STATUS}")))
    document = json.dumps(image_config(made, f"sha256:{diff_id}", packages), sort_keys=True).encode()
    name = f"{hashlib.sha256(document).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": [made.reference], "Layers": [f"{diff_id}/layer.tar"]}]
    with tarfile.open(path, "w") as tar:
        for member, data in ((name, document), ("manifest.json", json.dumps(manifest).encode())):
            entry = tarfile.TarInfo(member)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
        tar.add(layer, f"{diff_id}/layer.tar")
    return path


def text_in(tar: tarfile.TarFile, name: str) -> str:
    """Return a file's text in an archive; Problem where it is not there."""
    with contextlib.suppress(KeyError):
        if (stream := tar.extractfile(name)) is not None:
            return stream.read().decode("utf-8")
    raise Problem(DOING, f"it has no {name}", "see that the package mirror gives whole packages, or set PYTHON_IMAGE")


def image_config(made: Recipe, diff_id: str, packages: str) -> dict[str, Any]:
    """Return the image's configuration document; ``packages`` is the digest of the package list."""
    labels = {LABEL: made.digest, f"{LABEL}.python": made.python, f"{LABEL}.suite": made.suite}
    labels |= {PLACE: f"{made.suite}/{made.architecture}", PACKAGES_LABEL: packages}
    history = f"mmdebstrap {made.suite}: {' '.join(made.packages)} (recipe {made.digest[:12]})"
    return {
        "architecture": made.architecture,
        "os": "linux",
        "created": CREATED,
        "config": {**made.config(), "Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created": CREATED, "created_by": history}],
    }
