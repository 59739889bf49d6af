"""A fault as data: a thin layer that spoils a good image, and the finding that it must cause."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from verify.verdict import Category, Outcome

SITE = "/opt/venv/lib/python3.11/site-packages"
MAIN = f"{SITE}/ktrdr/api/main.py"

# What befalls an image, or its record, between its build and its verification.
Accident = Literal["", "image removed", "record lost", "tag moved", "export cut off"]


@dataclass(frozen=True)
class Fault:
    """What is wrong, and the check that must say so with this outcome and category.

    ``lines`` are Dockerfile lines over the good backend image, the smallest one; the result is judged by the contract
    of ``role``, with the keys in ``contract`` changed. ``says`` are words of the finding, ``hides`` one that no finding
    may show.
    """

    name: str
    lines: str
    check: str
    outcome: Outcome = "FAIL"
    category: Category = "CODE_BUG"
    role: str = "backend"
    says: tuple[str, ...] = ()
    hides: str = ""
    accident: Accident = ""
    contract: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def file(path: str, text: str, mode: str = "644") -> str:
    """Return the line that puts a file, owned by root, into the image."""
    return f"COPY --chmod={mode} <<'END' {path}\n{text.strip()}\nEND\n"


def as_root(script: str) -> str:
    """Return the lines that run a shell script as root and leave the image's user as it was."""
    return f"USER 0:0\nRUN <<'END'\nset -e\n{script.strip()}\nEND\nUSER 10001:10001\n"


def into_main(text: str, *, at: Literal["top", "bottom"] = "bottom") -> str:
    """Return the lines that add to the application's main module; its bytecode, never checked again, has to go."""
    pieces = [f"cat >>/tmp/main.py <<'ADDED'\n{text.strip()}\nADDED", f"cat {MAIN} >>/tmp/main.py"]
    script = "\n".join(pieces if at == "top" else reversed(pieces))
    return as_root(f"{script}\ncat /tmp/main.py >{MAIN}\nrm /tmp/main.py {SITE}/ktrdr/api/__pycache__/main.*")


def distribution(name: str, version: str, site: str = SITE) -> str:
    """Return the line that puts a distribution's metadata, and nothing else of it, into the image."""
    directory = f"{site}/{name.replace('-', '_')}-{version}.dist-info"
    return file(f"{directory}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}")


def torch(source: str, version: str = "2.13.0+cpu", locked: str = "2.13.0") -> str:
    """Return the lines that put a stand-in for torch into the image: a module and its metadata."""
    module = f"__version__ = {version!r}\n{source.strip()}"
    return file(f"{SITE}/torch/__init__.py", module) + distribution("torch", locked)
