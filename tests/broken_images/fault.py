"""A fault as data: a thin layer that spoils a good image, and the finding that it must cause."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from deploy.allowed_files import AllowedFile, FileKind
from verify.judge.verdict import Category, Outcome

SITE = "/opt/venv/lib/python3.11/site-packages"
API = "/api/v1"
ADDRESS = "http://127.0.0.1"
SECRET = "hunter2-correct-horse"  # noqa: S105 - the secret that must be found and not shown
MARKUP = "</pre></details><script>document.title = 'harmed'</script><img src=x onerror=harm()> | `x` [y](javascript:z)"

# Where the application's code lies, by the role of the image that a fault starts from
PACKAGE = {
    **dict.fromkeys(("backend", "worker-cpu", "worker-gpu"), f"{SITE}/ktrdr"), "dev": "/app/ktrdr",
}  # fmt: skip
MAIN = f"{PACKAGE['backend']}/api/main.py"

# What befalls an image, or its record, between its build and its verification.
Accident = Literal[
    "", "image removed", "record lost", "tag moved", "export cut off", "engine refuses", "source changed"
]


@dataclass(frozen=True)
class Fault:
    """What is wrong, and the check that must say so with this outcome and category.

    ``lines`` are Dockerfile lines over the good image of the role ``base``, the smallest unless it has to be another.
    The result is judged by the contract of ``role``, with the keys in ``contract`` changed, and is looked at for at
    most about ``seconds`` where it would take for ever otherwise. One that is ``slow`` for another reason is begun
    early, too, so that others run while it waits. ``says`` are words of the finding, ``hides`` one that nothing that is
    written may show. With the outcome PASS the image is good: no check may fail. ``despite`` are patterns of the checks
    that may fail beside, as those of a file that the lines change; where there are any, no others may. Lines may build
    the image anew over ``$BASE``, the base image, with ``$REVISION`` and stage 0, the good image. The first
    ``base_grows`` of its layers then belong to the base, too. ``platform`` is what its configuration says in place of
    the engine's. A check on images together compares it with the good backend, and so it is another role's.
    """

    name: str
    lines: str
    check: str
    outcome: Outcome = "FAIL"
    category: Category | None = "CODE_BUG"
    role: str = "backend"
    base: str = "backend"
    says: tuple[str, ...] = ()
    hides: str = ""
    accident: Accident = ""
    contract: Mapping[str, Any] = field(default_factory=dict)
    platform: str = ""
    seconds: float | None = None
    slow: bool = False
    base_grows: int = 0
    despite: tuple[str, ...] = ()

    @property
    def begun(self) -> int:
        """Its place among the faults of a suite, as a key to sort by: the longest first, so that none is waited for."""
        return 0 if self.seconds or self.slow else 1 + (self.base == self.role == "backend")

    def __str__(self) -> str:
        return self.name


def good(name: str, lines: str, check: str, **more: Any) -> Fault:
    """Return an image that looks odd and is good, with the check that would be mistaken in it."""
    return Fault(name, lines, check, "PASS", None, **more)


def allowing(path: str, kind: FileKind = "file", target: str = "") -> dict[str, Any]:
    """Return a role's lines on files: one alone, in the place of its own."""
    return {"files": {path: AllowedFile(kind=kind, target=target, reason="so that this image may have it")}}


def file(path: str, text: str, mode: str = "644") -> str:
    """Return the line that puts a file, owned by root, into the image."""
    return f"COPY --chmod={mode} <<'END' {path}\n{text.strip()}\nEND\n"


def as_root(script: str) -> str:
    """Return the lines that run a shell script as root and leave the image's user as it was."""
    return f"USER 0:0\nRUN <<'END'\nset -e\n{script.strip()}\nEND\nUSER 10001:10001\n"


def into(module: str, text: str, *, at: Literal["top", "bottom"] = "bottom", base: str = "backend") -> str:
    """Return the lines that add to a module of the application; its bytecode, never checked again, has to go."""
    path = f"{PACKAGE[base]}/{module}.py"
    directory, _, name = path.removesuffix(".py").rpartition("/")
    pieces = [f"cat >>/tmp/module.py <<'ADDED'\n{text.strip()}\nADDED", f"cat {path} >>/tmp/module.py"]
    script = "\n".join(pieces if at == "top" else reversed(pieces))
    return as_root(f"{script}\ncat /tmp/module.py >{path}\nrm -f /tmp/module.py {directory}/__pycache__/{name}.*")


def into_main(text: str, *, at: Literal["top", "bottom"] = "bottom", base: str = "backend") -> str:
    """Return the lines that add to the application's main module."""
    return into("api/main", text, at=at, base=base)


def distribution(name: str, version: str, site: str = SITE) -> str:
    """Return the line that puts a distribution's metadata, and nothing else of it, into the image."""
    directory = f"{site}/{name.replace('-', '_')}-{version}.dist-info"
    return file(f"{directory}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}")


def package(name: str, source: str = "") -> str:
    """Return the line that puts a package without metadata into the image."""
    return file(f"{SITE}/{name}/__init__.py", source or f"name = {name!r}")


def torch(source: str, version: str = "2.13.0+cpu", locked: str = "2.13.0") -> str:
    """Return the lines that put a stand-in for torch into the image: a module and its metadata."""
    module = f"__version__ = {version!r}\n{source.strip()}"
    return file(f"{SITE}/torch/__init__.py", module) + distribution("torch", locked)
